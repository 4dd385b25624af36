import { ProblemError } from '@millrace/runtime'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const stockProblems = {
  MR_STOCK_SKU_NOT_FOUND: 404,
  MR_STOCK_NOT_ENOUGH: 409,
  MR_STOCK_TOO_MUCH: 409,
  MR_STOCK_FAULTS_CLOSED: 403,
} as const

export function stockProblem(code: keyof typeof stockProblems, detail: string): ProblemError {
  return new ProblemError(stockProblems[code], code, detail)
}
