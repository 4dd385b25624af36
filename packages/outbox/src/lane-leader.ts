import { faults, type Wakeup } from '@millrace/core'
import type { Transaction } from '@millrace/postgres'
import { DueWork } from './due-work.ts'
import type { LaneLease } from './lane-lease.ts'
import {
  LaneLedger,
  type ClaimedChunk,
  type LedgerContext,
  type SettledBatch,
} from './lane-ledger.ts'
import type { LanePublisher } from './lane-publisher.ts'
import { LaneSender, type SenderContext } from './lane-sender.ts'
import type { LaneState } from './metrics.ts'
import { interrupted } from './errors.ts'
import {
  blockedKeysOf,
  ChunkOutcome,
  refuse,
  type BlockedKeys,
  type FailurePolicy,
} from './send-chunk.ts'
import { cutChunk, SetReader, type Chunk, type ChunkLimits } from './set-reader.ts'
import { slotsOfLane } from './slot.ts'
import type { LaneCursor } from './sql/advance-lane.ts'
import type { LaneRow } from './sql/lane-lease.ts'
import type { Tick } from './sql/read-tick.ts'

export interface LeaderContext extends LedgerContext, SenderContext {
  readonly limits: ChunkLimits
  readonly pollIntervalMs: number
  readonly onFailure: FailurePolicy
  /** Parked events beyond which the lane takes up no new ones. */
  readonly maxParked: number
}

/** A claim is at most two chunks of whoever led the lane before; their limit may have been larger than ours. */
const maxClaimedRecords = 200_000
/** How often parked events are counted while keys are blocked, ms. */
const parkedCheckMs = 1_000

/**
 * Publishes a lane for as long as its lease holds. Everything it knows is in the lane's row as well, so that any error simply ends it:
 * the next leader, here or elsewhere, reads the row and goes on. One loop owns all of its state.
 *
 * Two chunks are in hand at a time: while one is with the broker, the next is read and claimed, and the receipts of the one before are
 * written, in one statement. A chunk is sent only when the one before is settled.
 *
 * Invariant: `prev` and `target` in memory are only ever snapshots that a flushed commit followed (see DESIGN, "Snapshots and crashes").
 */
export class LaneLeader {
  readonly #context: LeaderContext
  readonly #lease: LaneLease
  readonly #ledger: LaneLedger
  readonly #sender: LaneSender
  readonly #due: DueWork
  readonly #slots: readonly number[]
  readonly #wakeup: Wakeup
  /** Aborted when the lease is lost or the relay closes. */
  readonly #ended: AbortSignal
  readonly #closing: AbortSignal
  readonly #onState: (state: LaneState) => void
  /** The last batch on the topics when the lane was taken over. */
  #marker = 0n
  #parkedCheckedAtMs = -Infinity
  #isParkedFull = false
  /**
   * `prev` may be as old as whatever kept this lane from looking, so that the next set may be huge: it is begun unread. Reading it at the
   * look, while no renewal may come between, could take longer than the lease, again at each take-over.
   */
  #isPrevOld = true

  constructor(
    context: LeaderContext,
    lane: LaneRow,
    lease: LaneLease,
    publisher: LanePublisher,
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
    this.#ledger = new LaneLedger(context, lease, this.#slots, cursorOf(lane))
    this.#sender = new LaneSender(context, publisher, lease, this.#ended, onState)
    this.#due = new DueWork(context, this.#ledger, this.#sender, this.#slots)
  }

  /** A lease renewal saw this snapshot. While a chunk waits for the broker, it becomes a boundary of later sets. */
  noteSnapshot(snapshot: string): void {
    this.#sender.noteSnapshot(snapshot)
  }

