import { MillraceError } from '@millrace/core'

/** Codes of this package. */
export const eventsErrors = {
  /** A contract contradicts itself or another. */
  MR_EVENTS_BAD_CONTRACT: { retryable: false },
  /** An event does not match its contract; nothing was written. */
  MR_EVENTS_INVALID: { retryable: false },
  /** A key is not of the format that its topic's contracts name; nothing was sent. */
  MR_EVENTS_BAD_KEY: { retryable: false },
  /** The id of an event that another causes cannot be derived from what was given. */
  MR_EVENTS_BAD_CAUSE: { retryable: false },
} as const

export class EventsError extends MillraceError<keyof typeof eventsErrors> {
  constructor(
    code: keyof typeof eventsErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, eventsErrors[code].retryable, message, details, options)
  }
}
