import { STATUS_CODES } from 'node:http'
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import { sendable } from '../runtime/workers/worker-messages.ts'

/** HTTP status by code; what is not here is a fault of the server. */
const statuses: Partial<Record<StreamsErrorCode, number>> = {
  MR_STREAMS_BAD_QUERY: 400,
  MR_STREAMS_UNKNOWN_STORE: 404,
  // The instance does not serve that partition; another one does (RFC 9110).
  MR_STREAMS_NOT_OWNER: 421,
  MR_STREAMS_INSTANCE_UNREACHABLE: 502,
  MR_STREAMS_STORE_NOT_READY: 503,
  MR_STREAMS_POSITION_NOT_REACHED: 503,
  MR_STREAMS_QUERIES_FULL: 503,
  MR_STREAMS_CLOSED: 503,
}

export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An error as a problem document (RFC 9457) with the error's code and details. */
export function problemAnswer(error: unknown, path: string): ProblemAnswer {
  const known = error instanceof StreamsError ? error : undefined
  const status = known ? (statuses[known.code] ?? 500) : 500
  const code = known?.code ?? 'MR_STREAMS_PROCESSING_FAILED'
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' }
  if (status === 503) headers['retry-after'] = '1'
  const owner = known?.details['applicationServer']
  if (status === 421 && typeof owner === 'string') headers['location'] = `http://${owner}${path}`
  return {
    status,
    headers,
    body: problemBody(status, code, String(known?.message ?? error), known?.details),
  }
}

/** A problem of the request itself. */
export function plainProblem(status: number, detail: string): ProblemAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: problemBody(status, 'MR_STREAMS_BAD_QUERY', detail, {}),
  }
}

function problemBody(
  status: number,
  code: string,
  detail: string,
  details: Readonly<Record<string, unknown>> | undefined,
): string {
  const problem = {
    type: `urn:millrace:problem:${code}`,
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    details: sendable(details),
  }
  return JSON.stringify(problem, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}
