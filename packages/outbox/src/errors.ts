import { MillraceError } from '@millrace/core'
import { PostgresError } from '@millrace/postgres'

/** Codes of this package. */
export const outboxErrors = {
  /** An option is missing or out of bounds. */
  MR_OUTBOX_BAD_OPTION: { retryable: false },
  /** An event cannot be published as it is: envelope, contract, id, key or topic. Nothing was written. */
  MR_OUTBOX_INVALID_EVENT: { retryable: false },
  /** An event is larger than a record may be. Nothing was written. */
  MR_OUTBOX_EVENT_TOO_LARGE: { retryable: false },
  /** `publish` came after the work of its transaction was over. Nothing was written. */
  MR_OUTBOX_TRANSACTION_OVER: { retryable: false },
  /** An event's id belongs to a day that is archived: restore it first. Nothing was written. */
  MR_OUTBOX_DAY_ARCHIVED: { retryable: false },
  /** A filter of the log has a value it cannot have. Nothing was read. */
  MR_OUTBOX_BAD_FILTER: { retryable: false },
  /** The schema holds no outbox: `migrate()` did not run. */
  MR_OUTBOX_NOT_INSTALLED: { retryable: false },
  /** Another relay took the lane over. This one stops at once; what it had sent and not marked is sent again by the other. */
  MR_OUTBOX_RELAY_FENCED: { retryable: true },
  /** The number of lanes cannot change while a relay leads one, or a chunk is in doubt. */
  MR_OUTBOX_LANES_IN_USE: { retryable: true },
  /** Relays ended, again and again, while they were sending this event; it is taken for the cause and FAILED. */
  MR_OUTBOX_ATTEMPTS_INTERRUPTED: { retryable: false },
  /** The relay or outbox was closed. */
  MR_OUTBOX_CLOSED: { retryable: false },
} as const

export class OutboxError extends MillraceError<keyof typeof outboxErrors> {
  constructor(
    code: keyof typeof outboxErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, outboxErrors[code].retryable, message, details, options)
  }
}

/** A check violation without a constraint: no partition takes the row. */
export function isWithoutPartition(error: unknown): boolean {
  return (
    error instanceof PostgresError &&
    error.sqlState === '23514' &&
    error.details['constraint'] === undefined
  )
}

/** What an event is refused with when relays never came to the end of sending it. */
export function interrupted(eventId: string, count: number): OutboxError {
  return new OutboxError(
    'MR_OUTBOX_ATTEMPTS_INTERRUPTED',
    `Relays ended ${count} times in a row while they were sending event ${eventId} alone. It is taken for the cause and not sent again by itself; look at its payload and at how the relays ended, then retry it.`,
    { eventId, count },
  )
}
