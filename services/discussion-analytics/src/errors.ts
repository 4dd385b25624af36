import { MillraceError } from '@millrace/core'

/** Codes of this service's own faults, and of its problem documents. */
export const analyticsErrors = {
  /** An event names a time that is none; it goes to the dead letters. */
  MR_ANALYTICS_BAD_TIME: { retryable: false },
  /** 404: analytics knows no such thread (yet), or it was deleted. */
  MR_ANALYTICS_THREAD_UNKNOWN: { retryable: false },
  /** 503: as many streams are open as this instance takes. */
  MR_ANALYTICS_TOO_MANY_STREAMS: { retryable: true },
} as const

export class AnalyticsError extends MillraceError<keyof typeof analyticsErrors> {
  constructor(
    code: keyof typeof analyticsErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, analyticsErrors[code].retryable, message, details, options)
  }
}
