import { STATUS_CODES } from 'node:http'
import { MillraceError } from '@millrace/core'
import { Type, type Static } from 'typebox'

/** One fault of a request: which field, and why, in words for the person who sent it. */
export interface FieldError {
  /** Path of the field as JavaScript would write it: `title`, `options.limit`, `tags[1]`; empty for the whole part. */
  readonly field: string
  readonly reason: string
  /** Part of the request the field stands in; the body when absent. */
  readonly in?: 'body' | 'query' | 'path' | 'headers'
}

/** An RFC 9457 problem document, as every error of every service looks. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Names the kind of problem: urn:millrace:problem:<code>' }),
    title: Type.String({ description: 'The HTTP status in words' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened and what to do, in plain words' }),
    instance: Type.String({ description: 'Path of the request' }),
    code: Type.String({ description: 'Stable; decide by this' }),
    correlationId: Type.String({ description: 'Name it when you ask for help' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          field: Type.String(),
          reason: Type.String(),
          in: Type.Optional(Type.String()),
        }),
      ),
    ),
  },
  { description: 'Problem document (RFC 9457)' },
)

export type Problem = Static<typeof ProblemSchema>

/** Codes of the problems the runtime itself answers with, and their status. Services add their own. */
export const problemCodes = {
  MR_HTTP_VALIDATION: 400,
  MR_HTTP_MALFORMED_JSON: 400,
  MR_HTTP_INVALID_UTF8: 400,
  MR_HTTP_UNSTORABLE_TEXT: 400,
  MR_HTTP_MALFORMED_URL: 400,
  MR_HTTP_BAD_REQUEST: 400,
  MR_HTTP_UNAUTHENTICATED: 401,
  MR_HTTP_FORBIDDEN: 403,
  MR_HTTP_IMPORT_TOKEN: 401,
  MR_HTTP_IMPORT_CLOSED: 403,
  MR_HTTP_NO_ROUTE: 404,
  MR_HTTP_METHOD_NOT_ALLOWED: 405,
  MR_HTTP_IDEMPOTENCY_IN_PROGRESS: 409,
  MR_HTTP_BODY_TOO_LARGE: 413,
  MR_HTTP_URL_TOO_LONG: 414,
  MR_HTTP_UNSUPPORTED_MEDIA_TYPE: 415,
  MR_HTTP_IDEMPOTENCY_MISMATCH: 422,
  MR_HTTP_INTERNAL: 500,
  MR_HTTP_STARTING: 503,
} as const

export interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[]
  /** Further response headers, such as `retry-after` or `allow`. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * An answer to the client that is not a success. Throw it anywhere below a route.
 * @param status 400 to 599
 * @param code stable, `MR_<AREA>_<WHAT>`
 * @param detail for people: what happened, and what to do
 */
export class ProblemError extends MillraceError {
  readonly status: number
  readonly errors: readonly FieldError[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    const { errors, headers, ...errorOptions } = options
    super(code, status === 429 || status === 503, detail, errors ? { errors } : {}, errorOptions)
    this.status = status
    this.errors = errors
    this.headers = headers ?? {}
  }
}

const retrySoon = { 'retry-after': '1' } as const

/** What a thrown value means to the client. Outages are 503, never 500; unknown faults are 500 and say nothing of their inside. */
export function problemOf(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown
  return outageOf(thrown) ?? frameworkProblemOf(thrown) ?? internalProblem(thrown)
}

function outageOf(thrown: unknown): ProblemError | undefined {
  if (!(thrown instanceof MillraceError)) return undefined
  if (thrown.code === 'MR_POSTGRES_COMMIT_UNKNOWN') {
    return new ProblemError(
      503,
      thrown.code,
      'The database went away while this was being stored: it may or may not have happened. Look before you send it again.',
      { headers: retrySoon, cause: thrown },
    )
  }
  if (!thrown.retryable && thrown.code !== 'MR_POSTGRES_UNAVAILABLE') return undefined
  return new ProblemError(
    503,
    thrown.code,
    'A part this service needs is away or busy just now. Nothing was changed; try again in a moment.',
    { headers: retrySoon, cause: thrown },
  )
}

/** Errors of Fastify, by its codes. */
const frameworkRows: Readonly<
  Record<string, { code: keyof typeof problemCodes; detail: string; error?: FieldError }>
> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
    detail: 'This route does not take that content type. Send application/json in UTF-8.',
    error: { field: 'content-type', reason: 'must be application/json', in: 'headers' },
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'MR_HTTP_BODY_TOO_LARGE',
    detail: 'The body is larger than this route takes.',
    error: { field: '', reason: 'is too large', in: 'body' },
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    code: 'MR_HTTP_MALFORMED_JSON',
    detail: 'The body is empty, but its content type says JSON.',
    error: { field: '', reason: 'is empty', in: 'body' },
  },
  FST_ERR_CTP_INVALID_JSON_BODY: {
    code: 'MR_HTTP_MALFORMED_JSON',
    detail: 'The body is not valid JSON, or has a field called __proto__ or constructor.prototype.',
    error: { field: '', reason: 'is not valid JSON', in: 'body' },
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'MR_HTTP_BAD_REQUEST',
    detail: 'The body is not as long as the content-length header says.',
  },
  FST_ERR_BAD_URL: {
    code: 'MR_HTTP_MALFORMED_URL',
    detail: 'The path holds a malformed percent-encoding.',
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'MR_HTTP_URL_TOO_LONG',
    detail: 'A segment of the path is too long.',
  },
}

function frameworkProblemOf(thrown: unknown): ProblemError | undefined {
  if (!(thrown instanceof Error)) return undefined
  const { code, statusCode } = thrown as { code?: unknown; statusCode?: unknown }
  const row = typeof code === 'string' ? frameworkRows[code] : undefined
  if (row) {
    return new ProblemError(problemCodes[row.code], row.code, row.detail, {
      cause: thrown,
      ...(row.error && { errors: [row.error] }),
    })
  }
  // A request that broke off, and other faults of the client that Fastify marks with a status.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ProblemError(statusCode, 'MR_HTTP_BAD_REQUEST', 'The request is not valid.', {
      cause: thrown,
    })
  }
  return undefined
}

function internalProblem(thrown: unknown): ProblemError {
  return new ProblemError(
    500,
    'MR_HTTP_INTERNAL',
    'Something went wrong here. It is logged under the correlation id.',
    { cause: thrown },
  )
}

/** Bounds of what a document repeats of the request, so that no answer is larger than what was asked. */
const maxErrors = 100
const maxFieldLength = 200
const maxDetailLength = 1_000

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`
}

/** The document of a problem. @param url path and query of the request; the query is left out of `instance` */
export function problemDocument(
  problem: ProblemError,
  url: string,
  correlationId: string,
): Problem {
  return {
    type: `urn:millrace:problem:${problem.code}`,
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: cut(problem.message, maxDetailLength),
    instance: url.split('?', 1)[0] ?? '/',
    code: problem.code,
    correlationId,
    ...(problem.errors && {
      errors: problem.errors
        .slice(0, maxErrors)
        .map((error) => ({ ...error, field: cut(error.field, maxFieldLength) })),
    }),
  }
}
