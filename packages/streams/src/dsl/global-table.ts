import type { Serde } from '../serde.ts'
import type { TableView } from '../operators/table-view.ts'

/** What a global table is made of. */
export interface GlobalTableParts<K, V> {
  readonly storeName: string
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  readonly view: TableView<K, V>
}

/**
 * A topic as a table that every instance has whole, whatever partitions it reads: read to its end before the app starts, then kept up to
 * date by itself, without regard to the timestamps of other topics (trap 31). Streams are joined with it by any key.
 */
export class GlobalKTable<K, V> {
  /** @internal */
  readonly parts: GlobalTableParts<K, V>

  constructor(parts: GlobalTableParts<K, V>) {
    this.parts = parts
  }

  /** Of the store that holds it. */
  get storeName(): string {
    return this.parts.storeName
  }
}
