import type { RecordSource } from '../record.ts'

/** What a cache has of a key. */
export interface CacheEntry extends RecordSource {
  readonly id: string
  /** As `StoreValues` keeps it; null: deleted. */
  value: unknown
  timestamp: number
  sizeBytes: number
  isDirty: boolean
  older: CacheEntry | undefined
  newer: CacheEntry | undefined
}

/**
 * Entries by when they were put or read in, the oldest first, as a list through the entries: a put costs a few pointers. Those that are not
 * written stand in it by their last update.
 */
export class EntryOrder {
  #oldest: CacheEntry | undefined
  #newest: CacheEntry | undefined
  #dirtyCount = 0

  get oldest(): CacheEntry | undefined {
    return this.#oldest
  }

  /** A new one; dirty or not, as it says. */
  add(entry: CacheEntry): void {
    if (entry.isDirty) this.#dirtyCount++
    this.#append(entry)
  }

  /** It was put again, and is dirty. */
  renew(entry: CacheEntry): void {
    if (!entry.isDirty) this.#dirtyCount++
    entry.isDirty = true
    if (this.#newest === entry) return
    this.#unlink(entry)
    this.#append(entry)
  }

  remove(entry: CacheEntry): void {
    if (entry.isDirty) this.#dirtyCount--
    entry.isDirty = false
    this.#unlink(entry)
  }

  /** All that is dirty, by the last update; it counts as written from now on. */
  takeDirty(): readonly CacheEntry[] {
    const dirty: CacheEntry[] = []
    // From the newest on: what was only read in before the first of them is not looked at.
    for (let at = this.#newest; at && this.#dirtyCount > 0; at = at.older) {
      if (!at.isDirty) continue
      at.isDirty = false
      this.#dirtyCount--
      dirty.push(at)
    }
    return dirty.toReversed()
  }

  #append(entry: CacheEntry): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
  }

  #unlink({ older, newer }: CacheEntry): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}
