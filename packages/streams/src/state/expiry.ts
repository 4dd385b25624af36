import { inMemory, keyValueBytes, type KeyValueBytes, type StoredValue } from './key-value-bytes.ts'
import type { StoreContext } from './store.ts'
import { TimeIndex } from './time-index.ts'

/** No name of a store has a space. */
const indexSuffix = ' expiry'
const byTime = 0

/** An entry whose time to live is over, and which was taken out. */
export interface ExpiredEntry {
  readonly key: Buffer
  readonly stored: StoredValue
  /** When it was over, ms of stream time. */
  readonly atMs: number
}

/**
 * Which entries of a store have outlived their time. The clock is the task's stream time: the largest timestamp of what the task has taken, kept
 * over restarts with the committed offsets. An entry is over once that has come to its own timestamp and `ttlMs`; from then on it is not
 * read any more, and it is taken out between two records.
 *
 * Their order is kept beside the store, by timestamp, so that another `ttlMs` needs no other order. Where that does not have as many entries as
 * the store (which had no time to live before, or was rebuilt), it is made again.
 */
export class Expiry {
  readonly #ttlMs: number
  readonly #context: StoreContext
  readonly #entries: KeyValueBytes
  readonly #index: TimeIndex

  constructor(
    store: { readonly name: string; readonly type: 'memory' | 'persistent' },
    ttlMs: number,
    context: StoreContext,
    entries: KeyValueBytes,
  ) {
    this.#ttlMs = ttlMs
    this.#context = context
    this.#entries = entries
    const places = entries.isPersistent
      ? keyValueBytes(`${store.name}${indexSuffix}`, store.type, context)
      : inMemory()
    this.#index = new TimeIndex(places, byTime)
    if (places.approximateEntryCount !== entries.approximateEntryCount)
      for (const [key, { timestamp }] of entries.range(null, null)) this.#index.add(timestamp, key)
  }

  get #nowMs(): number {
    return this.#context.streamTime ?? -1
  }

  isOver(timestamp: number): boolean {
    return timestamp + this.#ttlMs <= this.#nowMs
  }

  /** An entry was put, or deleted. */
  changed(key: Buffer, before: StoredValue | undefined, timestamp: number | undefined): void {
    if (before && before.timestamp !== timestamp) this.#index.remove(before.timestamp, key)
    if (timestamp !== undefined && before?.timestamp !== timestamp) this.#index.add(timestamp, key)
  }

  /** The key's entry, where that is over and not taken out yet; it stays. */
  endedAt(key: Buffer): ExpiredEntry | undefined {
    const stored = this.#entries.get(key)
    return stored && this.isOver(stored.timestamp)
      ? { key, stored, atMs: stored.timestamp + this.#ttlMs }
      : undefined
  }

  /** Takes out the entry that is over for longest; undefined where none is. */
  take(): ExpiredEntry | undefined {
    for (;;) {
      const due = this.#index.takeDue(this.#nowMs - this.#ttlMs)
      if (!due) return undefined
      const stored = this.#entries.get(due.key)
      // The order may know entries of before the store was rebuilt.
      if (stored?.timestamp !== due.atMs) continue
      this.#entries.delete(due.key)
      return { key: due.key, stored, atMs: due.atMs + this.#ttlMs }
    }
  }
}
