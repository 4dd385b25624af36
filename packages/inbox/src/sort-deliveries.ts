import type { Delivery, Refusal } from './delivery.ts'
import type { KnownRow } from './sql/find-known.ts'
import type { SetAside } from './sql/set-aside.ts'

/** What to do with a segment, once the log has been asked. */
export type NextMove =
  /** Handle what is taken, and commit. */
  | { readonly kind: 'done' }
  /** The delivery at `index` must be handled in a transaction of its own. */
  | { readonly kind: 'isolate'; readonly index: number }
  /** The only delivery's attempt must be counted in the log before it is made. */
  | { readonly kind: 'start'; readonly attempt: number }
  /** The only delivery's last attempt began and never ended. */
  | { readonly kind: 'exhausted'; readonly attempts: number }

export interface SortedDeliveries {
  readonly move: NextMove
  /** To be handled and recorded now, in order. */
  readonly taken: readonly Delivery[]
  /** To be written down and taken from the log later, in order. */
  readonly setAside: readonly SetAside[]
  /** To be written down with the failure of their first attempt, for the next one. */
  readonly refused: readonly RefusedDelivery[]
  /** Committed by an earlier try whose answer was lost. */
  readonly recovered: readonly Delivery[]
  /** Deliveries of what the group knows already, or has met in this segment: they take no effect. */
  readonly repeats: readonly Delivery[]
}

/** One that an error of its batch was blamed on. */
export type RefusedDelivery = Delivery & { readonly refusal: Refusal }

export interface SortOptions {
  /** Its attempts are counted in the log before they are made. */
  readonly countsFirst: (delivery: Delivery) => boolean
  readonly maxAttempts: number
  /** A waiting event holds back the later ones of its key. */
  readonly isOrdered: boolean
  /** Keys of the partition an event of which waits. */
  readonly blocked: ReadonlySet<string>
}

/**
 * Parts what the group has dealt with from what it has not, and what must wait from what can be handled. Events that wait, or failed
 * before, are taken from the log and never in a batch; the only ones that stand alone here are those whose attempt must be counted first.
 */
export function sortDeliveries(
  segment: readonly Delivery[],
  known: ReadonlyMap<string, KnownRow>,
  options: SortOptions,
): SortedDeliveries {
  const seen = new Set<string>()
  const taken: Delivery[] = []
  const setAside: SetAside[] = []
  const refused: RefusedDelivery[] = []
  const recovered: Delivery[] = []
  /** Keys that were blocked by an event of this very segment. */
  const newlyBlocked = new Set<string>()
  const repeats: Delivery[] = []
  for (const [index, delivery] of segment.entries()) {
    const { logId, key } = delivery
    const row = known.get(logId)
    if (seen.has(logId)) {
      repeats.push(delivery)
      continue
    }
    seen.add(logId)
    if (row && isDealtWith(row, delivery)) {
      if (delivery.maybeCommitted && row.status !== 'FAILED') recovered.push(delivery)
      else repeats.push(delivery)
      continue
    }
    const isOrdered = options.isOrdered && key !== null && delivery.kind === 'event'
    if (isOrdered && (options.blocked.has(key) || newlyBlocked.has(key))) {
      setAside.push({ delivery, status: 'PARKED' })
      continue
    }
    if (row?.status === 'FAILED') {
      setAside.push({ delivery, status: 'RECEIVED' })
      if (isOrdered) newlyBlocked.add(key)
      continue
    }
    if (isRefused(delivery)) {
      refused.push(delivery)
      if (isOrdered) newlyBlocked.add(key)
      continue
    }
    const move = moveOf(delivery, row, options)
    if (move) {
      const isAlone = segment.length === 1
      return {
        move: isAlone ? move : { kind: 'isolate', index },
        taken: [],
        setAside: [],
        refused: [],
        recovered,
        repeats: [],
      }
    }
    taken.push(delivery)
  }
  return { move: { kind: 'done' }, taken, setAside, refused, recovered, repeats }
}

function isRefused(delivery: Delivery): delivery is RefusedDelivery {
  return delivery.refusal !== null
}

/**
 * PROCESSED is final. A FAILED row was given up for the record it stands for: the same record again is a redelivery, another record
 * with the event is a new chance. RECEIVED and PARKED rows are taken from the log, and so are PROCESSING ones with a lease; one without
 * was begun by this partition's owner, and he is us now.
 */
function isDealtWith(row: KnownRow, delivery: Delivery): boolean {
  switch (row.status) {
    case 'PROCESSED':
    case 'PARKED':
    case 'RECEIVED':
      return true
    case 'PROCESSING':
      return row.isTakenFromLog
    case 'SKIPPED':
      // With attempts it was skipped for its failure, not for its type.
      return delivery.kind === 'unknown-type' || row.attempts > 0
    case 'FAILED':
      return delivery.kind !== 'event' || isSameRecord(row, delivery)
  }
}

function isSameRecord(row: KnownRow, delivery: Delivery): boolean {
  return (
    row.topic === delivery.record.topic &&
    row.partition === delivery.record.partition &&
    row.offset === delivery.record.offset
  )
}

/** What has to happen before this delivery is handled; undefined when it may be taken with the others. */
function moveOf(
  delivery: Delivery,
  row: KnownRow | undefined,
  options: SortOptions,
): NextMove | undefined {
  if (delivery.kind !== 'event' || delivery.attempt > 0) return undefined
  if (row?.status !== 'PROCESSING')
    return options.countsFirst(delivery) ? { kind: 'start', attempt: 1 } : undefined
  if (row.attempts >= options.maxAttempts) return { kind: 'exhausted', attempts: row.attempts }
  return { kind: 'start', attempt: row.attempts + 1 }
}
