import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'
import { tableOutput, type TableOutput } from './table-output.ts'

/**
 * Turns records into updates of a table: the latest by arrival counts, whatever its timestamp (trap 25). Without a store it only passes
 * them on.
 */
export function tableSourceOperator<K, V>(
  storeName: () => string | undefined,
  step: TableStep,
): OperatorSupplier<K, V> {
  return () => {
    let output: TableOutput<K, V>
    let store: TimestampedKeyValueStore<K, V> | undefined
    let countDropped: () => void
    return {
      init(context) {
        const name = storeName()
        store =
          name === undefined ? undefined : (context.store(name) as TimestampedKeyValueStore<K, V>)
        output = tableOutput(context, store, step.sendsOldValues)
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null) return countDropped()
        const newValue = value as V | null
        const stored = output.needsOldValue ? store?.get(key) : undefined
        output.put(key, newValue, stored?.value ?? null, timestamp, timestamp, headers)
      },
    }
  }
}

/** Updates of a table as records: their new value. */
export function toStreamOperator(): OperatorSupplier {
  return () => {
    let forward: Forward
    return {
      init: (context) => void (forward = context.forward),
      process: (key, value, timestamp, headers) =>
        forward(key, (value as Change<unknown>).newValue, timestamp, headers),
    }
  }
}
