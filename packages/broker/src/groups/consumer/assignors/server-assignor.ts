import type { PartitionSets } from '../partition-sets.ts'

export interface AssignorMember {
  readonly id: string
  readonly instanceId: string | null
  /** Ids of the topics it reads, of those that exist. */
  readonly topics: ReadonlySet<string>
  /** What it was meant to have before. */
  readonly current: PartitionSets
}

/** Deals partitions out on the broker (KIP-848). Pure. */
export interface ServerAssignor {
  readonly name: string
  /** @param counts partitions of every topic that a member reads @returns every member's part, by member id */
  assign(
    members: readonly AssignorMember[],
    counts: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, PartitionSets>
}
