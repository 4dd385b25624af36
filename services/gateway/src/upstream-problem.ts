import { ProblemError } from '@millrace/runtime'

/** What kept a service's answer from arriving, for the client: which part it was, and whether a repeat is safe. */
export function upstreamProblem(serviceName: string, error: unknown): ProblemError {
  const causes = causesOf(error)
  const own = causes.find((cause) => cause instanceof ProblemError)
  if (own) return own
  const codes = causes.map((cause) => String((cause as { code?: unknown }).code))
  if (codes.includes('UND_ERR_HEADERS_TIMEOUT')) {
    return new ProblemError(
      504,
      'MR_GATEWAY_TIMEOUT',
      `${serviceName} took the request but did not answer in time. What was asked may still happen: look before you send it again.`,
      { cause: error },
    )
  }
  const isUntouched = isConnectFailure(error)
  return new ProblemError(
    503,
    'MR_GATEWAY_SERVICE_DOWN',
    isUntouched
      ? `${serviceName} does not answer just now. Nothing was changed; try again in a moment.`
      : `The connection to ${serviceName} broke while it worked on this. What was asked may have happened: look before you send it again.`,
    { headers: { 'retry-after': '1' }, cause: error },
  )
}

/** True when no connection came about, so the service never saw the request. */
export function isConnectFailure(error: unknown): boolean {
  return causesOf(error).some((cause) =>
    ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(
      String((cause as { code?: unknown }).code),
    ),
  )
}

/** The error and what it was caused by; several addresses of one host fail as an AggregateError. */
function causesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return [error, ...inner, ...causesOf(error.cause)]
}
