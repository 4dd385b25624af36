import { murmur3Of128Bits } from '../murmur3.ts'
import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { Serde } from '../serde.ts'
import { Instruction, type Subscription } from '../subscription-serde.ts'

export interface ForeignKeySubscribing<K, V, KForeign> {
  readonly foreignKeyOf: (value: V, key: K) => KForeign | null
  readonly foreignKey: Serde<KForeign>
  readonly value: Serde<V>
  /** A left join: rows without a foreign key, or whose foreign key is not there, have a result too. */
  readonly isLeft: boolean
}

/**
 * The left side of a foreign-key join: tells the partition of a row's foreign key about the row, and that of its former one that it is gone.
 * Some of it leads to needless deletions, since here nobody knows what was found there (trap 30).
 */
export function foreignKeySubscribeOperator<K, V, KForeign>(
  subscribing: ForeignKeySubscribing<K, V, KForeign>,
): OperatorSupplier<K, Change<V>> {
  const { foreignKeyOf, foreignKey, value, isLeft } = subscribing
  const extracted = (each: V | null, key: K): KForeign | null =>
    each === null ? null : foreignKeyOf(each, key)
  const isSame = (left: KForeign, right: KForeign | null): boolean =>
    right !== null && foreignKey.serialize(left).equals(foreignKey.serialize(right))
  return () => {
    let forward: Forward
    let partition: () => number
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        partition = () => context.task.record.partition
        countDropped = () => context.countDropped()
      },
      process(key, { newValue, oldValue }, timestamp, headers) {
        const hash = newValue === null ? null : murmur3Of128Bits(value.serialize(newValue))
        const tell = (to: KForeign | null, instruction: Instruction): void => {
          const primaryPartition = partition()
          const row: Subscription<K> = { hash, instruction, primaryKey: key, primaryPartition }
          forward(to, row, timestamp, headers)
        }
        const before = extracted(oldValue, key)
        const after = extracted(newValue, key)
        if (isLeft) {
          if (oldValue === null && newValue === null) return
          if (before !== null && !isSame(before, after)) tell(before, Instruction.DELETE)
          tell(after, Instruction.ANSWER)
          return
        }
        if (newValue !== null && after === null) countDropped()
        if (after === null) {
          if (before !== null) tell(before, Instruction.DELETE_AND_ANSWER)
        } else if (before === null || isSame(before, after)) {
          tell(after, Instruction.ANSWER_IF_FOUND)
        } else {
          tell(before, Instruction.DELETE)
          tell(after, Instruction.ANSWER)
        }
      },
    }
  }
}
