import { useState } from 'react'
import { type ApiProblem, asProblem } from './problem.ts'

/**
 * The problem of a query that asks again by itself, until it has an answer. The query forgets its error at each new try while it has no data, and what told
 * of it would come and go with every one, and be read out each time.
 */
export function useProblem(query: {
  readonly status: 'pending' | 'error' | 'success'
  readonly error: Error | null
}): ApiProblem | null {
  const [last, setLast] = useState<Error | null>(null)
  const now = query.status === 'pending' ? last : query.error
  if (now !== last) setLast(now)
  return now === null ? null : asProblem(now)
}
