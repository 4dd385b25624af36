/**
 * What memberships of both protocols have in common: one loop that waits, pauses and ends; work beside which the session is kept; commits that
 * bridge an outage; batches that are held too long; and how these are told. What is asked of the coordinator, and what its answers
 * mean, is the protocol's.
 */
import { backoffMs, noopMeter, Wakeup, type Counter, type Meter } from '@millrace/core'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import type { GroupCoordinator, Membership } from './group-coordinator.ts'
import { isWorthTelling } from './retrying.ts'
import type { Subscribed } from './subscribed.ts'
import type { TopicPartition } from './types.ts'

/** What a membership of either protocol needs. */
export interface MembershipOptions {
  readonly subscribed: Subscribed
  readonly rebalanceTimeoutMs: number
  /** How often the leader looks for new partitions, and each member for topics that match. */
  readonly metadataMaxAgeMs: number
  /** Longest that a loop may hold a batch before the member leaves; `undefined` is no limit. */
  readonly maxPollIntervalMs: number | undefined
  readonly meter?: Meter | undefined
  /** What is owned now. */
  readonly owned: () => readonly TopicPartition[]
  /** Since when a loop has held its batch, of all the one that has longest; `undefined` where none is held. */
  readonly heldSinceMs: () => number | undefined
  /**
   * The share of a new generation. What is owned and not in it is given up.
   * @returns whether anything was
   */
  readonly onAssigned: (
    partitions: readonly TopicPartition[],
    generationId: number,
  ) => Promise<boolean>
  /** Everything is given up. `isLost`: others may own it already, so there is nothing to wait for. */
  readonly onRevoked: (isLost: boolean) => Promise<void>
  /** Something that no retry mends; the membership is over. */
  readonly onFailure: (error: Error) => void
}

/** One commit of offsets, attempt by attempt. */
export interface Commit {
  /** As whom to commit, asked before each attempt. @throws KafkaError `MR_KAFKA_FENCED` where that is over */
  readonly member: () => Membership
  readonly send: (member: Membership) => Promise<void>
  /** Whether another attempt may do better. */
  readonly isPassing: (error: unknown, member: Membership) => boolean
}

/** Between attempts, of whatever the loop does. */
export const pauses = { baseMs: 50, maxMs: 1_000 }
/** How often a member that was too slow looks whether its batch has come back. */
const heldCheckMs = 100
/** How long `commit` bridges an outage, or an epoch that it has not heard of, before it gives up. */
const maxCommitMs = 5_000

export class MembershipLoop {
  readonly #cluster: Cluster
  readonly #coordinator: GroupCoordinator
  readonly #options: MembershipOptions
  readonly #closing = new AbortController()
  readonly #wakeup: Wakeup
  readonly #rebalances: Counter

  constructor(cluster: Cluster, coordinator: GroupCoordinator, options: MembershipOptions) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#options = options
    this.#wakeup = new Wakeup(cluster.clock)
    this.#rebalances = (options.meter ?? noopMeter).counter({
      name: 'mr_kafka_rebalances_total',
      help: 'Generations of the consumer group that this member has entered',
      labelNames: ['group'],
    })
  }

  get isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** Ends every wait and pause. */
  close(): void {
    this.#closing.abort()
  }

  /** @returns how many ms late it ends: the event loop was blocked for as long; below 0 where something came sooner */
  async wait(ms: number): Promise<number> {
    const { clock } = this.#cluster
    const dueMs = clock.monotonicMs() + ms
    await this.#wakeup.wait(ms, this.#closing.signal)
    return clock.monotonicMs() - dueMs
  }

  /** Ends the wait for the next heartbeat. */
  heartbeatNow(): void {
    this.#wakeup.signal()
  }

  async pause(ms: number): Promise<void> {
    await this.#cluster.clock.sleep(ms, this.#closing.signal).catch(() => {}) // Closed: the loop's condition ends it.
  }

  /**
   * Heartbeats while `work` goes on.
   * @param beat what it rejects with ends the heartbeats, and is thrown when the work is done
   */
  async withHeartbeats<T>(
    work: Promise<T>,
    intervalMs: () => number,
    beat: () => Promise<void>,
  ): Promise<T> {
    const done = new AbortController()
    const working = work.finally(() => done.abort())
    working.catch(() => {}) // Awaited below, after a heartbeat that may be under way: until then nobody listens.
    const setbacks: unknown[] = []
    while (!done.signal.aborted && setbacks.length === 0) {
      await this.#wakeup.wait(intervalMs(), done.signal)
      if (done.signal.aborted) break
      await beat().catch((error: unknown) => void setbacks.push(error))
    }
    const result = await working
    if (setbacks.length > 0) throw setbacks[0]
    return result
  }

  /** Commits, for 5 s at most where the coordinator stays away. @throws KafkaError */
  async commit({ member, send, isPassing }: Commit): Promise<void> {
    const { clock, requestTimeoutMs } = this.#cluster
    const deadlineMs = clock.monotonicMs() + Math.min(maxCommitMs, requestTimeoutMs)
    for (let attempt = 1; ; attempt++) {
      const present = member()
      try {
        return await send(present)
      } catch (error) {
        this.heartbeatNow() // It finds out what is wrong.
        const pauseMs = backoffMs(attempt, pauses)
        const isTooLate = clock.monotonicMs() + pauseMs > deadlineMs
        if (!isPassing(error, present) || isTooLate) throw error
        await this.pause(pauseMs)
      }
    }
  }

  /** KIP-62: whether a batch is held for longer than a member may. */
  get isHeldTooLong(): boolean {
    const { maxPollIntervalMs, heldSinceMs } = this.#options
    const sinceMs = heldSinceMs()
    return (
      maxPollIntervalMs !== undefined &&
      sinceMs !== undefined &&
      this.#cluster.clock.monotonicMs() - sinceMs > maxPollIntervalMs
    )
  }

  /**
   * Leaves the partitions to others, and resolves once the batch has come back, when the member may join again.
   * @param leave gives everything up and leaves the group
   */
  async stepAside(leave: () => Promise<void>): Promise<void> {
    const { maxPollIntervalMs, heldSinceMs } = this.#options
    const { groupId } = this.#coordinator
    this.#cluster.logger.error('left the group: a batch is held too long', {
      groupId,
      maxPollIntervalMs,
    })
    await leave()
    while (heldSinceMs() !== undefined && !this.isClosing) await this.pause(heldCheckMs)
  }

  countRebalance(): void {
    this.#rebalances.add(1, { group: this.#coordinator.groupId })
  }

  /** Says what went wrong, not at every attempt. */
  tell(message: string, attempt: number, error: unknown): void {
    const { groupId } = this.#coordinator
    if (isWorthTelling(attempt)) this.#cluster.logger.warn(message, { groupId, attempt, error })
  }

  fencedInstance(): KafkaError {
    const { groupId, instanceId } = this.#coordinator
    return new KafkaError(
      'MR_KAFKA_INSTANCE_FENCED',
      `Another process is in group "${groupId}" as instance "${instanceId}"; this one has stopped. Give each process an instanceId of its own.`,
      { groupId, instanceId },
    )
  }
}
