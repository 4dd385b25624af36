/** How the partitions of a group's topics are dealt out. The member that the coordinator makes leader does it for all. */
import type { TopicPartition } from './types.ts'

/** The assignors that are there, by Kafka's names. */
export type AssignorName = 'range' | 'roundrobin' | 'cooperative-sticky'

/** A member, as it told the group about itself when it joined. */
export interface GroupMember {
  readonly memberId: string
  /** Static members (KIP-345) keep their place over restarts. */
  readonly instanceId: string | null
  readonly topics: readonly string[]
  /** What it says to own already; always empty where all give up everything before they join. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** Generation in which it came to own them; -1 for none, or not told. */
  readonly generationId: number
  /** What the assignor of that member added. */
  readonly userData: Buffer | null
}

/** What one member gets. */
export interface MemberShare {
  readonly partitions: readonly TopicPartition[]
  /** For `onAssignment` of the assignor there. */
  readonly userData?: Buffer | null
}

/**
 * A way of dealing out partitions, known to the group by its name: members may be of different clients, as long as all know one name.
 * Range, round-robin and cooperative-sticky are there; others may be given to `createConsumer`.
 */
export interface PartitionAssignor {
  readonly name: string
  /**
   * Members keep their partitions while they join, and give up only what moves (KIP-429): such an assignor leaves out of a share
   * what another member still owns, and deals it out in the rebalance that follows.
   */
  readonly isCooperative: boolean
  /** What to tell the leader about this member, called before it joins. */
  userData?(about: { readonly generationId: number }): Buffer | null
  /**
   * Called at the leader.
   * @param partitionCounts of each topic that exists
   * @returns the share of each member, by member id
   */
  assign(
    members: readonly GroupMember[],
    partitionCounts: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, MemberShare>
  /** This member's share has come; called before its partitions are read. */
  onAssignment?(share: Required<MemberShare>, generationId: number): void
}

/** As Kafka's `MemberInfo`: static members first, by their instance id; then the others by member id. */
export function compareMembers(a: GroupMember, b: GroupMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compareText(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compareText(a.memberId, b.memberId)
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
