import type { Headers } from '../record.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { FlushListener } from './cached-key-value-store.ts'
import { HeldUpdates } from './held-updates.ts'
import type { RecordCache } from './record-cache.ts'
import type { StoreKeys } from './store-keys.ts'
import type { StoreValues } from './store-values.ts'
import type { StoreContext } from './store.ts'
import type { HoldingRows, LeavingUpdate } from './update-columns.ts'

export interface WindowedUpdatesOptions<K, V, R> {
  readonly rows: HoldingRows<R>
  readonly keys: StoreKeys<K>
  readonly values: StoreValues<V>
  readonly windowOf: (row: R) => Window
  /** Logs an update, before it is sent. @param isNews false: the row came and went since the flush before, and nobody is told */
  readonly onLeave: (row: R, value: unknown, timestamp: number, isNews: boolean) => void
}

/** The updates of a windowed store behind a cache: held until the next flush, then logged and sent, in the order of the last ones. */
export class WindowedUpdates<K, V, R> {
  readonly #options: WindowedUpdatesOptions<K, V, R>
  readonly #held: HeldUpdates<R>
  #listener: FlushListener<Windowed<K>, V> | undefined
  #sendsOldValues = false

  constructor(cache: RecordCache, options: WindowedUpdatesOptions<K, V, R>) {
    this.#held = new HeldUpdates(cache, options.rows)
    this.#options = options
  }

  /** Names who is told of updates when they leave. */
  onFlush(listener: FlushListener<Windowed<K>, V>, sendsOldValues: boolean): void {
    this.#listener = listener
    this.#sendsOldValues = sendsOldValues
  }

  /**
   * Holds an update of what the row now has. Returns whether the store is to flush, since the caches are full.
   * @param before what the row had until now; null: nothing
   */
  hold(row: R, before: unknown, headers: Headers | undefined, context: StoreContext): boolean {
    this.#held.hold(row, before, headers, context)
    return this.#held.isFull
  }

  /** Forgets the update of a row that nobody was told of, and returns true; false where somebody was. */
  forgetNew(row: R): boolean {
    if (this.#held.beforeOf(row) !== null) return false
    this.#held.forget(row)
    return true
  }

  flush(): void {
    this.#held.letGo(this.#letGo)
  }

  clear(): void {
    this.#held.clear()
  }

  readonly #letGo = (update: LeavingUpdate<R>): void => {
    const { rows, keys, values, windowOf, onLeave } = this.#options
    const { row, before, value, timestamp, headers } = update
    const isNews = value !== null || before !== null
    onLeave(row, value, timestamp, isNews)
    if (!isNews || !this.#listener) return
    const windowed = { key: keys.keyOf(rows.idOf(row)), window: windowOf(row) }
    const change = {
      newValue: value === null ? null : values.give(value),
      oldValue: before === null || !this.#sendsOldValues ? null : values.give(before),
    }
    this.#listener(windowed, change, timestamp, headers, update)
  }
}
