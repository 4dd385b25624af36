import { MillraceError } from '@millrace/core'

/** Codes of this package. */
export const inboxErrors = {
  /** An option is out of its bounds; nothing was started. */
  MR_INBOX_BAD_OPTION: { retryable: false },
  /** A filter of a search is not usable; nothing was searched. */
  MR_INBOX_BAD_FILTER: { retryable: false },
  /** A newer generation of the group owns the partition; the batch was rolled back and is dropped. */
  MR_INBOX_FENCED: { retryable: false },
  /** Another transaction handled one of the batch's events first; the batch was rolled back and is tried again. */
  MR_INBOX_CONCURRENT_DUPLICATE: { retryable: true },
  /** The process ended, or lost the partition, during the last attempt that was allowed. */
  MR_INBOX_ATTEMPT_CUT_SHORT: { retryable: false },
  /** The handler took longer than `handlerTimeoutMs`; its transaction was rolled back. */
  MR_INBOX_HANDLER_TIMEOUT: { retryable: true },
  /** A row that is to be handled from the log keeps no payload. */
  MR_INBOX_PAYLOAD_MISSING: { retryable: false },
  /** What is asked of an operation is not usable; nothing was planned or changed. */
  MR_INBOX_BAD_OPERATION: { retryable: false },
  /** No operation has this id. */
  MR_INBOX_OPERATION_UNKNOWN: { retryable: false },
  /** The operation is in a state in which this cannot be done. */
  MR_INBOX_OPERATION_STATE: { retryable: false },
  /** Somebody has as many unconfirmed plans as one may have; nothing was planned. `details.retryAfterMs`: when the first of them expires. */
  MR_INBOX_TOO_MANY_PLANS: { retryable: true },
  /** The plan was not confirmed in time; nothing was changed. */
  MR_INBOX_PLAN_EXPIRED: { retryable: false },
  /** There is more to touch than the plan said; nothing was changed. */
  MR_INBOX_PLAN_STALE: { retryable: false },
  /** The plan says why nothing can be done; nothing was changed. */
  MR_INBOX_PLAN_REFUSED: { retryable: false },
  /** Somebody else edited the event after this edit was planned; nothing was changed. */
  MR_INBOX_ALREADY_EDITED: { retryable: false },
  /** The answer to a request with an Idempotency-Key is larger than what is kept; roll back. */
  MR_INBOX_RESPONSE_TOO_LARGE: { retryable: false },
} as const

export class InboxError extends MillraceError<keyof typeof inboxErrors> {
  constructor(
    code: keyof typeof inboxErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, inboxErrors[code].retryable, message, details, options)
  }
}
