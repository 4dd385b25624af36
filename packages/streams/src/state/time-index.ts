import type { KeyValueBytes } from './key-value-bytes.ts'
import { TimeOrderedQueue, type Waiting } from './time-ordered-queue.ts'
import { readTime, writeTime } from './window-key.ts'

/** A key that waits for a time. */
export interface TimedKey {
  readonly atMs: number
  readonly key: Buffer
}

const placeSize = 9
const nothing = Buffer.alloc(0)
/** Of those that are next, so many at once are brought into memory; those beyond four times as many go from there again. */
const loadedCount = 10_000

/**
 * Keys by the time they wait for: what is due next, without a look at the others. They are entries of an ordered map, `prefix`, int64 time and
 * key, so that they outlive the process where the map does. The earliest are in a heap as well, since walking the map anew for each would
 * cost a sort of what has changed.
 */
export class TimeIndex {
  readonly #prefix: number
  readonly #entries: KeyValueBytes
  /** Holds all that wait for `#horizonMs` and earlier; and some that have been removed, which their places tell. */
  readonly #near = new TimeOrderedQueue<Waiting>()
  #nearCount = 0
  #horizonMs = -1

  /** @param prefix first byte of the places; what follows it must not begin with the next byte */
  constructor(entries: KeyValueBytes, prefix: number) {
    this.#entries = entries
    this.#prefix = prefix
  }

  /** @param atMs ms, integer >= 0 */
  add(atMs: number, key: Buffer): void {
    this.#entries.set(this.#place(atMs, key), { bytes: nothing, timestamp: atMs })
    if (atMs > this.#horizonMs) return
    if (this.#nearCount >= 4 * loadedCount) return this.#forget()
    this.#push(atMs, key)
  }

  remove(atMs: number, key: Buffer): void {
    this.#entries.delete(this.#place(atMs, key))
  }

  /** Takes the first whose time has come, by time, then by the key's bytes. */
  takeDue(nowMs: number): TimedKey | undefined {
    for (;;) {
      const first = this.#near.peek()
      if (first && first.timeMs <= nowMs) {
        this.#near.remove(first)
        this.#nearCount--
        const key = Buffer.from(first.id, 'latin1')
        const place = this.#place(first.timeMs, key)
        if (!this.#entries.get(place)) continue
        this.#entries.delete(place)
        return { atMs: first.timeMs, key }
      }
      if (this.#horizonMs >= nowMs) return undefined
      this.#load()
    }
  }

  /** The map was filled, or emptied, by others. */
  #forget(): void {
    this.#near.clear()
    this.#nearCount = 0
    this.#horizonMs = -1
  }

  /** Those that come next after the horizon. */
  #load(): void {
    const from = this.#place(this.#horizonMs + 1, nothing)
    let count = 0
    for (const [place] of this.#entries.range(from, Buffer.from([this.#prefix + 1]))) {
      const atMs = readTime(place, 1)
      this.#push(atMs, place.subarray(placeSize))
      if (++count < loadedCount) continue
      // More may wait for this time: those that are here go first, and then the rest is found.
      this.#horizonMs = atMs - 1
      return
    }
    this.#horizonMs = Infinity
  }

  #push(atMs: number, key: Buffer): void {
    this.#near.push({ timeMs: atMs, id: key.toString('latin1') })
    this.#nearCount++
  }

  /** Times are not negative, so that their bytes are in their order. */
  #place(atMs: number, key: Buffer): Buffer {
    const bytes = Buffer.allocUnsafe(placeSize + key.length)
    bytes.writeUInt8(this.#prefix)
    writeTime(bytes, atMs, 1)
    key.copy(bytes, placeSize)
    return bytes
  }
}
