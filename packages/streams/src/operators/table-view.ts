import type { OperatorContext } from '../operator.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'
import type { ValueAndTimestamp } from '../state/store.ts'

/** What a table has for a key at this moment. */
export interface TableLookup<K, V> {
  get(key: K): ValueAndTimestamp<V> | undefined
}

/** A table as other operators look things up in it, whether it has a store or is computed. */
export interface TableView<K, V> {
  /** Stores it reads. An operator that opens it has to be connected to them. */
  readonly stores: readonly string[]
  open(context: OperatorContext): TableLookup<K, V>
}

/** A table that has a store. */
export function storeView<K, V>(name: string): TableView<K, V> {
  return {
    stores: [name],
    open: (context) => context.store(name) as TimestampedKeyValueStore<K, V>,
  }
}

/** The values of another table that the predicate takes. */
export function filteredView<K, V>(
  view: TableView<K, V>,
  predicate: (value: V, key: K) => boolean,
): TableView<K, V> {
  return {
    stores: view.stores,
    open(context) {
      const table = view.open(context)
      return {
        get(key) {
          const row = table.get(key)
          return row && predicate(row.value, key) ? row : undefined
        },
      }
    },
  }
}

/** The values of another table, each made another one. */
export function mappedView<K, V, VOut>(
  view: TableView<K, V>,
  mapper: (value: V, key: K) => VOut | null,
): TableView<K, VOut> {
  return {
    stores: view.stores,
    open(context) {
      const table = view.open(context)
      return {
        get(key) {
          const row = table.get(key)
          const value = row ? mapper(row.value, key) : null
          return row && value !== null ? { value, timestamp: row.timestamp } : undefined
        },
      }
    },
  }
}
