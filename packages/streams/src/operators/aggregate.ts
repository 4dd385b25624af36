import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'

/** A step whose output is a table: it tells what the key had before only where somebody downstream asked. */
export interface TableStep {
  sendsOldValues: boolean
}

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
    let forward: Forward
    let store: TimestampedKeyValueStore<K, A>
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        store = context.store(storeName) as TimestampedKeyValueStore<K, A>
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null || value === null) return countDropped()
        const stored = store.get(key)
        const newValue = aggregate(stored?.value ?? initialize(), value, key)
        const newTimestamp = stored ? Math.max(timestamp, stored.timestamp) : timestamp
        // Read again, since the function may have changed what it was given; as in Java, what the key began with counts as its old value.
        const oldValue = step.sendsOldValues ? (store.get(key)?.value ?? initialize()) : null
        // The tombstone of a changelog carries the time of the record that made it.
        store.put(key, newValue, newValue === null ? timestamp : newTimestamp)
        forward(key, { newValue, oldValue } satisfies Change<A>, newTimestamp, headers)
      },
    }
  }
}
