import { MillraceError } from '@millrace/core'

/** Codes of the gateway's own faults. What clients see of them stands in `upstream-problem.ts`. */
export const gatewayErrors = {
  /** Started in production mode, where there is no way to tell who a request comes from. */
  MR_GATEWAY_NO_IDENTITY: { retryable: false },
} as const

export class GatewayError extends MillraceError<keyof typeof gatewayErrors> {
  constructor(
    code: keyof typeof gatewayErrors,
    message: string,
    details?: Readonly<Record<string, unknown>>,
  ) {
    super(code, gatewayErrors[code].retryable, message, details)
  }
}
