import {
  errorCodes,
  offsetFetchApi,
  type OffsetFetchRequest,
  type OffsetFetchResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/**
 * OffsetFetch (key 9), versions 1–9: committed offsets of a group, from v8 of several. Offset -1 where nothing is committed. Null topics
 * (from v2) ask for all that the group has. `requireStable` (from v7) has nothing to wait for while there are no transactions.
 *
 * Ignored: member id and epoch (v9), which only groups of the new protocol have (KIP-848).
 */
export const offsetFetch = serve({ api: offsetFetchApi, versions: [1, 9], handle })

type TopicsWanted = OffsetFetchRequest['topics']
type TopicAnswer = NonNullable<OffsetFetchResponseInput['topics']>[number]

function handle(
  { groupId, topics, groups }: OffsetFetchRequest,
  context: RequestContext,
): OffsetFetchResponseInput {
  if (context.version < 8) return { topics: committedOf(groupId, topics, context) }
  return {
    groups: groups.map((group) => ({
      groupId: group.groupId,
      errorCode: errorCodes.NONE,
      topics: committedOf(group.groupId, group.topics, context),
    })),
  }
}

function committedOf(
  groupId: string,
  topics: TopicsWanted,
  { broker }: RequestContext,
): TopicAnswer[] {
  const wanted = topics ?? allOf(groupId, broker)
  return wanted.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const committed = broker.groups.committed(groupId, name, partitionIndex)
      return {
        partitionIndex,
        committedOffset: BigInt(committed?.offset ?? -1),
        committedLeaderEpoch: committed?.leaderEpoch ?? -1,
        metadata: committed?.metadata ?? '',
        errorCode: errorCodes.NONE,
      }
    }),
  }))
}

function allOf(groupId: string, broker: RequestContext['broker']): NonNullable<TopicsWanted> {
  const partitionsByTopic = new Map<string, number[]>()
  for (const [topic, partition] of broker.groups.find(groupId)?.offsets.entries() ?? []) {
    const partitions = partitionsByTopic.get(topic) ?? []
    partitionsByTopic.set(topic, partitions)
    partitions.push(partition)
  }
  return [...partitionsByTopic].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
}
