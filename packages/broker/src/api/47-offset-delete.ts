import {
  errorCodes,
  offsetDeleteApi,
  type OffsetDeleteRequest,
  type OffsetDeleteResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/** OffsetDelete (key 47), version 0: a group's offsets of partitions, unless its members read the topic (GROUP_SUBSCRIBED_TO_TOPIC). */
export const offsetDelete = serve({ api: offsetDeleteApi, versions: [0, 0], handle })

async function handle(
  { groupId, topics }: OffsetDeleteRequest,
  { broker }: RequestContext,
): Promise<OffsetDeleteResponseInput> {
  const group = broker.groups.find(groupId)
  if (group === undefined) return { errorCode: errorCodes.GROUP_ID_NOT_FOUND, topics: [] }
  const removed: [string, number][] = []
  const answers = topics.map(({ name, partitions }) => {
    const isSubscribed = group.isSubscribedTo(name)
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        if (isSubscribed) return { partitionIndex, errorCode: errorCodes.GROUP_SUBSCRIBED_TO_TOPIC }
        removed.push([name, partitionIndex])
        return { partitionIndex, errorCode: errorCodes.NONE }
      }),
    }
  })
  await broker.groups.deleteOffsets(groupId, removed)
  return { errorCode: errorCodes.NONE, topics: answers }
}
