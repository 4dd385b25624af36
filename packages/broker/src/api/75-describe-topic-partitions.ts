import {
  describeTopicPartitionsApi,
  errorCodes,
  zeroUuid,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponseInput,
} from '@millrace/protocol'
import { limits } from '../limits.ts'
import { describeTopic } from './03-metadata.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * DescribeTopicPartitions (key 75), version 0: partitions of topics by name, page by page (KIP-966). Java's admin asks it before Metadata.
 *
 * - No topics: all of them. A page begins at its cursor and ends after so many partitions, at most 2,000; the answer's cursor begins the next.
 * - A topic that is not there is told with its error, and takes no place on the page.
 *
 * Ignored: eligible leader replicas, of which there are none; authorized operations.
 */
export const describeTopicPartitions = serve({
  api: describeTopicPartitionsApi,
  versions: [0, 0],
  handle: handleDescribeTopicPartitions,
})

type TopicAnswer = DescribeTopicPartitionsResponseInput['topics'][number]

function handleDescribeTopicPartitions(
  request: DescribeTopicPartitionsRequest,
  context: RequestContext,
): DescribeTopicPartitionsResponseInput {
  const { cursor } = request
  if (cursor !== null && cursor.partitionIndex < 0)
    return { topics: request.topics.map(({ name }) => refused(name, errorCodes.INVALID_REQUEST)) }
  const names = namesFrom(request, context)
  const topics: TopicAnswer[] = []
  let left = Math.max(1, Math.min(request.responsePartitionLimit, limits.describedPartitions))
  for (const name of names) {
    const topic = context.broker.topics.byName(name)
    if (topic === undefined) {
      topics.push(refused(name, errorCodes.UNKNOWN_TOPIC_OR_PARTITION))
      continue
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: from } }
    const described = describeTopic(topic, context)
    const partitions = described.partitions
      .slice(from, from + left)
      .map(({ offlineReplicas = [], ...partition }) => ({
        ...partition,
        offlineReplicas,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      }))
    topics.push({ ...described, name, topicId: topic.id, isInternal: false, partitions })
    left -= partitions.length
    const next = from + partitions.length
    if (next < described.partitions.length)
      return { topics, nextCursor: { topicName: name, partitionIndex: next } }
  }
  return { topics, nextCursor: null }
}

/** In the order of their names, from the cursor on. */
function namesFrom(
  { topics, cursor }: DescribeTopicPartitionsRequest,
  { broker }: RequestContext,
): readonly string[] {
  const wanted = topics.length === 0 ? [...broker.topics.all] : topics
  const names = new Set(wanted.map(({ name }) => name))
  const first = cursor?.topicName ?? ''
  return [...names].filter((name) => name >= first).toSorted()
}

function refused(name: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId: zeroUuid, isInternal: false, partitions: [] }
}
