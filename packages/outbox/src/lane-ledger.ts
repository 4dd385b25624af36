import type { Clock, Logger, Random } from '@millrace/core'
import type { Database, Transaction } from '@millrace/postgres'
import type { LaneLease } from './lane-lease.ts'
import type { OutboxMetrics } from './metrics.ts'
import { issuesOf, isFinal, receiptsOf } from './outcome-rows.ts'
import { ChunkOutcome } from './send-chunk.ts'
import type { Chunk } from './set-reader.ts'
import { isFencedError, noReceipts, type AdvanceLane, type LaneCursor } from './sql/advance-lane.ts'
import type { Statements } from './statements.ts'

/** A chunk that the lane's row claims, flushed: it may be on its topics or not. */
export interface ClaimedChunk extends Chunk {
  readonly batchNo: bigint
}

/** A chunk that is settled, and what became of it. */
export interface SettledBatch {
  readonly batchNo: bigint
  readonly outcome: ChunkOutcome
}

export interface LedgerContext {
  readonly database: Database
  readonly sql: Statements
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: OutboxMetrics
  readonly retryBackoff: { readonly baseMs: number; readonly maxMs: number }
}

/** How a move of the cursor is written. */
export interface MoveOptions {
  readonly settled?: SettledBatch | undefined
  /** See `AdvanceLane.isFlushed`. */
  readonly isFlushed: boolean
  /** See `AdvanceLane.keepsResends`. */
  readonly keepsResends?: boolean
  /** Its events came from issues: those are cleared, and what waited for them goes on. */
  readonly isDue?: boolean
}

/**
 * The lane's row, as its leader writes it: where the cursor is, what is claimed, and the receipts and issues of what is settled, all of
 * it in one statement where nothing went wrong. Owned by the leader's loop; `cursor` is what the last write said.
 */
export class LaneLedger {
  readonly #context: LedgerContext
  readonly #lease: LaneLease
  readonly #slots: readonly number[]
  #cursor: LaneCursor

  constructor(
    context: LedgerContext,
    lease: LaneLease,
    slots: readonly number[],
    cursor: LaneCursor,
  ) {
    this.#context = context
    this.#lease = lease
    this.#slots = slots
    this.#cursor = cursor
  }

  get cursor(): LaneCursor {
    return this.#cursor
  }

  /** Batch numbers begin above what is on the topics: the data may have been restored from an older state. */
  numberAbove(marker: bigint): void {
    const { batchNo } = this.#cursor
    this.#cursor = { ...this.#cursor, batchNo: marker > batchNo ? marker : batchNo }
  }

  /** The claim of a chunk behind everything that was claimed before. Not written yet. */
  claim(chunk: Chunk): ClaimedChunk {
    return { ...chunk, batchNo: this.#cursor.batchNo + 1n }
  }

  /** Writes `cursor` with the commit of `tx`; `committed` is to be called when that has happened. */
  moveAtCommit(tx: Transaction, cursor: LaneCursor, keepsResends = false): void {
    const advance = this.#advance({ cursor, isFlushed: true, keepsResends })
    this.#context.sql.advanceLane.atCommit(tx, advance)
  }

  committed(cursor: LaneCursor): void {
    this.#cursor = cursor
  }

  /** @throws OutboxError `MR_OUTBOX_RELAY_FENCED`; PostgresError */
  async move(cursor: LaneCursor, options: MoveOptions): Promise<void> {
    const { database, sql, clock, metrics } = this.#context
    const { settled, isFlushed, isDue = false, keepsResends = false } = options
    const askedAtMs = clock.monotonicMs()
    const outcome = settled?.outcome ?? new ChunkOutcome()
    const issues = issuesOf(outcome, this.#timing())
    const advance = this.#advance({
      cursor,
      isFlushed,
      keepsResends,
      receipts: settled ? receiptsOf(outcome, settled.batchNo, isDue) : noReceipts,
      failedCount: outcome.refused.filter(isFinal).length,
    })
    // The common case is one statement and its own transaction.
    if (issues.length === 0 && !isDue) await this.orFenced(sql.advanceLane.now(database, advance))
    else
      await database.transaction(async (tx) => {
        await this.orFenced(sql.advanceLane.now(tx, advance, isDue))
        if (isDue)
          await sql.clearIssues(
            tx,
            outcome.published.map((event) => event.eventId),
          )
        await sql.writeIssues(tx, issues)
        await sql.blockKeys(tx, outcome.newlyBlocked)
        if (isDue) await sql.resumeKeys(tx, this.#slots)
      })
    this.#cursor = cursor
    this.#lease.renewedAt(askedAtMs)
    if (settled) metrics.finished(outcome, clock.now())
    this.#report(outcome)
  }

  /** Claims due events, before they are sent. Flushed. */
  async claimDue(eventIds: readonly string[]): Promise<bigint> {
    const { database, sql } = this.#context
    const cursor = { ...this.#cursor, batchNo: this.#cursor.batchNo + 1n }
    await database.transaction(async (tx) => {
      await sql.claimDue(tx, cursor.batchNo, eventIds)
      const advance = this.#advance({ cursor, isFlushed: true, keepsResends: true })
      await this.orFenced(sql.advanceLane.now(tx, advance))
    })
    this.#cursor = cursor
    return cursor.batchNo
  }

  /** See `countResend`. @throws OutboxError `MR_OUTBOX_RELAY_FENCED` */
  async countResend(): Promise<number> {
    const { database, sql } = this.#context
    const { lane, epoch } = this.#lease
    const count = await sql.countResend(database, lane, epoch)
    if (count === undefined) throw this.#lease.fence()
    return count
  }

  async orFenced<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing
    } catch (error) {
      throw isFencedError(error) ? this.#lease.fence() : error
    }
  }

  #advance(fields: Pick<AdvanceLane, 'cursor' | 'isFlushed'> & Partial<AdvanceLane>): AdvanceLane {
    const { lane, epoch, leaseMs } = this.#lease
    return { receipts: noReceipts, failedCount: 0, lane, epoch, leaseMs, ...fields }
  }

  #timing() {
    const { clock, random, retryBackoff } = this.#context
    return { nowMs: clock.now(), random, backoff: retryBackoff }
  }

  #report(outcome: ChunkOutcome): void {
    for (const refused of outcome.refused) {
      const { eventId, topic } = refused.event
      const fields = { eventId, topic, error: refused.error }
      const { logger } = this.#context
      if (isFinal(refused)) logger.error('An event failed: the broker refuses it for good', fields)
      else logger.warn('The broker refused an event; it is tried again', fields)
    }
  }
}
