import { MillraceError } from '@millrace/core'

/** Codes of the gateway's own faults. What clients see of them stands in `upstream-problem.ts`. */
export const gatewayErrors = {
  /** Started in production mode with the demo session, in which anybody may act as anyone. */
  MR_GATEWAY_DEMO_IN_PRODUCTION: { retryable: false },
  /** IDENTITY_SIGNING_KEY is no private key of Ed25519. */
  MR_GATEWAY_BAD_IDENTITY_KEY: { retryable: false },
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
