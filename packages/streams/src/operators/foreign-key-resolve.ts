import { murmur3Of128Bits } from '../murmur3.ts'
import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Serde } from '../serde.ts'
import type { SubscriptionResponse } from '../subscription-serde.ts'
import type { TableLookup, TableView } from './table-view.ts'

/**
 * Joins a row of the left table with the answer it got. The answer to what the row no longer is, is dropped and counted: one to what it is
 * now is on its way (trap 30).
 */
export function foreignKeyResolveOperator<K, V, VForeign>(
  table: TableView<K, V>,
  valueSerde: Serde<V>,
  joiner: (value: V | null, foreignValue: VForeign | null, key: K) => unknown,
  isLeft: boolean,
): OperatorSupplier<K, SubscriptionResponse<VForeign>> {
  return () => {
    let forward: Forward
    let rows: TableLookup<K, V>
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        rows = table.open(context)
        countDropped = () => context.countDropped()
      },
      process(key, { hash, value }, timestamp, headers) {
        const row = rows.get(key)
        const current = row ? murmur3Of128Bits(valueSerde.serialize(row.value)) : null
        if (hash && current ? !hash.equals(current) : hash !== current) return countDropped()
        const hasResult = value !== null || (isLeft && row !== undefined)
        const result = hasResult ? joiner(row ? row.value : null, value, key) : null
        forward(key, result, timestamp, headers)
      },
    }
  }
}