  /** Returns when the relay closes. @throws OutboxError `MR_OUTBOX_RELAY_FENCED`; what the database threw */
  async lead(): Promise<void> {
    this.#marker = await this.#sender.takeOver()
    this.#ledger.numberAbove(this.#marker)
    await this.#due.settleClaimed(this.#marker)
    while (!this.#ended.aborted) {
      const { haltedBy, target } = this.#ledger.cursor
      if (haltedBy !== null) await this.#standStill(haltedBy)
      else if (target !== null) await this.#resume(target)
      else await this.#lookOnce()
    }
    if (!this.#closing.aborted) this.#lease.lost.throwIfAborted()
  }

  /** One look for events, and all of what it finds. */
  async #lookOnce(): Promise<void> {
    this.#onState('IDLE')
    const begun = await this.#beginSet()
    const { tick } = begun
    if (!begun.set && this.#ledger.cursor.target !== null) {
      // Begun unread: `#resume` reads it, here or wherever the lane is led next.
      await faults.at('outbox.relay.afterBegin')
      // As after a set that is read: where one large set follows the other, neither may wait for the last.
      if (tick.hasDue && !this.#ended.aborted) await this.#due.publish(blockedKeysOf(tick.blocked))
      await this.#checkParked(tick)
      return
    }
    if (begun.set) {
      this.#onState('PUBLISHING')
      await faults.at('outbox.relay.afterClaim')
      await this.#drain(begun.set, [begun.set.first], [], blockedKeysOf(tick.blocked))
    }
    const { cursor } = this.#ledger
    if (tick.hasDue && cursor.target === null && !this.#ended.aborted) {
      this.#onState('PUBLISHING')
      await this.#due.publish(blockedKeysOf(tick.blocked))
    }
    const isIdle = !begun.set && !tick.hasDue && !this.#sender.hasBoundaries
    await this.#checkParked(tick)
    if (isIdle || this.#isParkedFull)
      await this.#wakeup.wait(this.#context.pollIntervalMs, this.#ended)
  }

  /** A refused event holds up everything: only its own next attempt is made. */
  async #standStill(eventId: string): Promise<void> {
    const { database, sql, pollIntervalMs } = this.#context
    this.#onState('HALTED')
    this.#isPrevOld = true
    await this.#lease.describe(`The lane is halted by event ${eventId}, which the broker refused.`)
    const tick = await sql.readTick(database, this.#slots)
    if (tick.hasDue) await this.#due.publish(blockedKeysOf(tick.blocked), eventId)
    if (this.#ledger.cursor.haltedBy !== null) await this.#wakeup.wait(pollIntervalMs, this.#ended)
  }

  async #checkParked(tick: Tick): Promise<void> {
    const { database, sql, clock, maxParked, logger } = this.#context
    const isFullBefore = this.#isParkedFull
    if (tick.blocked.length === 0) this.#isParkedFull = false
    else if (clock.monotonicMs() - this.#parkedCheckedAtMs > parkedCheckMs) {
      this.#isParkedFull = (await sql.countParked(database, this.#slots, maxParked)) >= maxParked
      this.#parkedCheckedAtMs = clock.monotonicMs()
    }
    if (!this.#isParkedFull) return
    this.#onState('HALTED')
    this.#isPrevOld = true
    await this.#lease.describe(
      `${maxParked} events are parked behind refused ones; the lane takes up no new ones.`,
    )
    if (!isFullBefore)
      logger.error('Too many events are parked; the lane waits until refused ones are mended', {
        lane: this.#lease.lane,
        maxParked,
      })
  }

  /** Goes on with a set that was begun: what is claimed of it may be on the topics or not. */
  async #resume(target: string): Promise<void> {
    const { database, sql, limits } = this.#context
    const { prev, lastId, midId, uptoId, batchNo } = this.#ledger.cursor
    const bounds = { prev, target, slots: this.#slots }
    const inDoubt = { ...bounds, afterId: lastId, uptoId }
    const [tick, events] = await database.transaction(
      (tx) =>
        Promise.all([
          sql.readTick(tx, this.#slots),
          uptoId > lastId ? sql.readSet(tx, inDoubt, maxClaimedRecords) : [],
        ]),
      { isReadOnly: true },
    )
    this.#onState('PUBLISHING')
    const reader = new SetReader(database, sql, { ...bounds, afterId: uptoId }, limits)
    const set = { target, reader }
    const claimed = [
      { events: events.filter(({ id }) => id <= midId), uptoId: midId, batchNo: batchNo - 1n },
      { events: events.filter(({ id }) => id > midId), uptoId, batchNo },
    ].filter((chunk) => chunk.events.length > 0)
    const blocked = blockedKeysOf(tick.blocked)
    await this.#settlePublished(claimed, blocked)
    const waiting: Chunk[] = []
    const [next] = claimed
    if (next) await this.#beforeResend(next, claimed, waiting, blocked)
    if (this.#ledger.cursor.haltedBy === null) await this.#drain(set, claimed, waiting, blocked)
  }

  /** Claimed chunks that are on the topics get their receipts, and leave `claimed`. */
  async #settlePublished(claimed: ClaimedChunk[], blocked: BlockedKeys): Promise<void> {
    for (let [chunk] = claimed; chunk && chunk.batchNo <= this.#marker; [chunk] = claimed) {
      const outcome = new ChunkOutcome()
      await this.#sender.send(chunk, blocked, outcome)
      const cursor = { ...this.#ledger.cursor, lastId: chunk.uptoId, midId: chunk.uptoId }
      await this.#ledger.move(cursor, {
        settled: { batchNo: chunk.batchNo, outcome },
        isFlushed: true,
      })
      claimed.shift()
    }
  }

  /**
   * A claim whose leaders ended while they sent it, twice: it is cut in halves, so that an event that makes relays crash comes to stand
   * alone, and after its last attempt fails.
   */
  async #beforeResend(
    chunk: ClaimedChunk,
    claimed: ClaimedChunk[],
    waiting: Chunk[],
    blocked: BlockedKeys,
  ): Promise<void> {
    const count = await this.#ledger.countResend()
    if (count < 2) return
    const [event] = chunk.events
    if (chunk.events.length > 1) {
      const [half, ...others] = cutChunk(chunk, chunk.events.length >> 1)
      waiting.push(...others, ...claimed.slice(1))
      claimed.splice(0, claimed.length, await this.#claimAnew(half as Chunk))
    } else if (event && count > event.maxRetries) {
      const final = { ...event, retryCount: event.maxRetries - 1 }
      const outcome = new ChunkOutcome()
      refuse(final, interrupted(event.eventId, count), this.#context.onFailure, blocked, outcome)
      claimed.shift()
      await this.#settleRefused(chunk, outcome, claimed[0])
    }
  }

  /**
   * Looks for events, and claims the first chunk of what it finds. Snapshot, rows and claim run in one session: had Postgres crashed in
   * between, the claim would fail with it, and so can never stand for rows that the crash took back. Two round trips: look, and
   * claim with the commit. Where the set may be huge it is only begun, with nothing claimed.
   */
  async #beginSet(): Promise<{ tick: Tick; set?: PendingSet & { first: ClaimedChunk } }> {
    const { database, sql, limits, clock } = this.#context
    const askedAtMs = clock.monotonicMs()
    const { prev } = this.#ledger.cursor
    const look = async (tx: Transaction) => {
      const boundary = this.#sender.takeBoundary()
      const range = { prev, slots: this.#slots, afterId: 0n }
      const isUnread = this.#isPrevOld || this.#isParkedFull
      const [tick, page] = await Promise.all([
        sql.readTick(tx, this.#slots),
        isUnread ? [] : sql.readSet(tx, { ...range, target: boundary ?? null }, limits.records),
      ])
      const target = boundary ?? tick.snapshot
      if (isUnread && !this.#isParkedFull) {
        const cursor = { ...this.#ledger.cursor, target, lastId: 0n, midId: 0n, uptoId: 0n }
        this.#ledger.moveAtCommit(tx, cursor, true)
        return { tick, cursor }
      }
      const reader = new SetReader(database, sql, { ...range, target }, limits, page)
      const chunk = reader.take()
      if (chunk) {
        const first = this.#ledger.claim(chunk)
        const { uptoId, batchNo } = first
        const claim = { prev, target, lastId: 0n, midId: 0n, uptoId, batchNo, haltedBy: null }
        this.#ledger.moveAtCommit(tx, claim)
        return { tick, cursor: claim, set: { target, reader, first } }
      }
      if (boundary !== undefined || !this.#lease.isDue || this.#isParkedFull) return { tick }
      const cursor = { ...this.#ledger.cursor, prev: target }
      this.#ledger.moveAtCommit(tx, cursor)
      return { tick, cursor }
    }
    // Repeatable read, so that tick and set see the same; therefore no renewal may touch the lane's row meanwhile.
    const begun = await this.#lease.withoutRenewals(() =>
      this.#ledger.orFenced(database.transaction(look, { isolation: 'repeatable read' })),
    )
    if (begun.cursor) {
      this.#ledger.committed(begun.cursor)
      this.#lease.renewedAt(askedAtMs)
      this.#isPrevOld = false
    }
    return { tick: begun.tick, ...(begun.set && { set: begun.set }) }
  }

  /**
   * Publishes a set. `claimed` are chunks of it that the lane's row claims, `waiting` some that come next, before the reader's. Owns both.
   */
  async #drain(
    set: PendingSet,
    claimed: ClaimedChunk[],
    waiting: Chunk[],
    blocked: BlockedKeys,
  ): Promise<void> {
    const { reader } = set
    let settled: SettledChunk | undefined
    try {
      let current = claimed.shift() ?? (await this.#claimNext(waiting, reader))
      while (current && !this.#ended.aborted) {
        const outcome = new ChunkOutcome()
        const sending = this.#sender.send(current, blocked, outcome)
        const ahead: ClaimedChunk | undefined = await this.#sender.beside(sending, async () => {
          const next = claimed.shift()
          const chunk = next ?? (await this.#next(waiting, reader))
          const claim = next ?? (chunk && this.#ledger.claim(chunk))
          await this.#moveOn(settled, current as ClaimedChunk, claim, claim !== next)
          return claim
        })
        settled = undefined
        const refusal = await sending
        if (!refusal) {
          settled = { chunk: current, outcome }
          await faults.at('outbox.relay.afterPublish')
          current = ahead
        } else if (refusal.event) {
          refuse(refusal.event, refusal.error, this.#context.onFailure, blocked, outcome)
          await this.#settleRefused(current, outcome, ahead)
          if (this.#ledger.cursor.haltedBy !== null) return
          current = ahead
        } else {
          const pieces = cutChunk(current, refusal.cutAt)
          waiting.unshift(...pieces.slice(1), ...(ahead ? [ahead] : []))
          current = await this.#claimAnew(pieces[0] as Chunk)
        }
      }
      await this.#endSet(set, settled, current === undefined)
    } finally {
      // What came in while so much went out may be as much.
      this.#isPrevOld ||= reader.isLarge
      await this.#unlessEnded(reader.stop())
    }
  }

  /** Undefined at the end of the set, and as soon as the lane is not ours any more: to look up the next of a large set may take seconds. */
  async #next(waiting: Chunk[], reader: SetReader): Promise<Chunk | undefined> {
    if (this.#ended.aborted) return undefined
    return waiting.shift() ?? this.#unlessEnded(reader.next())
  }

  /** Undefined as soon as the lane is not ours any more; the work, which only reads, goes on then and nobody hears of it. */
  async #unlessEnded<T>(work: Promise<T>): Promise<T | undefined> {
    const ended = Promise.withResolvers<undefined>()
    const onEnded = (): void => ended.resolve(undefined)
    this.#ended.addEventListener('abort', onEnded, { once: true })
    if (this.#ended.aborted) onEnded()
    try {
      return await Promise.race([work, ended.promise])
    } finally {
      this.#ended.removeEventListener('abort', onEnded)
    }
  }

  async #claimNext(waiting: Chunk[], reader: SetReader): Promise<ClaimedChunk | undefined> {
    const chunk = await this.#next(waiting, reader)
    if (!chunk) return undefined
    const claim = await this.#claimAnew(chunk)
    await faults.at('outbox.relay.afterClaim')
    return claim
  }

  /** Claims `chunk` alone, in place of all that was claimed and not sent. */
  async #claimAnew(chunk: Chunk): Promise<ClaimedChunk> {
    const claim = this.#ledger.claim(chunk)
    const { cursor } = this.#ledger
    const { uptoId, batchNo } = claim
    await this.#ledger.move(
      { ...cursor, midId: cursor.lastId, uptoId, batchNo },
      { isFlushed: true },
    )
    return claim
  }

  /** Receipts of the chunk before the one under way, and the claim of the one behind it. */
  async #moveOn(
    settled: SettledChunk | undefined,
    current: ClaimedChunk,
    ahead: ClaimedChunk | undefined,
    isNewClaim: boolean,
  ): Promise<void> {
    if (!settled && !isNewClaim) return
    const lastId = settled?.chunk.uptoId ?? this.#ledger.cursor.lastId
    const { uptoId, batchNo } = ahead ?? current
    const midId = ahead ? current.uptoId : lastId
    await this.#ledger.move(
      { ...this.#ledger.cursor, lastId, midId, uptoId, batchNo },
      { settled: settled && batchOf(settled), isFlushed: isNewClaim },
    )
    if (settled) await faults.at('outbox.relay.afterMark')
    if (isNewClaim) await faults.at('outbox.relay.afterClaim')
  }

  /**
   * Written before anything else is sent: the next batch number on the topics says of this chunk that it is settled as its plan has it,
   * and a refusal is not in the plan.
   */
  async #settleRefused(
    chunk: ClaimedChunk,
    outcome: ChunkOutcome,
    ahead: ClaimedChunk | undefined,
  ): Promise<void> {
    const isHalted = this.#context.onFailure === 'halt'
    const lastId = chunk.uptoId
    const claim = isHalted ? undefined : ahead
    const cursor = {
      ...this.#ledger.cursor,
      lastId,
      midId: lastId,
      uptoId: claim?.uptoId ?? lastId,
      haltedBy: isHalted ? (outcome.refused[0]?.event.eventId ?? null) : null,
    }
    const settled = { batchNo: chunk.batchNo, outcome }
    await this.#ledger.move(cursor, { settled, isFlushed: true })
  }

  async #endSet(
    set: PendingSet,
    settled: SettledChunk | undefined,
    isExhausted: boolean,
  ): Promise<void> {
    const { cursor } = this.#ledger
    const lastId = settled?.chunk.uptoId ?? cursor.lastId
    // Closing in the middle of a set: the rest stays unclaimed.
    const next: LaneCursor =
      isExhausted && !this.#ended.aborted
        ? { ...cursor, prev: set.target, target: null, lastId: 0n, midId: 0n, uptoId: 0n }
        : { ...cursor, lastId, midId: lastId, uptoId: lastId }
    // What was claimed and never sent is let go, so that a lane that was closed in order is at rest.
    const isReleasing = this.#closing.aborted && !this.#lease.lost.aborted && cursor.uptoId > lastId
    if (next.target !== null && !settled && !isReleasing) return
    await this.#ledger.move(next, {
      settled: settled && batchOf(settled),
      isFlushed: false,
      // The end of a set that was empty tells nothing of what relays die of.
      keepsResends: !settled && !isReleasing,
    })
    if (settled) await faults.at('outbox.relay.afterMark')
  }
}

interface PendingSet {
  readonly target: string
  readonly reader: SetReader
}

/** On its topics, its receipts not written yet. */
interface SettledChunk {
  readonly chunk: ClaimedChunk
  readonly outcome: ChunkOutcome
}

function batchOf({ chunk, outcome }: SettledChunk): SettledBatch {
  return { batchNo: chunk.batchNo, outcome }
}

function cursorOf(lane: LaneRow): LaneCursor {
  const { prev, target, lastId, midId, uptoId, batchNo, haltedBy } = lane
  return { prev, target, lastId, midId, uptoId, batchNo, haltedBy }
}
