import { assert } from '@millrace/core'
import type { ConsumerMember } from './consumer-member.ts'
import { eachPartition, noPartitions, type PartitionSets } from './partition-sets.ts'

/**
 * The members of a consumer group, what each is meant to have, and which partitions are taken: no two members hold one, and that is asserted
 * with every change.
 */
export class MemberTable implements Iterable<ConsumerMember> {
  readonly #byId = new Map<string, ConsumerMember>()
  readonly #targets = new Map<string, PartitionSets>()
  readonly #idByInstance = new Map<string, string>()
  /** `topic id/partition` of what somebody has, or has not given up yet. */
  readonly #taken = new Set<string>()

  get size(): number {
    return this.#byId.size
  }

  [Symbol.iterator](): Iterator<ConsumerMember> {
    return this.#byId.values()
  }

  get(memberId: string): ConsumerMember | undefined {
    return this.#byId.get(memberId)
  }

  ofInstance(instanceId: string): ConsumerMember | undefined {
    return this.#byId.get(this.#idByInstance.get(instanceId) ?? '')
  }

  targetOf(memberId: string): PartitionSets {
    return this.#targets.get(memberId) ?? noPartitions
  }

  isFree(topicId: string, partition: number): boolean {
    return !this.#taken.has(key(topicId, partition))
  }

  put(member: ConsumerMember, target: PartitionSets): void {
    const before = this.#byId.get(member.id)
    // Most heartbeats change neither.
    if (before?.assigned !== member.assigned || before.revoking !== member.revoking) {
      this.#release(before)
      this.#take(member)
    }
    this.#byId.set(member.id, member)
    this.#targets.set(member.id, target)
    if (member.instanceId !== null) this.#idByInstance.set(member.instanceId, member.id)
  }

  setTarget(memberId: string, target: PartitionSets): void {
    this.#targets.set(memberId, target)
  }

  remove(member: ConsumerMember): void {
    this.#release(this.#byId.get(member.id))
    this.#byId.delete(member.id)
    this.#targets.delete(member.id)
    if (member.instanceId !== null && this.#idByInstance.get(member.instanceId) === member.id)
      this.#idByInstance.delete(member.instanceId)
  }

  clear(): void {
    for (const member of this.#byId.values()) this.remove(member)
  }

  #take(member: ConsumerMember): void {
    for (const partitions of [member.assigned, member.revoking])
      for (const [topicId, partition] of eachPartition(partitions)) {
        const taken = key(topicId, partition)
        assert(!this.#taken.has(taken), `Partition ${taken} would have two owners`)
        this.#taken.add(taken)
      }
  }

  #release(member: ConsumerMember | undefined): void {
    if (member === undefined) return
    for (const partitions of [member.assigned, member.revoking])
      for (const [topicId, partition] of eachPartition(partitions))
        this.#taken.delete(key(topicId, partition))
  }
}

function key(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}
