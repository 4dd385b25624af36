import type { Delivery } from './delivery.ts'
import type { KnownRow } from './sql/find-known.ts'
import type { HandlerEffects } from './types.ts'

/** What to do with a segment, once the log has been asked. */
export type NextMove =
  /** Handle what is taken, and commit. */
  | { readonly kind: 'done' }
  /** The delivery at `index` must be handled in a transaction of its own. */
  | { readonly kind: 'isolate'; readonly index: number }
  /** The only delivery's attempt must be counted in the log before it is made. */
  | { readonly kind: 'start'; readonly attempt: number }
  /** The only delivery's next attempt is not due yet. */
  | { readonly kind: 'later'; readonly inMs: number }
  /** The only delivery's last attempt began and never ended. */
  | { readonly kind: 'exhausted'; readonly attempts: number }

export interface SortedDeliveries {
  readonly move: NextMove
  /** To be handled and recorded now, in order. */
  readonly taken: readonly Delivery[]
  /** Committed by an earlier try whose answer was lost. */
  readonly recovered: readonly Delivery[]
  readonly duplicates: number
}

/**
 * Parts what the group has dealt with from what it has not. An event that has failed before is handled alone, so that its failure
 * costs nobody else, and only after its attempt was counted.
 */
export function sortDeliveries(
  segment: readonly Delivery[],
  known: ReadonlyMap<string, KnownRow>,
  options: { readonly effects: HandlerEffects; readonly maxAttempts: number },
): SortedDeliveries {
  const seen = new Set<string>()
  const taken: Delivery[] = []
  const recovered: Delivery[] = []
  let duplicates = 0
  for (const [index, delivery] of segment.entries()) {
    const row = known.get(delivery.logId)
    if (seen.has(delivery.logId)) {
      duplicates++
      continue
    }
    seen.add(delivery.logId)
    if (row && isDealtWith(row, delivery)) {
      if (delivery.maybeCommitted && row.status !== 'FAILED') recovered.push(delivery)
      else duplicates++
      continue
    }
    const move = moveOf(delivery, row, options)
    if (move) {
      const isAlone = segment.length === 1
      return {
        move: isAlone ? move : { kind: 'isolate', index },
        taken: [],
        recovered,
        duplicates: 0,
      }
    }
    taken.push(delivery)
  }
  return { move: { kind: 'done' }, taken, recovered, duplicates }
}

/**
 * PROCESSED is final. A FAILED row was given up for the record it stands for: the same record again is a redelivery, another record
 * with the event is a new chance. PARKED rows wait for their re-drive.
 */
function isDealtWith(row: KnownRow, delivery: Delivery): boolean {
  switch (row.status) {
    case 'PROCESSED':
    case 'PARKED':
      return true
    case 'SKIPPED':
      return delivery.kind === 'unknown-type'
    case 'FAILED':
      return (
        delivery.kind === 'undecodable' ||
        (row.topic === delivery.record.topic &&
          row.partition === delivery.record.partition &&
          row.offset === delivery.record.offset)
      )
    case 'RECEIVED':
    case 'PROCESSING':
      return false
  }
}

/** What has to happen before this delivery is handled; undefined when it may be taken with the others. */
function moveOf(
  delivery: Delivery,
  row: KnownRow | undefined,
  options: { readonly effects: HandlerEffects; readonly maxAttempts: number },
): NextMove | undefined {
  if (delivery.kind !== 'event' || delivery.attempt > 0) return undefined
  if (!row || row.status === 'SKIPPED')
    return options.effects === 'external' ? { kind: 'start', attempt: 1 } : undefined
  if (row.status === 'FAILED') return { kind: 'start', attempt: 1 }
  if (row.dueInMs > 0) return { kind: 'later', inMs: row.dueInMs }
  if (row.attempts >= options.maxAttempts) return { kind: 'exhausted', attempts: row.attempts }
  return { kind: 'start', attempt: row.attempts + 1 }
}
