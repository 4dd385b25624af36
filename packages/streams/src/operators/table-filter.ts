import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'

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
    let forward: Forward
    let store: TimestampedKeyValueStore<K, V> | undefined
    const sendsOldValues = step.sendsOldValues
    return {
      init(context) {
        forward = context.forward
        if (storeName !== undefined)
          store = context.store(storeName) as TimestampedKeyValueStore<K, V>
      },
      process(key, change, timestamp, headers) {
        const newValue = passed(change.newValue, key)
        let oldValue: V | null = null
        if (sendsOldValues) {
          oldValue = store ? (store.get(key)?.value ?? null) : passed(change.oldValue, key)
          if (newValue === null && oldValue === null) return
        }
        store?.put(key, newValue, timestamp)
        forward(key, { newValue, oldValue } satisfies Change<V>, timestamp, headers)
      },
    }
  }
}
