import { MillraceError } from '@millrace/core'
import { ProblemError } from '@millrace/runtime'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const paymentsProblems = {
  MR_PAYMENTS_ACCOUNT_NOT_FOUND: 404,
  MR_PAYMENTS_TOO_MUCH: 409,
  MR_PAYMENTS_FAULTS_CLOSED: 403,
} as const

export function paymentsProblem(code: keyof typeof paymentsProblems, detail: string): ProblemError {
  return new ProblemError(paymentsProblems[code], code, detail)
}

/** Faults that no client sees: calls of the provider that are made again. */
export const paymentsErrors = {
  MR_PAYMENTS_PROVIDER_FAILED: { retryable: true },
  MR_PAYMENTS_PROVIDER_TIMEOUT: { retryable: true },
} as const

export class PaymentsError extends MillraceError<keyof typeof paymentsErrors> {
  constructor(
    code: keyof typeof paymentsErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, paymentsErrors[code].retryable, message, details, options)
  }
}
