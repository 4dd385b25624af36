/** One row per code of a package. Codes are public API: callers decide by `code` and `retryable`, never by text. */
export type ErrorTable = Readonly<Record<string, { readonly retryable: boolean }>>

/**
 * Base of every error class of ours. A package derives one class and owns one table of codes
 * (`MR_<PACKAGE>_<WHAT>`). The message says what happened with values and units, what state things are left in, and
 * what to do next; the same values stand in `details`.
 */
export class MillraceError<Code extends string = string> extends Error {
  readonly code: Code
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: Code,
    retryable: boolean,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: ErrorOptions = {},
  ) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.retryable = retryable
    this.details = details
  }
}

/** The thrown value as an `Error`, whatever was thrown. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}

/** True for the rejection that an aborted `AbortSignal` causes. */
export function isAbortError(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError')
}
