import {
  backoffMs,
  faults,
  toError,
  type Clock,
  type Logger,
  type Random,
  type Wakeup,
} from '@millrace/core'
import type { Producer } from '@millrace/kafka'
import type { Database, Transaction } from '@millrace/postgres'
import { firstBytes, planDue } from './due-events.ts'
import type { LaneLease } from './lane-lease.ts'
import type { LaneState, OutboxMetrics } from './metrics.ts'
import { blockedKeyOf, ChunkOutcome, planChunk, sendParts, type BlockedKeys } from './send-chunk.ts'
import { issuesOf, receiptsOf } from './outcome-rows.ts'
import { SetReader, withPayloads, type Chunk, type ChunkLimits } from './set-reader.ts'
import { slotsOfLane } from './slot.ts'
import { isFencedError, noReceipts, type AdvanceLane, type LaneCursor } from './sql/advance-lane.ts'
import type { LaneRow } from './sql/lane-lease.ts'
import type { PendingEvent } from './sql/read-set.ts'
import type { Tick } from './sql/read-tick.ts'
import type { Statements } from './statements.ts'

export interface LeaderContext {
  readonly database: Database
  readonly sql: Statements
  readonly producer: Producer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: OutboxMetrics
  readonly limits: ChunkLimits
  readonly pollIntervalMs: number
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
}

/** Boundaries of sets taken while the broker is away. When full, every second one goes: sets get larger, never lost. */
const maxBoundaries = 1_000
/** A claim is one chunk of whoever led the lane before; its limit may have been larger than ours. */
const maxClaimedRecords = 100_000

/**
 * Publishes a lane for as long as its lease holds. Everything it knows is in the lane's row as well, so that any error simply ends it:
 * the next leader, here or elsewhere, reads the row and goes on. One loop owns all of its state.
 *
 * Invariant: `prev` and `target` in memory are only ever snapshots that a flushed commit followed (see DESIGN, "Snapshots and crashes").
 */
export class LaneLeader {
  readonly #context: LeaderContext
  readonly #lease: LaneLease
  readonly #slots: readonly number[]
  readonly #wakeup: Wakeup
  /** Aborted when the lease is lost or the relay closes. */
  readonly #ended: AbortSignal
  readonly #closing: AbortSignal
  readonly #onState: (state: LaneState) => void
  #boundaries: string[] = []
  #cursor: LaneCursor
  #isSending = false

  constructor(
    context: LeaderContext,
    lane: LaneRow,
    lease: LaneLease,
    wakeup: Wakeup,
    closing: AbortSignal,
    onState: (state: LaneState) => void,
  ) {
    this.#context = context
    this.#lease = lease
    this.#wakeup = wakeup
    this.#closing = closing
    this.#ended = AbortSignal.any([closing, lease.lost])
    this.#onState = onState
    this.#slots = slotsOfLane(lane.lane, lane.laneCount)
    this.#cursor = lane
  }

