import type { Forward, OperatorSupplier } from '../operator.ts'
import { noHeaders, type Headers } from '../record.ts'
import type { TimestampedWindowStore } from '../state/window-store.ts'
import { firstStartMs, type TimeWindows } from '../windows.ts'
import { countRecords, type TableStep } from './aggregate.ts'
import { closeEmitter, type Emit } from './close-emitter.ts'
import { idleWatch, type IdleWatch } from './idle-watch.ts'
import { forwardLate, forwardResults, type Outlets } from './late-records.ts'
import { keptTime } from './kept-time.ts'
import { WindowedOutput } from './windowed-output.ts'

/** An aggregation by key and window, however the windows lie. */
export interface WindowedAggregation<K, V, A> {
  readonly storeName: string
  /** The value of a window before its first record; null is none. */
  readonly initialize: () => A | null
  readonly aggregate: (aggregate: A | null, value: V, key: K) => A | null
  readonly emit: Emit
  /** Emits on close as Java does. */
  readonly isCompatible: boolean
  /** After how much of the wall clock without a record open windows close; undefined: never. */
  readonly closeIdleAfterMs?: number | undefined
  readonly step: TableStep
  /** The children to which results and late records go, where late ones have a stream of their own. */
  readonly outlets?: Outlets | undefined
}

/**
 * A value per key and window, of tumbling or hopping windows. A record whose value is null counts as any other (trap 9); each window
 * decides for itself whether the record is late, and each that does counts one dropped (traps 7 and 8).
 * @see Kafka Streams `KStreamWindowAggregate`
 */
export function windowAggregateOperator<K, V, A>(
  windows: TimeWindows,
  aggregation: WindowedAggregation<K, V, A>,
): OperatorSupplier<K, V> {
  const { storeName, initialize, aggregate, step } = aggregation
  const { sizeMs, advanceMs, graceMs } = windows
  return () => {
    let store: TimestampedWindowStore<K, A>
    let output: WindowedOutput<K, A>
    let countDropped: () => void
    let late: Forward | undefined
    /** Largest timestamp that this step has seen (trap 1). */
    let observedMs = -1
    let idle: IdleWatch | undefined
    const close = (closeMs: number, headers: Headers, when: 'before' | 'after' | 'idle'): void =>
      output.close(store, closeMs, headers, when, (emittedMs) =>
        closedStarts(windows, closeMs, emittedMs),
      )
    return {
      ignoresValues: Object.is(aggregate, countRecords) && !aggregation.outlets,
      init(context) {
        store = context.store(storeName) as TimestampedWindowStore<K, A>
        const closed = closeEmitter(context, aggregation)
        const results = forwardResults(context, aggregation.outlets)
        const { sendsOldValues } = aggregation.step
        output = new WindowedOutput(context, results, closed, { store, sendsOldValues })
        observedMs = Math.max(
          closed?.seenMs(graceMs) ?? -1,
          keptTime(context, aggregation.isCompatible, () => observedMs),
        )
        idle = idleWatch(context, aggregation, () => {
          if (observedMs < 0) return
          // The last window that a time seen may belong to.
          const endMs = observedMs - (observedMs % advanceMs) + sizeMs
          observedMs = Math.max(observedMs, endMs + graceMs)
          close(observedMs - graceMs, noHeaders, 'idle')
        })
        late = forwardLate(context, aggregation.outlets)
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null) return countDropped()
        idle?.touch()
        observedMs = Math.max(observedMs, timestamp)
        const closeMs = observedMs - graceMs
        close(closeMs, headers, 'before')
        const firstMs = firstStartMs(windows, timestamp)
        // Windows close in the order of their starts: if one did not take it, the first did not.
        if (late && firstMs <= timestamp && firstMs + sizeMs <= closeMs)
          late(key, value, timestamp, headers)
        for (let startMs = firstMs; startMs <= timestamp; startMs += advanceMs) {
          const endMs = startMs + sizeMs
          if (endMs <= closeMs) {
            countDropped()
            continue
          }
          const stored = store.fetch(key, startMs)
          // Java tells the initial value as what was there before the first record.
          const before = stored ? stored.value : initialize()
          const newValue = aggregate(before, value, key)
          const newTimestamp = stored ? Math.max(timestamp, stored.timestamp) : timestamp
          const oldValue =
            step.sendsOldValues && output.sendsUpdates
              ? stored
                ? (store.fetch(key, startMs)?.value ?? null)
                : initialize()
              : null
          const storedMs = newValue === null ? timestamp : newTimestamp
          store.put(key, newValue, storedMs, startMs, headers)
          output.update(key, startMs, endMs, newValue, oldValue, newTimestamp, headers)
        }
        close(closeMs, headers, 'after')
      },
    }
  }
}

/** Starts of the windows that ended after `emittedMs` and not after `closeMs`. */
function closedStarts(
  windows: TimeWindows,
  closeMs: number,
  emittedMs: number,
): readonly [number, number] | undefined {
  const toMs = closeMs - windows.sizeMs
  if (toMs < 0) return undefined
  if (emittedMs === -1) return [0, toMs]
  const afterMs = Math.max(0, emittedMs - windows.sizeMs)
  return haveSameWindows(windows, toMs, afterMs) ? undefined : [afterMs + 1, toMs]
}

function haveSameWindows(windows: TimeWindows, left: number, right: number): boolean {
  const { advanceMs } = windows
  return (
    Math.floor(left / advanceMs) === Math.floor(right / advanceMs) &&
    firstStartMs(windows, left) === firstStartMs(windows, right)
  )
}
