import { MillraceError } from '@millrace/core'

/** Codes of this package: faults in starting and describing a service. What HTTP clients see stands in `problem.ts`. */
export const runtimeErrors = {
  /** The definition of a service contradicts itself. */
  MR_RUNTIME_BAD_DEFINITION: { retryable: false },
  /** Keys of the configuration are missing, wrong or unknown; nothing was started. */
  MR_RUNTIME_BAD_CONFIG: { retryable: false },
  /** Another process listens on the port; nothing was started. */
  MR_RUNTIME_PORT_TAKEN: { retryable: false },
  /** The service listens, but what it must do first failed for good. */
  MR_RUNTIME_START_FAILED: { retryable: false },
  /** Tokens cannot be checked: who signs them could not be asked for the keys. */
  MR_RUNTIME_KEYS_UNAVAILABLE: { retryable: true },
  /** The service was closed before it became ready. */
  MR_RUNTIME_CLOSED: { retryable: false },
} as const

export class RuntimeError extends MillraceError<keyof typeof runtimeErrors> {
  constructor(
    code: keyof typeof runtimeErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, runtimeErrors[code].retryable, message, details, options)
  }
}
