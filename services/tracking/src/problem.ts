import { ProblemError, type FieldError } from '@millrace/runtime'
import { trackingProblems, type TrackingProblemCode } from './errors.ts'

/** One of this service's problems, with the status its table gives it. */
export function trackingProblem(
  code: TrackingProblemCode,
  detail: string,
  errors?: readonly FieldError[],
): ProblemError {
  const status = trackingProblems[code]
  return new ProblemError(status, code, detail, {
    ...(errors && { errors }),
    ...(status === 503 && { headers: { 'retry-after': '2' } }),
  })
}

/** 400 that names the query's field. */
export function badFilter(field: string, reason: string): ProblemError {
  return trackingProblem('MR_TRACKING_BAD_FILTER', `The filter does not fit: ${field} ${reason}.`, [
    { field, reason, in: 'query' },
  ])
}