  /** A lease renewal saw this snapshot. While a chunk waits for the broker, it becomes a boundary of later sets. */
  noteSnapshot(snapshot: string): void {
    if (!this.#isSending) return
    this.#boundaries.push(snapshot)
    if (this.#boundaries.length > maxBoundaries)
      this.#boundaries = this.#boundaries.filter((_, index) => index % 2 === 1)
  }

  /** Returns when the relay closes. @throws OutboxError `MR_OUTBOX_RELAY_FENCED`; what the database threw */
  async lead(): Promise<void> {
    if (this.#cursor.target !== null) await this.#resume(this.#cursor.target)
    while (!this.#ended.aborted) {
      this.#onState('IDLE')
      const begun = await this.#beginSet()
      if (begun.set) {
        this.#onState('PUBLISHING')
        await this.#drain(begun.set, begun.set.first, begun.tick, false)
      }
      if (begun.tick.hasDue && !this.#ended.aborted) await this.#publishDue(begun.tick)
      const isIdle = !begun.set && !begun.tick.hasDue && this.#boundaries.length === 0
      if (isIdle) await this.#wakeup.wait(this.#context.pollIntervalMs, this.#ended)
    }
    if (!this.#closing.aborted) this.#lease.lost.throwIfAborted()
  }

  /** Sends the claimed rows again, since nobody knows whether they reached the topic, and then the rest of their set. */
  async #resume(target: string): Promise<void> {
    const { database, sql, limits } = this.#context
    const { prev, lastId, uptoId } = this.#cursor
    const bounds = { prev, target, slots: this.#slots }
    const rest = { ...bounds, afterId: uptoId }
    const [tick, events, page] = await database.transaction(
      (tx) =>
        Promise.all([
          sql.readTick(tx, this.#slots),
          sql.readSet(tx, { ...bounds, afterId: lastId, uptoId }, maxClaimedRecords),
          sql.readSet(tx, rest, limits.records),
        ]),
      { isReadOnly: true },
    )
    const reader = new SetReader(database, sql, rest, limits, page)
    this.#onState('PUBLISHING')
    await this.#drain({ target, reader }, { events, uptoId }, tick, true)
  }

  /**
   * Looks for events, and claims the first chunk of what it finds. Snapshot, rows and claim run in one session: had Postgres crashed in
   * between, the claim would fail with it, and so can never stand for rows that the crash took back. Two round trips: look, and
   * claim with the commit.
   */
  async #beginSet(): Promise<{ tick: Tick; set?: PendingSet & { first: Chunk } }> {
    const { database, sql, limits, clock } = this.#context
    const askedAtMs = clock.monotonicMs()
    const { prev } = this.#cursor
    const look = async (tx: Transaction) => {
      const boundary = this.#boundaries.shift()
      const range = { prev, slots: this.#slots, afterId: 0n }
      const [tick, page] = await Promise.all([
        sql.readTick(tx, this.#slots),
        sql.readSet(tx, { ...range, target: boundary ?? null }, limits.records),
      ])
      const target = boundary ?? tick.snapshot
      const reader = new SetReader(database, sql, { ...range, target }, limits, page)
      const first = reader.take()
      if (first) {
        const cursor = { ...this.#claim(0n, first), prev, target }
        sql.advanceLane.atCommit(tx, this.#advance({ cursor, isFlushed: true }))
        return { tick, cursor, set: { target, reader, first } }
      }
      if (boundary !== undefined || !this.#lease.isDue) return { tick }
      const cursor = { ...this.#cursor, prev: target }
      sql.advanceLane.atCommit(tx, this.#advance({ cursor, isFlushed: true }))
      return { tick, cursor }
    }
    // Repeatable read, so that tick and set see the same; therefore no renewal may touch the lane's row meanwhile.
    const begun = await this.#lease.withoutRenewals(() =>
      this.#orFenced(database.transaction(look, { isolation: 'repeatable read' })),
    )
    if (begun.cursor) {
      this.#cursor = begun.cursor
      this.#lease.renewedAt(askedAtMs)
    }
    return { tick: begun.tick, ...(begun.set && { set: begun.set }) }
  }

  /** Publishes a set chunk by chunk. `first` is claimed already. While one chunk is with the broker, the next is read. */
  async #drain(set: PendingSet, first: Chunk, tick: Tick, isRepeat: boolean): Promise<void> {
    const { reader } = set
    const blocked = blockedKeysOf(tick)
    let reading: Promise<Chunk | undefined> = Promise.resolve(undefined)
    try {
      await faults.at('outbox.relay.afterClaim')
      for (let chunk: Chunk | undefined = first; chunk; isRepeat = false) {
        reading = reader.next()
        // Awaited below; while the broker is away nobody listens yet.
        reading.catch(() => {})
        const outcome = new ChunkOutcome()
        const events = planChunk(chunk.events, blocked, tick.nowMs, outcome)
        await this.#publish(events, blocked, outcome, async () => {
          await Promise.allSettled([reading])
          await reader.suspend()
        })
        const next: Chunk | undefined = await reading
        await this.#mark(set.target, chunk, outcome, next, isRepeat)
        await faults.at('outbox.relay.afterMark')
        if (this.#ended.aborted) return
        chunk = next
        if (chunk) await faults.at('outbox.relay.afterClaim')
      }
    } finally {
      await Promise.allSettled([reading])
      await reader.suspend()
    }
  }

  /** Sends until the broker took or refused every event. An outage is the lane's, not the events': nothing is written per row. */
  async #publish(
    events: readonly PendingEvent[],
    blocked: BlockedKeys,
    outcome: ChunkOutcome,
    onOutage: () => Promise<void>,
  ): Promise<void> {
    const { database, sql, producer } = this.#context
    const parts = [await withPayloads(database, sql, events)]
    this.#isSending = true
    try {
      for (let attempt = 1; ; attempt++) {
        await this.#lease.ensure()
        await faults.at('outbox.relay.beforePublish')
        try {
          await sendParts(producer, parts, blocked, outcome)
          break
        } catch (error) {
          if (this.#closing.aborted) throw error
          await onOutage()
          await this.#backOff(attempt, toError(error))
        }
      }
    } finally {
      this.#isSending = false
    }
    await faults.at('outbox.relay.afterPublish')
  }

  async #backOff(attempt: number, error: Error): Promise<void> {
    const { clock, random, logger, backoff } = this.#context
    const waitMs = backoffMs(attempt, { ...backoff, random })
    this.#onState('BACKING_OFF')
    const fields = { lane: this.#lease.lane, attempt, waitMs: Math.round(waitMs), error }
    logger.warn('The broker did not take a chunk; the lane backs off and sends it again', fields)
    this.#lease.describeOutage(attempt, error.message)
    this.noteSnapshot(await this.#lease.renew())
    await clock.sleep(waitMs, this.#ended)
    this.#onState('PUBLISHING')
  }

  /** Receipts, issues, the cursor behind `chunk`, and the claim of `next`: one transaction. */
  async #mark(
    target: string,
    chunk: Chunk,
    outcome: ChunkOutcome,
    next: Chunk | undefined,
    isRepeat: boolean,
  ): Promise<void> {
    const askedAtMs = this.#context.clock.monotonicMs()
    const cursor = this.#cursorAfter(target, chunk, next)
    await this.#finish(outcome, cursor, next !== undefined, isRepeat)
    this.#cursor = cursor
    this.#lease.renewedAt(askedAtMs)
  }

  #cursorAfter(target: string, chunk: Chunk, next: Chunk | undefined): LaneCursor {
    const { prev, batchNo } = this.#cursor
    if (!next) return { prev: target, target: null, lastId: 0n, uptoId: 0n, batchNo }
    // Closing in the middle of a set: the rest stays unclaimed.
    if (this.#ended.aborted)
      return { prev, target, lastId: chunk.uptoId, uptoId: chunk.uptoId, batchNo }
    return { ...this.#claim(chunk.uptoId, next), prev, target }
  }

  #claim(lastId: bigint, chunk: Chunk): Omit<LaneCursor, 'prev' | 'target'> {
    return { lastId, uptoId: chunk.uptoId, batchNo: this.#cursor.batchNo + 1n }
  }

  /** Events that waited for a time, or behind a refused one that is mended. Their set is the issues themselves. */
  async #publishDue(tick: Tick): Promise<void> {
    const { database, sql, limits } = this.#context
    const all = await sql.readDue(database, this.#slots, Math.min(500, limits.records))
    const due = firstBytes(all, limits.bytes)
    const blocked = blockedKeysOf(tick)
    const outcome = new ChunkOutcome()
    const events = planDue(due, blocked, outcome)
    this.#onState('PUBLISHING')
    await this.#publish(events, blocked, outcome, async () => {})
    await this.#finish(outcome, this.#cursor, false, true)
  }

  async #finish(
    outcome: ChunkOutcome,
    cursor: LaneCursor,
    isFlushed: boolean,
    isRepeat: boolean,
  ): Promise<void> {
    const { database, sql, metrics, clock, logger } = this.#context
    const advance = {
      cursor,
      isFlushed,
      receipts: receiptsOf(outcome, this.#cursor.batchNo),
      failedCount: outcome.refused.length,
    }
    const issues = issuesOf(outcome)
    // The common case is one statement and its own transaction.
    if (issues.length === 0 && !isRepeat)
      await this.#orFenced(sql.advanceLane.now(database, this.#advance(advance)))
    else {
      await database.transaction(async (tx) => {
        await this.#orFenced(sql.advanceLane.now(tx, this.#advance(advance), isRepeat))
        if (isRepeat)
          await sql.clearIssues(
            tx,
            outcome.published.map((event) => event.eventId),
          )
        await sql.writeIssues(tx, issues)
        await sql.blockKeys(tx, outcome.newlyBlocked)
        if (isRepeat) await sql.resumeKeys(tx, this.#slots)
      })
    }
    for (const { event, error } of outcome.refused) {
      const { eventId, topic } = event
      logger.error('The broker refused an event for good; later events of its key wait', {
        eventId,
        topic,
        error,
      })
    }
    metrics.finished(outcome, clock.now())
  }

  #advance(fields: Pick<AdvanceLane, 'cursor' | 'isFlushed'> & Partial<AdvanceLane>): AdvanceLane {
    const { lane, epoch, leaseMs } = this.#lease
    return { receipts: noReceipts, failedCount: 0, lane, epoch, leaseMs, ...fields }
  }

  async #orFenced<T>(advancing: Promise<T>): Promise<T> {
    try {
      return await advancing
    } catch (error) {
      throw isFencedError(error) ? this.#lease.fence() : error
    }
  }
}

interface PendingSet {
  readonly target: string
  readonly reader: SetReader
}

function blockedKeysOf(tick: Tick): BlockedKeys {
  return new Map(tick.blocked.map(([topic, key, head]) => [blockedKeyOf(topic, key), head]))
}
