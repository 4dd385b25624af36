import type { Clock } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import type { Transaction } from '@millrace/postgres'
import { OutboxError } from './errors.ts'
import { toEventRow, type EventRules, type NewEventRow, type PublishOptions } from './event-row.ts'

/** A business transaction that can publish. */
export interface OutboxTransaction extends Transaction {
  /**
   * Keeps the event for the end of the transaction, where all events are written together with the commit, in the order of the calls.
   * They exist exactly if the transaction commits. An event with a derived id that is in the log already is not written again.
   * @throws OutboxError `MR_OUTBOX_INVALID_EVENT`, `MR_OUTBOX_EVENT_TOO_LARGE`, `MR_OUTBOX_TRANSACTION_OVER`; at once, with nothing written
   */
  publish(event: EventEnvelope, options: PublishOptions): void
}

/** Checks events as they come and keeps their rows in `rows`. */
export class BufferedTransaction implements OutboxTransaction {
  readonly #tx: Transaction
  readonly #rows: NewEventRow[]
  readonly #rules: EventRules
  readonly #clock: Clock
  readonly query: Transaction['query']
  readonly queryLast: Transaction['queryLast']
  #isOver = false

  constructor(tx: Transaction, rows: NewEventRow[], rules: EventRules, clock: Clock) {
    this.#tx = tx
    this.#rows = rows
    this.#rules = rules
    this.#clock = clock
    this.query = (statement, values) => this.#tx.query(statement, values)
    this.queryLast = (statement, values) => this.#tx.queryLast(statement, values)
  }

  publish(event: EventEnvelope, options: PublishOptions): void {
    if (this.#isOver) {
      throw new OutboxError(
        'MR_OUTBOX_TRANSACTION_OVER',
        `Event ${event.eventId} was published after its transaction was over; it was not written. Publish inside the work of the transaction and await everything there.`,
        { eventId: event.eventId },
      )
    }
    this.#rows.push(toEventRow(event, options, this.#rules, this.#clock.now()))
  }

  seal(): void {
    this.#isOver = true
  }
}
