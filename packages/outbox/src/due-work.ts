import { faults } from '@millrace/core'
import { firstBytes, planDue } from './due-events.ts'
import { interrupted } from './errors.ts'
import type { LaneLedger, LedgerContext } from './lane-ledger.ts'
import type { LaneSender } from './lane-sender.ts'
import {
  blockedKeysOf,
  ChunkOutcome,
  refuse,
  type BlockedKeys,
  type FailurePolicy,
} from './send-chunk.ts'
import type { ChunkLimits } from './set-reader.ts'
import type { DueEvent } from './sql/issues.ts'

export interface DueContext extends LedgerContext {
  readonly limits: ChunkLimits
  readonly onFailure: FailurePolicy
}

const maxDueRecords = 500

/**
 * Events that waited for a time, or behind a refused one that is mended. No set holds them: a batch of them is claimed in their issues'
 * rows. Part of the leader's loop, between sets.
 */
export class DueWork {
  readonly #context: DueContext
  readonly #ledger: LaneLedger
  readonly #sender: LaneSender
  readonly #slots: readonly number[]
  /** Lowered while one of the next must come to stand alone. */
  #limit = maxDueRecords

  constructor(
    context: DueContext,
    ledger: LaneLedger,
    sender: LaneSender,
    slots: readonly number[],
  ) {
    this.#context = context
    this.#ledger = ledger
    this.#sender = sender
    this.#slots = slots
  }

  /** What an earlier leader had claimed: settled where it is on the topics, else due as before. */
  async settleClaimed(marker: bigint): Promise<void> {
    const { database, sql } = this.#context
    const claimed = await sql.readClaimedDue(database, this.#slots)
    const [first] = claimed?.events ?? []
    if (!claimed || !first) return
    const { batchNo, events } = claimed
    const outcome = new ChunkOutcome()
    if (batchNo <= marker) {
      await this.#sender.sendBatch(events, batchNo, outcome)
      return this.#settle(batchNo, outcome)
    }
    const count = await this.#ledger.countResend()
    if (events.length === 1 && count > first.maxRetries) {
      const tick = await sql.readTick(database, this.#slots)
      const error = interrupted(first.eventId, count)
      const blocked = blockedKeysOf(tick.blocked)
      refuse(
        { ...first, ...attemptsUsedUp(first) },
        error,
        this.#context.onFailure,
        blocked,
        outcome,
      )
      return this.#settle(batchNo, outcome)
    }
    this.#limit = count < 2 ? events.length : Math.max(1, events.length >> 1)
    await sql.releaseDue(
      database,
      events.map((event) => event.eventId),
    )
  }

  /** One batch of what is due; with `onlyEventId` at most that one. */
  async publish(blocked: BlockedKeys, onlyEventId: string | null = null): Promise<void> {
    const { database, sql, limits, onFailure } = this.#context
    const limit = Math.min(this.#limit, limits.records)
    const all = await sql.readDue(database, this.#slots, limit, onlyEventId)
    const due = firstBytes(all, limits.bytes)
    if (due.length === 0) return
    const outcome = new ChunkOutcome()
    const events = planDue(due, blocked, outcome)
    let { batchNo } = this.#ledger.cursor
    if (events.length > 0) {
      const eventIds = events.map((event) => event.eventId)
      batchNo = await this.#ledger.claimDue(eventIds)
      const refusal = await this.#sender.sendBatch(events, batchNo, outcome)
      await faults.at('outbox.relay.afterPublish')
      if (refusal?.event) refuse(refusal.event, refusal.error, onFailure, blocked, outcome)
      else if (refusal) {
        this.#limit = Math.max(1, due.indexOf(events[refusal.cutAt] as DueEvent))
        return sql.releaseDue(database, eventIds)
      }
    }
    await this.#settle(batchNo, outcome)
    this.#limit = maxDueRecords
  }

  async #settle(batchNo: bigint, outcome: ChunkOutcome): Promise<void> {
    const { cursor } = this.#ledger
    const isMended = outcome.published.some((event) => event.eventId === cursor.haltedBy)
    const [refused] = this.#context.onFailure === 'halt' ? outcome.refused : []
    const haltedBy = refused?.event.eventId ?? (isMended ? null : cursor.haltedBy)
    await this.#ledger.move(
      { ...cursor, haltedBy },
      { settled: { batchNo, outcome }, isFlushed: outcome.refused.length > 0, isDue: true },
    )
  }
}

function attemptsUsedUp(event: DueEvent): Pick<DueEvent, 'retryCount'> {
  return { retryCount: Math.max(event.retryCount, event.maxRetries - 1) }
}
