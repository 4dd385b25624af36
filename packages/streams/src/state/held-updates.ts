import type { Headers } from '../record.ts'
import type { RecordCache } from './record-cache.ts'
import { keptBytes } from './store-values.ts'
import type { StoreContext } from './store.ts'
import { UpdateColumns, type HoldingRows, type LeavingUpdate } from './update-columns.ts'

/** What an update counts beyond its key and its value: as much as in Java, where links, times and the source's name are counted. */
export const updateOverheadBytes = 80
/** Places that are void are cleared away when they are so many times what waits. */
const voidFactor = 4

/**
 * The updates that a store behind a cache holds back (trap 36): of each row the last one, let go in the order of the last updates. Unlike
 * Java's, the store is always as it would be without: only what is sent and logged waits. When the thread's caches are full, all goes.
 * @see Kafka Streams `NamedCache`, `CachingWindowStore`, `CachingSessionStore`
 */
export class HeldUpdates<R> {
  readonly #cache: RecordCache
  readonly #rows: HoldingRows<R>
  #waiting: UpdateColumns<R>
  /** Of the flush before; undefined while that goes on. */
  #spare: UpdateColumns<R> | undefined
  #count = 0
  #sizeBytes = 0

  constructor(cache: RecordCache, rows: HoldingRows<R>) {
    this.#cache = cache
    this.#rows = rows
    this.#waiting = new UpdateColumns(rows)
  }

  /** Memory of the thread's caches is used up: the store is to flush. */
  get isFull(): boolean {
    return this.#cache.isFull && this.#count > 0
  }

  /**
   * Notes that a row has changed, and is as it now is.
   * @param before what it had until now; null: nothing
   */
  hold(row: R, before: unknown, headers: Headers | undefined, context: StoreContext): void {
    const waiting = this.#waiting
    const rows = this.#rows
    const heldAt = rows.heldAt(row)
    const keptSize = keptBytes(rows.valueOf(row))
    if (heldAt < 0) {
      waiting.add(row, before, headers, context)
      this.#count++
      this.#grow(updateOverheadBytes + rows.idOf(row).length + keptSize)
      return
    }
    waiting.add(row, waiting.remove(heldAt), headers, context)
    this.#grow(keptSize - keptBytes(before))
    if (waiting.length > voidFactor * (this.#count + 256)) waiting.clearVoid()
  }

  /** What a row that is held had at the flush before; undefined for others. */
  beforeOf(row: R): unknown {
    const heldAt = this.#rows.heldAt(row)
    return heldAt < 0 ? undefined : this.#waiting.beforeAt(heldAt)
  }

  /** What was put and taken away since the last flush was never there. */
  forget(row: R): void {
    const heldAt = this.#rows.heldAt(row)
    if (heldAt < 0) return
    this.#waiting.remove(heldAt)
    this.#rows.setHeldAt(row, -1)
    this.#count--
  }

  /** Lets go all that waits. What is done with it may hold more, which then waits. */
  letGo(visit: (update: LeavingUpdate<R>) => void): void {
    const leaving = this.#waiting
    if (leaving.length === 0) return
    this.#waiting = this.#spare ?? new UpdateColumns(this.#rows)
    this.#spare = undefined
    this.#count = 0
    this.#grow(-this.#sizeBytes)
    leaving.leave(visit)
    this.#spare = leaving
  }

  /** Forgets what waits; for a store that is closed. */
  clear(): void {
    this.#waiting = new UpdateColumns(this.#rows)
    this.#count = 0
    this.#grow(-this.#sizeBytes)
  }

  #grow(bytes: number): void {
    this.#sizeBytes += bytes
    this.#cache.sizeBytes += bytes
  }
}
