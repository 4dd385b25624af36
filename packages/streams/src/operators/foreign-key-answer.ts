import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { SubscriptionStore } from '../state/subscription-store.ts'
import {
  Instruction,
  subscriptionSerde,
  type Subscription,
  type SubscriptionResponse,
} from '../subscription-serde.ts'
import type { TableLookup, TableView } from './table-view.ts'

/** Answers a row that subscribed with what the right table has for its foreign key. */
export function foreignKeyAnswerOperator<K, KForeign, VForeign>(
  table: TableView<KForeign, VForeign>,
): OperatorSupplier<KForeign | null, Subscription<K>> {
  return () => {
    let forward: Forward
    let rows: TableLookup<KForeign, VForeign>
    return {
      init(context) {
        forward = context.forward
        rows = table.open(context)
      },
      process(key, { instruction, hash, primaryKey, primaryPartition }, timestamp, headers) {
        if (instruction === Instruction.DELETE) return
        const row = key === null ? undefined : rows.get(key)
        if (instruction === Instruction.ANSWER_IF_FOUND && !row) return
        const value = row && instruction !== Instruction.DELETE_AND_ANSWER ? row.value : null
        const answer: SubscriptionResponse<VForeign> = { hash, value, primaryPartition }
        forward(primaryKey, answer, row ? Math.max(timestamp, row.timestamp) : timestamp, headers)
      },
    }
  }
}

/** Tells all rows that subscribed to a key of the right table what it has now. */
export function foreignKeyUpdateOperator<K, KForeign, VForeign>(
  storeName: string,
  primaryKey: Serde<K>,
  foreignKey: Serde<KForeign>,
): OperatorSupplier<KForeign, Change<VForeign>> {
  const serde = subscriptionSerde(primaryKey)
  return () => {
    let forward: Forward
    let store: SubscriptionStore
    return {
      init(context) {
        forward = context.forward
        store = context.store(storeName) as SubscriptionStore
      },
      process(key, { newValue }, timestamp, headers) {
        for (const { value } of store.subscribedTo(foreignKey.serialize(key))) {
          const row = serde.deserialize(value)
          const { hash, primaryPartition } = row
          const answer: SubscriptionResponse<VForeign> = { hash, value: newValue, primaryPartition }
          forward(row.primaryKey, answer, timestamp, headers)
        }
      },
    }
  }
}
