import type { OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'
import { tableOutput, type TableOutput } from './table-output.ts'

/** Makes another value of each value of a table. A deletion stays one: the mapper is not asked. */
export function tableMapValuesOperator<K, V>(
  mapper: (value: V, key: K) => unknown,
  storeName: string | undefined,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  const mapped = (value: V | null, key: K): unknown =>
    value === null ? null : (mapper(value, key) ?? null)
  return () => {
    let output: TableOutput<K, unknown>
    let store: TimestampedKeyValueStore<K, unknown> | undefined
    return {
      init(context) {
        if (storeName !== undefined)
          store = context.store(storeName) as TimestampedKeyValueStore<K, unknown>
        output = tableOutput(context, store, step.sendsOldValues)
      },
      process(key, change, timestamp, headers) {
        const newValue = mapped(change.newValue, key)
        let oldValue: unknown = null
        if (output.needsOldValue)
          oldValue = store ? (store.get(key)?.value ?? null) : mapped(change.oldValue, key)
        output.put(key, newValue, oldValue, timestamp, timestamp, headers)
      },
    }
  }
}
