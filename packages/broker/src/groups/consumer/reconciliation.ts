import { MemberState, type ConsumerMember } from './consumer-member.ts'
import {
  addPartition,
  eachPartition,
  hasPartition,
  noPartitions,
  type PartitionSets,
} from './partition-sets.ts'

export interface Target {
  readonly epoch: number
  readonly partitions: PartitionSets
}

export interface Reconciliation {
  readonly target: Target
  /** Whether nobody, the member included, holds the partition or still has to give it up. */
  readonly isFree: (topicId: string, partition: number) => boolean
  /** What the member says it owns; null where it says "as before". */
  readonly owned: PartitionSets | null
}

/**
 * Takes a member one step towards its target (Kafka: CurrentAssignmentBuilder): first it gives up what others are to have, and keeps its
 * epoch until it says that it did; then it gets the target's epoch and what is free of its part; the rest follows as it becomes free.
 * So no partition has two owners at any time, and members do not wait for each other but for partitions.
 */
export function reconcile(member: ConsumerMember, how: Reconciliation): ConsumerMember {
  switch (member.state) {
    case MemberState.STABLE:
      return member.epoch === how.target.epoch ? member : step(member, member.epoch, how)
    case MemberState.UNREVOKED_PARTITIONS:
      return stillOwns(member.revoking, how.owned) ? member : step(member, member.epoch + 1, how)
    case MemberState.UNRELEASED_PARTITIONS:
      return step(member, member.epoch, how)
  }
}

function step(
  member: ConsumerMember,
  epoch: number,
  { target, isFree, owned }: Reconciliation,
): ConsumerMember {
  const assigned = new Map<string, Set<number>>()
  const revoking = new Map<string, Set<number>>()
  for (const [topicId, partition] of eachPartition(member.assigned)) {
    const isKept = hasPartition(target.partitions, topicId, partition)
    addPartition(isKept ? assigned : revoking, topicId, partition)
  }
  if (revoking.size > 0 && stillOwns(revoking, owned))
    return {
      ...member,
      state: MemberState.UNREVOKED_PARTITIONS,
      epoch,
      previousEpoch: member.epoch,
      assigned,
      revoking,
    }
  let isWaiting = false
  for (const [topicId, partition] of eachPartition(target.partitions)) {
    if (hasPartition(assigned, topicId, partition)) continue
    if (isFree(topicId, partition)) addPartition(assigned, topicId, partition)
    else isWaiting = true
  }
  return {
    ...member,
    state: isWaiting ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    epoch: target.epoch,
    previousEpoch: member.epoch,
    assigned,
    revoking: noPartitions,
  }
}

/** A member that does not say what it owns may own it still. */
function stillOwns(revoking: PartitionSets, owned: PartitionSets | null): boolean {
  if (owned === null) return true
  for (const [topicId, partition] of eachPartition(owned))
    if (hasPartition(revoking, topicId, partition)) return true
  return false
}
