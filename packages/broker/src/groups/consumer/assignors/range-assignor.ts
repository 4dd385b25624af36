import { addPartition, type PartitionSets } from '../partition-sets.ts'
import type { AssignorMember, ServerAssignor } from './server-assignor.ts'

/**
 * `range`: of every topic each member gets a run of neighbouring partitions, in the same order of members, so that members who read the same topics
 * of equal size get the same partition numbers of each (Kafka: RangeAssignor). Static members come first, by instance id, so that a new
 * member id changes nothing for them.
 */
export const rangeAssignor: ServerAssignor = {
  name: 'range',
  assign: (members, counts) => {
    const shares = new Map<string, Map<string, Set<number>>>()
    for (const { id } of members) shares.set(id, new Map())
    const ordered = members.toSorted(byInstanceThenId)
    for (const [topicId, count] of counts) {
      const readers = ordered.filter(({ topics }) => topics.has(topicId))
      let from = 0
      for (const [index, { id }] of readers.entries()) {
        const size = Math.floor(count / readers.length) + (index < count % readers.length ? 1 : 0)
        for (let partition = from; partition < from + size; partition++)
          addPartition(shares.get(id)!, topicId, partition)
        from += size
      }
    }
    return shares satisfies ReadonlyMap<string, PartitionSets>
  },
}

function byInstanceThenId(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compare(a.id, b.id)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
