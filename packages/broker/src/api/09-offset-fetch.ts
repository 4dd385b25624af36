import {
  errorCodes,
  offsetFetchApi,
  type OffsetFetchRequest,
  type OffsetFetchResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/**
 * OffsetFetch (key 9), versions 1–9: committed offsets of a group, from v8 of several. Offset -1 where nothing is committed. Null topics
 * (from v2) ask for all that the group has. With `requireStable` (from v7) an offset that an open transaction may still change is
 * UNSTABLE_OFFSET_COMMIT (KIP-447), and the client asks again.
 *
 * A member of a consumer group may say who it is (from v9, KIP-848): UNKNOWN_MEMBER_ID or STALE_MEMBER_EPOCH where it is not, or not any more.
 */
export const offsetFetch = serve({ api: offsetFetchApi, versions: [1, 9], handle })

type TopicsWanted = OffsetFetchRequest['topics']
type TopicAnswer = NonNullable<OffsetFetchResponseInput['topics']>[number]

function handle(
  { groupId, topics, groups, requireStable }: OffsetFetchRequest,
  context: RequestContext,
): OffsetFetchResponseInput {
  if (context.version < 8) return { topics: committedOf(groupId, topics, requireStable, context) }
  return {
    groups: groups.map(({ groupId: id, memberId, memberEpoch, topics: wanted }) => {
      const errorCode = context.broker.groups.checkFetch(id, memberId, memberEpoch)
      const isRefused = errorCode !== errorCodes.NONE
      return {
        groupId: id,
        errorCode,
        topics: isRefused ? [] : committedOf(id, wanted, requireStable, context),
      }
    }),
  }
}

function committedOf(
  groupId: string,
  topics: TopicsWanted,
  requireStable: boolean,
  { broker }: RequestContext,
): TopicAnswer[] {
  const wanted = topics ?? allOf(groupId, broker)
  return wanted.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      if (requireStable && broker.groups.isPending(groupId, name, partitionIndex))
        return unstable(partitionIndex)
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

function unstable(partitionIndex: number): TopicAnswer['partitions'][number] {
  const errorCode = errorCodes.UNSTABLE_OFFSET_COMMIT
  return { partitionIndex, committedOffset: -1n, metadata: '', errorCode }
}

/** What the group has committed, and what waits for a transaction. */
function allOf(groupId: string, broker: RequestContext['broker']): NonNullable<TopicsWanted> {
  const partitionsByTopic = new Map<string, Set<number>>()
  const offsets = broker.groups.find(groupId)?.offsets
  for (const [topic, partition] of [
    ...(offsets?.entries() ?? []),
    ...(offsets?.pendingEntries() ?? []),
  ]) {
    const partitions = partitionsByTopic.get(topic) ?? new Set()
    partitionsByTopic.set(topic, partitions)
    partitions.add(partition)
  }
  return [...partitionsByTopic].map(([name, partitions]) => ({
    name,
    partitionIndexes: [...partitions],
  }))
}
