import type { ConsumptionFilter } from '@millrace/inbox'
import type { ProductionFilter } from '@millrace/outbox'
import { badFilter } from '../problem.ts'

/** A search over both kinds of logs; all conditions given must hold. */
export interface TrackingFilter {
  readonly eventId?: string
  readonly correlationId?: string
  readonly aggregateId?: string
  readonly key?: string
  readonly service?: string
  readonly topic?: string
  readonly eventType?: string
  readonly status?: readonly string[]
  /** Consumer group; only what it consumed. */
  readonly group?: string
  readonly fingerprint?: string
  readonly side?: 'production' | 'consumption'
  readonly from?: Date
  readonly to?: Date
  readonly text?: string
}

export const productionStatuses: readonly string[] = [
  'PENDING',
  'PUBLISHING',
  'PUBLISHED',
  'FAILED',
  'RETRY',
  'PARKED',
]
export const consumptionStatuses: readonly string[] = [
  'RECEIVED',
  'PROCESSING',
  'PROCESSED',
  'FAILED',
  'PARKED',
  'SKIPPED',
]

/** What is asked of production logs; undefined when none of their rows can match. */
export function productionFilter(
  filter: TrackingFilter,
): Omit<ProductionFilter, 'limit'> | undefined {
  const { side, group, status, ...rest } = filter
  if (side === 'consumption' || group !== undefined) return undefined
  return withStatus(rest, status, productionStatuses)
}

/** What is asked of consumption logs; undefined when none of their rows can match. */
export function consumptionFilter(
  filter: TrackingFilter,
): Omit<ConsumptionFilter, 'limit'> | undefined {
  const { side, status, ...rest } = filter
  if (side === 'production') return undefined
  return withStatus(rest, status, consumptionStatuses)
}

/** A status that the log does not have matches none of its rows. */
function withStatus<T extends object>(
  rest: T,
  status: readonly string[] | undefined,
  known: readonly string[],
): (T & { readonly status?: readonly string[] }) | undefined {
  if (status === undefined) return rest
  const own = status.filter((each) => known.includes(each))
  return own.length === 0 ? undefined : { ...rest, status: own }
}

/** @throws ProblemError 400 for a range that is none */
export function checkTimes(from: Date | undefined, to: Date | undefined): void {
  if (from && to && from >= to)
    badTimes(`must be earlier than to, ${to.toISOString()}; it is ${from.toISOString()}`)
}

function badTimes(reason: string): never {
  throw badFilter('from', reason)
}
