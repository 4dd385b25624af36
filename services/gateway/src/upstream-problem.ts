import { ProblemError } from '@millrace/runtime'

/** How a request to a service failed. `client`: not by the service, its body broke off or was too large. */
export type FailureKind = 'connect' | 'broken' | 'timeout' | 'client'

export function failureKind(error: unknown): FailureKind {
  const causes = causesOf(error)
  if (causes.some((cause) => cause instanceof ProblemError || cause instanceof ClientGoneError))
    return 'client'
  if (isConnectFailure(error)) return 'connect'
  return causes.some((cause) => codeOf(cause) === 'UND_ERR_HEADERS_TIMEOUT') ? 'timeout' : 'broken'
}

/** The client broke off its request: nobody is left to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/** What kept a service's answer from arriving, for the client: which part it was, and whether a repeat is safe. */
export function upstreamProblem(serviceName: string, error: unknown): ProblemError {
  const own = causesOf(error).find((cause) => cause instanceof ProblemError)
  if (own) return own
  const kind = failureKind(error)
  if (kind === 'timeout') {
    return new ProblemError(
      504,
      'MR_GATEWAY_TIMEOUT',
      `${serviceName} took the request but did not answer in time. What was asked may still happen: look before you send it again.`,
      { cause: error },
    )
  }
  return new ProblemError(
    503,
    'MR_GATEWAY_SERVICE_DOWN',
    kind === 'connect'
      ? `${serviceName} does not answer just now. Nothing was changed; try again in a moment.`
      : `The connection to ${serviceName} broke while it worked on this. What was asked may have happened: look before you send it again.`,
    { headers: { 'retry-after': '1' }, cause: error },
  )
}

/** True when no connection came about, so the service never saw the request. */
export function isConnectFailure(error: unknown): boolean {
  return causesOf(error).some((cause) =>
    ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(
      codeOf(cause),
    ),
  )
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code)
}

/** The error and what it was caused by; several addresses of one host fail as an AggregateError. */
function causesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return [error, ...inner, ...causesOf(error.cause)]
}
