import type { Forward, OperatorSupplier } from '../operator.ts'
import type { JoinWindowStore } from '../state/join-window-store.ts'

/**
 * Gives a record to the join and only then keeps it, so that a stream that is joined with itself meets itself once (trap 19).
 * Records without key are never looked for, and not kept.
 */
export function joinWindowOperator<K, V>(storeName: string): OperatorSupplier<K, V> {
  return () => {
    let forward: Forward
    let store: JoinWindowStore<K, V>
    return {
      init(context) {
        forward = context.forward
        store = context.store(storeName) as JoinWindowStore<K, V>
      },
      process(key, value, timestamp, headers) {
        forward(key, value, timestamp, headers)
        if (key !== null) store.put(key, value, timestamp, headers)
      },
    }
  }
}
