import {
  deleteTopicsApi,
  errorCodes,
  zeroUuid,
  type DeleteTopicsRequest,
  type DeleteTopicsResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/** DeleteTopics (key 20), versions 1–6, from v6 by name or by id. Records, settings and the groups' offsets of the topic go with it. */
export const deleteTopics = serve({ api: deleteTopicsApi, versions: [1, 6], handle })

interface Wanted {
  readonly name: string | null
  readonly topicId: string
}

async function handle(
  request: DeleteTopicsRequest,
  context: RequestContext,
): Promise<DeleteTopicsResponseInput> {
  const wanted =
    context.version >= 6
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  const responses: DeleteTopicsResponseInput['responses'][number][] = []
  for (const one of wanted) responses.push(await remove(one, context))
  return { responses }
}

async function remove(
  { name, topicId }: Wanted,
  { broker }: RequestContext,
): Promise<DeleteTopicsResponseInput['responses'][number]> {
  const topic = name === null ? broker.topics.byId(topicId) : broker.topics.byName(name)
  if (topic === undefined) {
    const errorCode =
      name === null ? errorCodes.UNKNOWN_TOPIC_ID : errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    return { name, topicId, errorCode }
  }
  await broker.topics.delete(topic)
  broker.groups.forgetTopic(topic.name)
  return { name: topic.name, topicId: topic.id, errorCode: errorCodes.NONE }
}
