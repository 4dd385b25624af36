/** Codes of faults that the page itself finds; all others come from the services' problem documents. */
export const webErrors = {
  MR_WEB_UNREACHABLE: { retryable: true },
  MR_WEB_TIMEOUT: { retryable: true },
  MR_WEB_BAD_ANSWER: { retryable: false },
  MR_WEB_COOKIES_REFUSED: { retryable: false },
  MR_WEB_ADDRESS_TAKEN: { retryable: false },
} as const

export interface FieldReason {
  readonly field: string
  readonly reason: string
}

export interface ProblemFacts {
  /** HTTP status; 0 when no answer came at all. */
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string | null
  readonly fields: readonly FieldReason[]
  readonly correlationId: string | null
  /** How long the answer asked to wait before the next try, ms. */
  readonly retryAfterMs?: number
}

/** What went wrong with a request, in the words of RFC 9457, whoever noticed it. */
export class ApiProblem extends Error {
  readonly facts: ProblemFacts

  constructor(facts: ProblemFacts, options?: ErrorOptions) {
    super(facts.detail === null ? facts.title : `${facts.title}: ${facts.detail}`, options)
    this.name = 'ApiProblem'
    this.facts = facts
  }

  get isForbidden(): boolean {
    return this.facts.status === 401 || this.facts.status === 403
  }

  get isMissing(): boolean {
    return this.facts.status === 404 || this.facts.status === 410
  }

  /** What is said against one field. */
  reasonFor(field: string): string | undefined {
    return this.facts.fields.find((entry) => entry.field === field)?.reason
  }

  /** Worth trying again unchanged: nothing answered, or the fault is on the other side. */
  get isRetryable(): boolean {
    const { status, code } = this.facts
    const own = webErrors[code as keyof typeof webErrors]
    return own?.retryable ?? (status === 0 || status === 408 || status === 429 || status >= 500)
  }
}

/** Turns the body of a failed answer into a problem; bodies that are no problem document still get a title and a code. */
export function problemFrom(
  status: number,
  body: unknown,
  correlationId: string | null,
  retryAfter: string | null = null,
): ApiProblem {
  const document = isRecord(body) ? body : {}
  // The services send seconds, never a date.
  const retryAfterS = retryAfter === null ? Number.NaN : Number(retryAfter)
  return new ApiProblem({
    status,
    code: text(document['code']) ?? `HTTP_${status}`,
    title: text(document['title']) ?? titleOfStatus(status),
    detail: text(document['detail']),
    fields: fieldsOf(document['errors']),
    correlationId: text(document['correlationId']) ?? correlationId,
    ...(Number.isFinite(retryAfterS) && { retryAfterMs: retryAfterS * 1000 }),
  })
}

/** Any thrown value as a problem, so that every view can show it the same way. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  return new ApiProblem(
    {
      status: 0,
      code: 'MR_WEB_BAD_ANSWER',
      title: 'This page could not use the answer',
      detail: error instanceof Error ? error.message : String(error),
      fields: [],
      correlationId: null,
    },
    { cause: error },
  )
}

function fieldsOf(errors: unknown): readonly FieldReason[] {
  if (!Array.isArray(errors)) return []
  return errors.filter(isRecord).map((entry) => ({
    field: (text(entry['field']) ?? '').replace(/^\/?(body\/)?/, ''),
    reason: text(entry['reason']) ?? text(entry['message']) ?? 'is not accepted',
  }))
}

function titleOfStatus(status: number): string {
  if (status === 403 || status === 401) return 'Not allowed'
  if (status === 404) return 'Not found'
  if (status === 503 || status === 502 || status === 504) return 'The service does not answer'
  return `The server answered with status ${status}`
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
