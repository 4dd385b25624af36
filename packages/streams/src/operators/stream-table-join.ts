import type { Forward, OperatorSupplier } from '../operator.ts'
import type { TableLookup, TableView } from './table-view.ts'

export interface StreamTableJoin<K, V, KTable, VTable> {
  readonly table: TableView<KTable, VTable>
  /** The table's key for a record; null: it has none. */
  readonly keyOf: (value: V, key: K) => KTable | null
  readonly joiner: (value: V, tableValue: VTable | null, key: K) => unknown
  /** A left join: records the table has nothing for are joined with null. */
  readonly isLeft: boolean
}

/**
 * Joins each record with what a table has for it at that moment; updates of the table cause nothing. A record without value is dropped;
 * one without a key for the table too, unless the join is a left one (KIP-962, trap 24).
 */
export function streamTableJoinOperator<K, V, KTable, VTable>({
  table,
  keyOf,
  joiner,
  isLeft,
}: StreamTableJoin<K, V, KTable, VTable>): OperatorSupplier<K, V> {
  return () => {
    let forward: Forward
    let rows: TableLookup<KTable, VTable>
    let countDropped: () => void
    return {
      init(context) {
        forward = context.forward
        rows = table.open(context)
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        const tableKey = keyOf(value, key)
        if (value === null || (tableKey === null && !isLeft)) return countDropped()
        const row = tableKey === null ? undefined : rows.get(tableKey)
        if (row || isLeft)
          forward(key, joiner(value, row ? row.value : null, key), timestamp, headers)
      },
    }
  }
}
