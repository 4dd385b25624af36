/**
 * What a consumer owns, and who is at work on it. A loop holds one batch at a time, and a partition is held by one loop at a time.
 * Giving up goes one after the other: a partition that is to go is handed out no more, the batch under way may be finished and
 * committed, then its signal is aborted, the user told, and the partition dropped.
 */
import { Wakeup, type Clock } from '@millrace/core'
import { AssignedPartition } from './assigned-partition.ts'
import { partitionKey } from './partition-key.ts'
import type { TopicPartition } from './types.ts'

export interface OwnedPartitionsOptions {
  readonly clock: Clock
  /** How long a batch may still be finished when its partition is to be given up. */
  readonly drainMs: number
  /** Partitions are given up: still owned unless they are lost, so that what was handled can be committed. */
  readonly onGivenUp: (partitions: readonly TopicPartition[], isLost: boolean) => Promise<void>
}

export class OwnedPartitions {
  readonly #options: OwnedPartitionsOptions
  /** In the order of turns. */
  #owned: AssignedPartition[] = []
  /** What the loops hold, and since when; longest first. */
  readonly #held = new Map<AssignedPartition, number>()
  readonly #cameBack: Wakeup
  #givingUp: Promise<void> = Promise.resolve()
  /** Since the last assignment: somebody else may own the partitions. */
  #isLost = false

  constructor(options: OwnedPartitionsOptions) {
    this.#options = options
    this.#cameBack = new Wakeup(options.clock)
  }

  get all(): readonly AssignedPartition[] {
    return this.#owned
  }

  /** Since when the loop that is at work longest has its batch. */
  get heldSinceMs(): number | undefined {
    for (const sinceMs of this.#held.values()) return sinceMs
    return undefined
  }

  find({ topic, partition }: TopicPartition): AssignedPartition | undefined {
    return this.#owned.find((row) => row.topic === topic && row.partition === partition)
  }

  has(partition: AssignedPartition): boolean {
    return this.#owned.includes(partition)
  }

  /** Owned, but not among these. */
  others(than: readonly TopicPartition[]): readonly AssignedPartition[] {
    const kept = new Set(than.map(partitionKey))
    return this.#owned.filter((row) => !kept.has(partitionKey(row)))
  }

  /** Owns these as well; gives those that were not owned before. */
  add(partitions: readonly TopicPartition[], generationId: number): readonly AssignedPartition[] {
    this.#isLost = false
    const owned = new Set(this.#owned.map(partitionKey))
    const added = partitions
      .filter((row) => !owned.has(partitionKey(row)))
      .map((row) => new AssignedPartition(row, generationId))
    this.#owned.push(...added)
    return added
  }

  /** A partition with something to hand out that no loop holds, now held; `release` gives it back. */
  hold(): AssignedPartition | undefined {
    const index = this.#owned.findIndex(
      (each) => each.hasRecords && !each.isPaused && !each.isLeaving && !this.#held.has(each),
    )
    if (index < 0) return undefined
    const [partition] = this.#owned.splice(index, 1) as [AssignedPartition]
    this.#owned.push(partition) // To the end of the order, so that every partition gets its turn.
    this.#held.set(partition, this.#options.clock.monotonicMs())
    return partition
  }

  /** The loop came back for more (`isDone`), or was left. */
  release(partition: AssignedPartition, isDone: boolean): void {
    if (isDone) partition.comeBack()
    else partition.putBack()
    this.#held.delete(partition)
    this.#cameBack.signal()
  }

  /**
   * Gives up `which`, looked at once more when it is its turn. `isLost`: others may own them already, so nothing is waited for, not
   * by those that are being given up either.
   */
  giveUp(which: () => readonly AssignedPartition[], isLost: boolean): Promise<void> {
    for (const partition of which()) partition.isLeaving = true
    if (isLost) {
      this.#isLost = true
      this.#cameBack.signal()
    }
    const givingUp = this.#givingUp.then(() => this.#giveUpNow(which()))
    this.#givingUp = givingUp.catch(() => {}) // Told to its own caller.
    return givingUp
  }

  /** Drops them at once, with nobody told. */
  drop(partitions: readonly AssignedPartition[]): void {
    for (const { end } of partitions) end.abort()
    this.#owned = this.#owned.filter((row) => !partitions.includes(row))
  }

  async #giveUpNow(given: readonly AssignedPartition[]): Promise<void> {
    if (given.length === 0) return
    await this.#drain(given)
    for (const { end } of given) end.abort()
    try {
      const told = given.map(({ topic, partition }) => ({ topic, partition }))
      await this.#options.onGivenUp(told, this.#isLost)
    } finally {
      this.drop(given)
    }
  }

  /** Waits for the batches under way, for a while, and only as long as the partitions are ours. */
  async #drain(given: readonly AssignedPartition[]): Promise<void> {
    const { clock, drainMs } = this.#options
    const deadlineMs = clock.monotonicMs() + drainMs
    while (!this.#isLost && given.some((each) => this.#held.has(each))) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) return
      await this.#cameBack.wait(leftMs)
    }
  }
}
