import type { OperatorSupplier } from '../operator.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import { tableOutput, type TableOutput } from './table-output.ts'

/** A step whose output is a table: it tells what the key had before only where somebody downstream asked. */
export interface TableStep {
  sendsOldValues: boolean
}

/** Counts records, whatever their values are. */
export const countRecords = (count: number | null): number => (count ?? 0) + 1

/**
 * A value per key, made from its records one after the other. `initialize` gives the value before the first one; null is none, which
 * the first record then becomes (a reduce).
 */
export function aggregateOperator<K, V, A>(
  storeName: string,
  initialize: () => A | null,
  aggregate: (aggregate: A | null, value: V, key: K) => A | null,
  step: TableStep,
): OperatorSupplier<K, V> {
  return () => {
    let store: TimestampedKeyValueStore<K, A>
    let output: TableOutput<K, A>
    let countDropped: () => void
    return {
      ignoresValues: Object.is(aggregate, countRecords),
      init(context) {
        store = context.store(storeName) as TimestampedKeyValueStore<K, A>
        output = tableOutput(context, store, step.sendsOldValues)
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null || value === null) return countDropped()
        const stored = store.get(key)
        const newValue = aggregate(stored?.value ?? initialize(), value, key)
        const newTimestamp = stored ? Math.max(timestamp, stored.timestamp) : timestamp
        // Read again, since the function may have changed what it was given; as in Java, what the key began with counts as its old value.
        const oldValue = output.needsOldValue ? (store.get(key)?.value ?? initialize()) : null
        output.put(key, newValue, oldValue, timestamp, newTimestamp, headers)
      },
    }
  }
}
