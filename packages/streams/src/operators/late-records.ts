import type { Forward, OperatorContext } from '../operator.ts'

/** Where a windowed step sends what: by the names of its two children. */
export interface Outlets {
  readonly results: string
  readonly late: string
}

/** To the children that get results: all of them, where late records have no stream. */
export function forwardResults(context: OperatorContext, outlets: Outlets | undefined): Forward {
  return outlets ? context.forwardTo(outlets.results) : context.forward
}

/** Undefined where late records have no stream. */
export function forwardLate(
  context: OperatorContext,
  outlets: Outlets | undefined,
): Forward | undefined {
  return outlets && context.forwardTo(outlets.late)
}
