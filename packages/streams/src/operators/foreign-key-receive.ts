import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Serde } from '../serde.ts'
import { Instruction, subscriptionSerde, type Subscription } from '../subscription-serde.ts'
import type { SubscriptionStore } from '../state/subscription-store.ts'

/** Remembers rows of the left table by their foreign keys, or forgets them, and passes them on. */
export function foreignKeyReceiveOperator<K, KForeign>(
  storeName: string,
  primaryKey: Serde<K>,
  foreignKey: Serde<KForeign>,
): OperatorSupplier<KForeign | null, Subscription<K>> {
  const serde = subscriptionSerde(primaryKey)
  return () => {
    let forward: Forward
    let store: SubscriptionStore
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        store = context.store(storeName) as SubscriptionStore
        countDropped = () => context.countDropped()
      },
      process(key, row, timestamp, headers) {
        const { instruction } = row
        if (key === null && instruction !== Instruction.ANSWER) return countDropped()
        if (key !== null) {
          const isGone =
            instruction === Instruction.DELETE || instruction === Instruction.DELETE_AND_ANSWER
          const value = isGone ? null : serde.serialize(row)
          const rowKey = primaryKey.serialize(row.primaryKey)
          store.put(foreignKey.serialize(key), rowKey, value, timestamp, headers)
        }
        forward(key, row, timestamp, headers)
      },
    }
  }
}
