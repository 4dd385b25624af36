import { ProblemError, type FieldError } from '@millrace/runtime'
import { trackingProblems, type TrackingProblemCode } from './errors.ts'

/** One of this service's problems, with the status its table gives it. */
export function trackingProblem(
  code: TrackingProblemCode,
  detail: string,
  options: {
    readonly errors?: readonly FieldError[]
    /** Default: 2 s for 503, otherwise none is named. */
    readonly retryAfterMs?: number
  } = {},
): ProblemError {
  const status = trackingProblems[code]
  const { errors, retryAfterMs = status === 503 ? 2_000 : undefined } = options
  return new ProblemError(status, code, detail, {
    ...(errors && { errors }),
    ...(retryAfterMs !== undefined && {
      headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) },
    }),
  })
}

/** 400 that names the query's field. */
export function badFilter(field: string, reason: string): ProblemError {
  return trackingProblem('MR_TRACKING_BAD_FILTER', `The filter does not fit: ${field} ${reason}.`, {
    errors: [{ field, reason, in: 'query' }],
  })
}
