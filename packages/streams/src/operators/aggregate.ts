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
        const oldValue = stored?.value ?? null
        // Read again where it is passed on: the function may change what it is given.
        const newValue = aggregate(oldValue ?? initialize(), value, key)
        const newTimestamp = stored ? Math.max(timestamp, stored.timestamp) : timestamp
        const before = step.sendsOldValues && stored ? (store.get(key)?.value ?? null) : null
        store.put(key, newValue, newTimestamp)
        forward(key, { newValue, oldValue: before } satisfies Change<A>, newTimestamp, headers)
      },
    }
  }
}
