import { MillraceError } from '@millrace/core'

/** Codes of this package. */
export const embeddedErrors = {
  /** There is no Postgres for this machine in node_modules, or it cannot be started here. */
  MR_EMBEDDED_NO_BINARIES: { retryable: false },
  /** Postgres refuses to run as root, and no way to run it as somebody else worked. */
  MR_EMBEDDED_NO_ACCOUNT: { retryable: false },
  /** The port is taken; `details.port` says which. Nothing was started. */
  MR_EMBEDDED_PORT_TAKEN: { retryable: false },
  /** Another living process runs a server on this directory. */
  MR_EMBEDDED_IN_USE: { retryable: true },
  /** The data was written by another major version of Postgres, or is not a whole data directory. */
  MR_EMBEDDED_BAD_DATA: { retryable: false },
  /** The data directory could not be made. */
  MR_EMBEDDED_INIT_FAILED: { retryable: false },
  /** The process ended, or did not get ready in time; `details.log` holds the end of its log. */
  MR_EMBEDDED_START_FAILED: { retryable: true },
} as const

export class EmbeddedError extends MillraceError<keyof typeof embeddedErrors> {
  constructor(
    code: keyof typeof embeddedErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, embeddedErrors[code].retryable, message, details, options)
  }
}
