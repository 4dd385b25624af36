import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { TableStep } from './aggregate.ts'
import { tableOutput, type TableOutput } from './table-output.ts'
import type { TableLookup, TableView } from './table-view.ts'

/** One side of a join of two tables: what is joined when that side changes. */
export interface TableJoinSide<K, V, VOther, VOut> {
  /** The table on the other side. */
  readonly other: TableView<K, VOther>
  readonly joiner: (value: V | null, other: VOther | null, key: K) => VOut | null
  /** There is no result without a value on this side (inner joins; the left side of a left join). */
  readonly isRequired: boolean
  /** There is no result without a value on the other side. */
  readonly isOtherRequired: boolean
}

/**
 * Joins each change of one table with what the other has at that moment. Says nothing where there can have been no result and is none:
 * the required other side is missing, or a row is deleted that was not there (trap 26).
 */
export function tableJoinOperator<K, V, VOther, VOut>(
  side: TableJoinSide<K, V, VOther, VOut>,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  const { joiner, isRequired, isOtherRequired } = side
  const joined = (value: V | null, other: VOther | null, key: K): VOut | null =>
    value !== null || (!isRequired && other !== null) ? joiner(value, other, key) : null
  return () => {
    let forward: Forward
    let others: TableLookup<K, VOther>
    const sendsOldValues = step.sendsOldValues
    return {
      init(context) {
        forward = context.forward
        others = side.other.open(context)
      },
      process(key, change, timestamp, headers) {
        const row = others.get(key)
        if (!row && (isOtherRequired || (change.newValue === null && change.oldValue === null)))
          return
        const other = row ? row.value : null
        const result: Change<VOut> = {
          newValue: joined(change.newValue, other, key),
          oldValue: sendsOldValues ? joined(change.oldValue, other, key) : null,
        }
        forward(key, result, row ? Math.max(timestamp, row.timestamp) : timestamp, headers)
      },
    }
  }
}

/** The result of a join, from both sides' changes; kept in a store if it has one. */
export function tableJoinMergeOperator<K, V>(
  storeName: string | undefined,
  step: TableStep,
): OperatorSupplier<K, Change<V>> {
  return () => {
    let output: TableOutput<K, V>
    return {
      init(context) {
        const store = storeName === undefined ? undefined : context.store(storeName)
        const table = store as TimestampedKeyValueStore<K, V> | undefined
        output = tableOutput(context, table, step.sendsOldValues)
      },
      process: (key, { newValue, oldValue }, timestamp, headers) =>
        output.put(key, newValue, oldValue, timestamp, timestamp, headers),
    }
  }
}

/** A join as others look things up in it: both tables are looked up, and joined, at each lookup. */
export function joinedView<K, V, VOther, VOut>(
  own: TableView<K, V>,
  { other, joiner, isRequired, isOtherRequired }: TableJoinSide<K, V, VOther, VOut>,
): TableView<K, VOut> {
  return {
    stores: [...new Set([...own.stores, ...other.stores])],
    open(context) {
      const [rows, others] = [own.open(context), other.open(context)]
      return {
        get(key) {
          const [left, right] = [rows.get(key), others.get(key)]
          if ((isRequired && !left) || (isOtherRequired && !right) || (!left && !right)) return
          const value = joiner(left?.value ?? null, right?.value ?? null, key)
          const timestamp = Math.max(left?.timestamp ?? -1, right?.timestamp ?? -1)
          return value === null ? undefined : { value, timestamp }
        },
      }
    },
  }
}
