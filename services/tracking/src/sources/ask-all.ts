import { MillraceError, toError, type Clock } from '@millrace/core'
import { isTransientPostgresError, PostgresError } from '@millrace/postgres'
import type { Source } from './source.ts'

/** A database that could not be asked: what follows from it is missing in the answer, and said so. */
export interface Unreachable {
  readonly service: string
  readonly reason: string
}

export interface Answers<T> {
  readonly answers: readonly { readonly service: string; readonly value: T }[]
  readonly unreachable: readonly Unreachable[]
}

/**
 * Asks all sources at once. One that is away, or does not answer in time, is left out and named; the others still answer. Errors of
 * the question itself are thrown.
 */
export async function askAll<T>(
  sources: readonly Source[],
  ask: (source: Source) => Promise<T>,
  options: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<Answers<T>> {
  const results = await Promise.all(
    sources.map(async (source) => {
      const { service } = source
      try {
        return { service, value: await withinTime(ask(source), options) }
      } catch (error) {
        if (!isAway(error)) throw error
        return { service, reason: toError(error).message }
      }
    }),
  )
  return {
    answers: results.flatMap((each) => ('value' in each ? [each] : [])) as Answers<T>['answers'],
    unreachable: results.flatMap((each) =>
      'reason' in each && each.reason !== undefined
        ? [{ service: each.service, reason: each.reason }]
        : [],
    ),
  }
}

/** The database is away, busy, refuses the role, or is no database: none of them is the fault of who asks. */
function isAway(error: unknown): boolean {
  if (isTransientPostgresError(error) || error instanceof TooLate) return true
  return (
    error instanceof PostgresError &&
    ['MR_POSTGRES_TIMEOUT', 'MR_POSTGRES_REFUSED', 'MR_POSTGRES_CLOSED'].includes(error.code)
  )
}

class TooLate extends MillraceError {
  constructor(timeoutMs: number) {
    super('MR_TRACKING_SOURCE_TIMEOUT', true, `no answer within ${timeoutMs} ms`)
  }
}

async function withinTime<T>(
  work: Promise<T>,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = clock.setTimer(timeoutMs, () => late.reject(new TooLate(timeoutMs)))
  try {
    return await Promise.race([work, late.promise])
  } finally {
    timer.cancel()
    // It may still fail, long after anybody cares.
    work.catch(() => {})
  }
}
