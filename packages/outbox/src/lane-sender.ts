import {
  backoffMs,
  faults,
  toError,
  type Clock,
  type Logger,
  type MillraceError,
  type Random,
} from '@millrace/core'
import { PostgresError, type Database } from '@millrace/postgres'
import { OutboxError } from './errors.ts'
import type { LaneLease } from './lane-lease.ts'
import type { LanePublisher } from './lane-publisher.ts'
import type { LaneState, OutboxMetrics } from './metrics.ts'
import {
  countBefore,
  isRefusal,
  planChunk,
  type BlockedKeys,
  type ChunkOutcome,
  type Places,
} from './send-chunk.ts'
import { withPayloads } from './set-reader.ts'
import type { ClaimedChunk } from './lane-ledger.ts'
import type { PendingEvent } from './sql/read-set.ts'
import type { Statements } from './statements.ts'

export interface SenderContext {
  readonly database: Database
  readonly sql: Statements
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: OutboxMetrics
  /** Pauses while the broker is away. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
}

/** The broker will not take a record of a chunk. */
export interface Refusal {
  readonly error: MillraceError
  /** The refused event, where it was alone. */
  readonly event?: PendingEvent
  /** Otherwise, how many events of the chunk to try without the rest. */
  readonly cutAt: number
}

/** Boundaries of sets taken while the broker is away. When full, every second one goes: sets get larger, never lost. */
const maxBoundaries = 1_000

/**
 * The way from a lane to the brokers, through outages: an outage is the lane's, not the events', so nothing is written per row. It goes
 * on trying for as long as the lease holds.
 */
export class LaneSender {
  readonly #context: SenderContext
  readonly #publisher: LanePublisher
  readonly #lease: LaneLease
  readonly #ended: AbortSignal
  readonly #onState: (state: LaneState) => void
  /** Aborted when the lane cannot go on, whatever the brokers do. */
  readonly #given = new AbortController()
  #boundaries: string[] = []
  #isSending = false

  constructor(
    context: SenderContext,
    publisher: LanePublisher,
    lease: LaneLease,
    ended: AbortSignal,
    onState: (state: LaneState) => void,
  ) {
    this.#context = context
    this.#publisher = publisher
    this.#lease = lease
    this.#ended = AbortSignal.any([ended, this.#given.signal])
    this.#onState = onState
  }

  /** A snapshot that a flushed commit followed. While a chunk waits for the broker, it becomes a boundary of later sets. */
  noteSnapshot(snapshot: string): void {
    if (!this.#isSending) return
    this.#boundaries.push(snapshot)
    if (this.#boundaries.length > maxBoundaries)
      this.#boundaries = this.#boundaries.filter((_, index) => index % 2 === 1)
  }

  get hasBoundaries(): boolean {
    return this.#boundaries.length > 0
  }

  takeBoundary(): string | undefined {
    return this.#boundaries.shift()
  }

  /** Shuts earlier leaders out. Gives the last batch on the topics. */
  async takeOver(): Promise<bigint> {
    return this.#throughOutages(() => this.#takeOver())
  }

  /** Sends what of a chunk is to be sent, unless it is on its topics already. A refusal is a value; then nothing of it was sent. */
  async send(
    chunk: ClaimedChunk,
    blocked: BlockedKeys,
    outcome: ChunkOutcome,
  ): Promise<Refusal | undefined> {
    const planned = planChunk(chunk.events, blocked, outcome)
    const sent = await this.sendBatch(planned, chunk.batchNo, outcome)
    if (!sent || sent.event) return sent
    return { ...sent, cutAt: chunk.events.indexOf(planned[sent.cutAt] as PendingEvent) }
  }

  async sendBatch(
    planned: readonly PendingEvent[],
    batchNo: bigint,
    outcome: ChunkOutcome,
  ): Promise<Refusal | undefined> {
    const [first] = planned
    if (!first) return undefined
    const { database, sql } = this.#context
    const events = await withPayloads(database, sql, planned)
    try {
      outcome.places = await this.#throughOutages(() => this.#publish(events, batchNo))
      outcome.published = planned
      return undefined
    } catch (error) {
      if (!isRefusal(error)) throw error
      return planned.length === 1
        ? { error, event: first, cutAt: 1 }
        : { error, cutAt: countBefore(error, planned.length) }
    }
  }

  /** Does `work` while a chunk is with the broker. Where it fails, the lane ends, and what is being sent is waited for. */
  async beside<T>(sending: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    // Awaited later; while the broker is away nobody listens yet.
    sending.catch(() => {})
    try {
      return await work()
    } catch (error) {
      this.#given.abort(error)
      await Promise.allSettled([sending])
      throw error
    }
  }

  async #publish(events: readonly PendingEvent[], batchNo: bigint): Promise<Places> {
    await this.#takeOver()
    await faults.at('outbox.relay.beforePublish')
    return this.#publisher.publish(events, batchNo)
  }

  /** The lease is asked for in the database, not trusted from memory: see `ExactlyOncePublisher.takeOver`. */
  #takeOver(): Promise<bigint> {
    return this.#publisher.takeOver(() => this.#lease.renew())
  }

  async #throughOutages<T>(work: () => Promise<T>): Promise<T> {
    this.#isSending = true
    try {
      for (let attempt = 1; ; attempt++) {
        await this.#lease.ensure()
        try {
          return await work()
        } catch (error) {
          if (this.#ended.aborted || isOurs(error)) throw error
          await this.#backOff(attempt, toError(error))
        }
      }
    } finally {
      this.#isSending = false
    }
  }

  async #backOff(attempt: number, error: Error): Promise<void> {
    const { clock, random, logger, backoff, metrics } = this.#context
    const waitMs = backoffMs(attempt, { ...backoff, random })
    this.#onState('BACKING_OFF')
    metrics.retried()
    const fields = { lane: this.#lease.lane, attempt, waitMs: Math.round(waitMs), error }
    logger.warn('The broker did not take a chunk; the lane backs off and sends it again', fields)
    this.#lease.describeOutage(attempt, error.message)
    this.noteSnapshot(await this.#lease.renew())
    await clock.sleep(waitMs, this.#ended)
    this.#onState('PUBLISHING')
  }
}

/** No outage of the broker: a refusal is the events', everything else the lane's. */
function isOurs(error: unknown): boolean {
  return isRefusal(error) || error instanceof OutboxError || error instanceof PostgresError
}
