/**
 * Kafka's "range" assignment (`RangeAssignor`): of each topic every subscribed member gets a run of partitions, and the first members
 * one more where it does not divide. Topics with equally many partitions are cut alike, so partitions that belong together stay
 * together. Any client that knows "range" may be in the group.
 */
import type { TopicPartition } from './types.ts'

export interface GroupMember {
  readonly memberId: string
  /** Static members (KIP-345) keep their place over restarts. */
  readonly instanceId: string | null
  readonly topics: readonly string[]
}

/** @param partitionCounts of each topic that exists */
export function assignRanges(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const assignment = new Map<string, TopicPartition[]>(
    members.map(({ memberId }) => [memberId, []]),
  )
  const ordered = members.toSorted((a, b) => compare(orderOf(a), orderOf(b)))
  for (const topic of [...partitionCounts.keys()].toSorted(compare)) {
    const subscribed = ordered.filter(({ topics }) => topics.includes(topic))
    const count = partitionCounts.get(topic) as number
    let partition = 0
    subscribed.forEach(({ memberId }, index) => {
      const share =
        Math.floor(count / subscribed.length) + (index < count % subscribed.length ? 1 : 0)
      for (const end = partition + share; partition < end; partition++)
        assignment.get(memberId)?.push({ topic, partition })
    })
  }
  return assignment
}

/** Static members first, by their instance id; then the others by member id. */
function orderOf({ memberId, instanceId }: GroupMember): string {
  return instanceId === null ? `1${memberId}` : `0${instanceId}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
