import type { TableStep } from '../operators/aggregate.ts'
import { storeView, type TableView } from '../operators/table-view.ts'

/** What the steps after a table may ask of the step that makes it. */
export interface UpstreamTable<K = unknown, V = unknown> extends TableStep {
  /**
   * Asks for what a key had before, with each update.
   * @param mayMaterialize false: only if that takes no store that is not there yet
   * @returns whether it will come
   */
  sendOldValues(mayMaterialize?: boolean): boolean
  /** Lookups by key. What has no store computes them from the tables before it; where these have none either, the source gets one. */
  view(): TableView<K, V>
}

/** A table with a store of its own: an aggregation, which always has it, or a source, which gets it when somebody needs it. */
export class TableNode<K = unknown, V = unknown> implements UpstreamTable<K, V> {
  #isMaterialized: boolean
  #sendsOldValues = false
  readonly #onMaterialize: () => void
  /** Of the store that holds the table, or would. */
  readonly storeName: string

  /** @param onMaterialize called before it gets the store that it was not made with; may refuse by throwing */
  constructor(isMaterialized: boolean, storeName: string, onMaterialize: () => void = () => {}) {
    this.#isMaterialized = isMaterialized
    this.storeName = storeName
    this.#onMaterialize = onMaterialize
  }

  /** Whether the table has a store. */
  get isMaterialized(): boolean {
    return this.#isMaterialized
  }

  get sendsOldValues(): boolean {
    return this.#sendsOldValues
  }

  materialize(): void {
    if (this.#isMaterialized) return
    this.#onMaterialize()
    this.#isMaterialized = true
  }

  /** What a key had before comes from the store. */
  sendOldValues(mayMaterialize = true): boolean {
    if (!mayMaterialize && !this.#isMaterialized) return false
    this.materialize()
    this.#sendsOldValues = true
    return true
  }

  view(): TableView<K, V> {
    this.materialize()
    return storeView(this.storeName)
  }
}

/** A table computed from another one, value by value; it has a store only if it was given a name for it. */
export class DerivedTableNode<K, VIn, V> implements UpstreamTable<K, V> {
  readonly storeName: string | undefined
  readonly #parent: UpstreamTable<K, VIn>
  readonly #derive: (view: TableView<K, VIn>) => TableView<K, V>
  #sendsOldValues = false

  constructor(
    parent: UpstreamTable<K, VIn>,
    storeName: string | undefined,
    derive: (view: TableView<K, VIn>) => TableView<K, V>,
  ) {
    this.#parent = parent
    this.storeName = storeName
    this.#derive = derive
  }

  get sendsOldValues(): boolean {
    return this.#sendsOldValues
  }

  /** Has the parent send old values if that costs it nothing, though nobody after this step has asked. */
  useOldValuesOfParent(): void {
    this.#sendsOldValues = this.#parent.sendOldValues(false)
  }

  sendOldValues(mayMaterialize = true): boolean {
    if (this.storeName !== undefined || this.#parent.sendOldValues(mayMaterialize))
      this.#sendsOldValues = true
    return this.#sendsOldValues
  }

  view(): TableView<K, V> {
    return this.storeName === undefined
      ? this.#derive(this.#parent.view())
      : storeView(this.storeName)
  }
}

/** The result of joining two tables; computed at each lookup unless it was given a store. */
export class JoinedTableNode<K, V> implements UpstreamTable<K, V> {
  readonly storeName: string | undefined
  readonly #parents: readonly UpstreamTable[]
  readonly #joined: TableView<K, V>
  #sendsOldValues = false

  constructor(
    parents: readonly UpstreamTable[],
    storeName: string | undefined,
    joined: TableView<K, V>,
  ) {
    this.#parents = parents
    this.storeName = storeName
    this.#joined = joined
  }

  get sendsOldValues(): boolean {
    return this.#sendsOldValues
  }

  sendOldValues(): boolean {
    for (const parent of this.#parents) parent.sendOldValues(true)
    return (this.#sendsOldValues = true)
  }

  view(): TableView<K, V> {
    return this.storeName === undefined ? this.#joined : storeView(this.storeName)
  }
}
