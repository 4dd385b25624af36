import type { OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'
import { tableOutput, type TableOutput } from './table-output.ts'

/**
 * Takes out of a table what the predicate does not take: such a value is a deletion downstream, known to be there or not. Where old values
 * are at hand, nothing is sent for what was out before and stays out (trap 27).
 */
export function tableFilterOperator<K, V>(
  predicate: (value: V, key: K) => boolean,
  storeName: string | undefined,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  const passed = (value: V | null, key: K): V | null =>
    value !== null && predicate(value, key) ? value : null
  return () => {
    let output: TableOutput<K, V>
    let store: TimestampedKeyValueStore<K, V> | undefined
    const sendsOldValues = step.sendsOldValues
    return {
      init(context) {
        if (storeName !== undefined)
          store = context.store(storeName) as TimestampedKeyValueStore<K, V>
        output = tableOutput(context, store, sendsOldValues)
      },
      process(key, change, timestamp, headers) {
        const newValue = passed(change.newValue, key)
        let oldValue: V | null = null
        if (sendsOldValues) {
          oldValue = store ? (store.get(key)?.value ?? null) : passed(change.oldValue, key)
          if (newValue === null && oldValue === null) return
        }
        output.put(key, newValue, oldValue, timestamp, timestamp, headers)
      },
    }
  }
}
