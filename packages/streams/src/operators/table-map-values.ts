import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'

/** Makes another value of each value of a table. A deletion stays one: the mapper is not asked. */
export function tableMapValuesOperator<K, V>(
  mapper: (value: V, key: K) => unknown,
  storeName: string | undefined,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  const mapped = (value: V | null, key: K): unknown =>
    value === null ? null : (mapper(value, key) ?? null)
  return () => {
    let forward: Forward
    let store: TimestampedKeyValueStore<K, unknown> | undefined
    const sendsOldValues = step.sendsOldValues
    return {
      init(context) {
        forward = context.forward
        if (storeName !== undefined)
          store = context.store(storeName) as TimestampedKeyValueStore<K, unknown>
      },
      process(key, change, timestamp, headers) {
        const newValue = mapped(change.newValue, key)
        let oldValue: unknown = null
        if (sendsOldValues)
          oldValue = store ? (store.get(key)?.value ?? null) : mapped(change.oldValue, key)
        store?.put(key, newValue, timestamp)
        forward(key, { newValue, oldValue } satisfies Change<unknown>, timestamp, headers)
      },
    }
  }
}
