import { MillraceError } from '@millrace/core'

/** Codes of `npm start` and `npm run import`. Each message ends with what to do. */
export const devErrors = {
  /** Another supervisor runs on this data directory. */
  MR_DEV_ALREADY_RUNNING: { retryable: false },
  /** The data directory was written by a version whose format this one does not read. */
  MR_DEV_DATA_FORMAT: { retryable: false },
  /** A data directory, or an option, cannot be used. */
  MR_DEV_BAD_OPTION: { retryable: false },
  /** A part did not become ready. */
  MR_DEV_PART_FAILED: { retryable: true },
  /** The file to import cannot be read, or the platform to import into cannot be reached or refuses. */
  MR_DEV_IMPORT_FAILED: { retryable: false },
} as const

export class DevError extends MillraceError<keyof typeof devErrors> {
  constructor(
    code: keyof typeof devErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, devErrors[code].retryable, message, details, options)
  }
}
