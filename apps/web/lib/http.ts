import { ApiProblem, problemFrom } from './problem.ts'
import { fetchInSession } from './session.ts'

/** A successful answer, with the ids under which its event can be followed. */
export interface Answer {
  readonly body: unknown
  /** The event this request wrote; null when it wrote none. */
  readonly eventId: string | null
  readonly correlationId: string | null
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  /** For requests that make or end a session themselves: a refusal is the answer, and nothing to renew for. */
  readonly isOutsideSession?: boolean
}

/** Longest wait for an answer. The services answer in milliseconds, but may be starting. */
export const requestTimeoutMs = 15_000

/**
 * One JSON request to the gateway.
 * @throws {ApiProblem} for every answer outside 2xx, and when no answer comes within `requestTimeoutMs`;
 *   an abort by the caller's signal is thrown as it is
 */
export async function request(path: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = 'GET', body, signal, isOutsideSession = false } = options
  const send = isOutsideSession ? fetch : fetchInSession
  const limit = AbortSignal.timeout(requestTimeoutMs)
  const response = await answerOf(path, () =>
    send(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    }),
  )
  const correlationId = response.headers.get('x-correlation-id')
  const parsed = await answerOf(path, () => bodyOf(response))
  if (!response.ok) {
    const retryAfter = response.headers.get('retry-after')
    throw problemFrom(response.status, parsed, correlationId, retryAfter)
  }
  if (parsed === undefined && response.status !== 204) throw notJson(path, response.status)
  return { body: parsed ?? null, eventId: response.headers.get('x-event-id'), correlationId }
}

/** Head or body of an answer: either may be cut off, or come too late. */
async function answerOf<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw unreachable(path, error)
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's HTML page or the like: the status says enough, see problemFrom.
    return undefined
  }
}

function unreachable(path: string, cause: unknown): ApiProblem {
  const isTimeout = cause instanceof DOMException && cause.name === 'TimeoutError'
  return new ApiProblem(
    {
      status: 0,
      code: isTimeout ? 'MR_WEB_TIMEOUT' : 'MR_WEB_UNREACHABLE',
      title: isTimeout ? 'No answer in time' : 'The gateway cannot be reached',
      detail: isTimeout
        ? `${path} did not answer within ${requestTimeoutMs / 1000} s.`
        : 'Nothing answers at this address. Is `npm start` still running?',
      fields: [],
      correlationId: null,
    },
    { cause },
  )
}

function notJson(path: string, status: number): ApiProblem {
  return new ApiProblem({
    status,
    code: 'MR_WEB_BAD_ANSWER',
    title: 'This page could not use the answer',
    detail: `${path} answered ${status} with something that is not JSON.`,
    fields: [],
    correlationId: null,
  })
}
