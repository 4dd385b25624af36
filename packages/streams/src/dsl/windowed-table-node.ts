import type { TableView } from '../operators/table-view.ts'
import type { Windowed } from '../windowed.ts'
import type { UpstreamTable } from './table-node.ts'

/** A windowed aggregation: it always has its store. */
export class WindowedTableNode<K, V> implements UpstreamTable<Windowed<K>, V> {
  readonly #view: TableView<Windowed<K>, V>
  #sendsOldValues = false

  constructor(view: TableView<Windowed<K>, V>) {
    this.#view = view
  }

  get sendsOldValues(): boolean {
    return this.#sendsOldValues
  }

  sendOldValues(): boolean {
    return (this.#sendsOldValues = true)
  }

  view(): TableView<Windowed<K>, V> {
    return this.#view
  }
}
