import type { OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'
import { tableOutput, type TableOutput } from './table-output.ts'

export interface TableAggregation<K, V, A> {
  /** What the first value is added to; null: it becomes the aggregate itself (a reduce). */
  readonly initialize: () => A | null
  readonly add: (aggregate: A | null, value: V, key: K) => A | null
  readonly subtract: (aggregate: A, value: V, key: K) => A | null
}

/**
 * A value per group of a table's rows, kept up to date by taking away the row that was and adding the one that is. Where the group has no
 * value there is nothing to take away from, and the subtractor is not asked (trap 28).
 */
export function tableAggregateOperator<K, V, A>(
  storeName: string,
  { initialize, add, subtract }: TableAggregation<K, V, A>,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  return () => {
    let store: TimestampedKeyValueStore<K, A>
    let output: TableOutput<K, A>
    return {
      init(context) {
        store = context.store(storeName) as TimestampedKeyValueStore<K, A>
        output = tableOutput(context, store, step.sendsOldValues)
      },
      process(key, change, timestamp, headers) {
        const stored = store.get(key)
        let newValue: A | null = stored ? stored.value : null
        if (change.oldValue !== null && newValue !== null)
          newValue = subtract(newValue, change.oldValue, key)
        if (change.newValue !== null) newValue = add(newValue ?? initialize(), change.newValue, key)
        const newTimestamp = stored ? Math.max(timestamp, stored.timestamp) : timestamp
        // Read again where it is passed on: the functions may change what they are given.
        const oldValue = output.needsOldValue && stored ? (store.get(key)?.value ?? null) : null
        output.put(key, newValue, oldValue, timestamp, newTimestamp, headers)
      },
    }
  }
}
