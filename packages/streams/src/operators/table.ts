import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'

/**
 * Turns records into updates of a table: the latest by arrival counts, whatever its timestamp (trap 25). Without a store it only passes
 * them on.
 */
export function tableSourceOperator<K, V>(
  storeName: () => string | undefined,
  step: TableStep,
): OperatorSupplier<K, V> {
  return () => {
    let forward: Forward
    let store: TimestampedKeyValueStore<K, V> | undefined
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        const name = storeName()
        store =
          name === undefined ? undefined : (context.store(name) as TimestampedKeyValueStore<K, V>)
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null) return countDropped()
        const newValue = value as V | null
        const stored = store && step.sendsOldValues ? store.get(key) : undefined
        store?.put(key, newValue, timestamp)
        const change: Change<V> = { newValue, oldValue: stored?.value ?? null }
        forward(key, change, timestamp, headers)
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
