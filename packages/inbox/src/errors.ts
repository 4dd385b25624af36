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
