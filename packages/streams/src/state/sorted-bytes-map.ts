/**
 * A map from bytes to values that can be walked in the order of its keys, as unsigned bytes. Reads and writes cost what a `Map` costs; the
 * order is made when somebody walks. Keys are held as latin-1 strings, one character a byte, whose order is that of the bytes.
 */
export class SortedBytesMap<V> {
  readonly #values = new Map<string, V>()
  /** Sorted keys; undefined once a key came or went. */
  #sorted: string[] | undefined = []

  get size(): number {
    return this.#values.size
  }

  get(key: Buffer): V | undefined {
    return this.#values.get(key.toString('latin1'))
  }

  set(key: Buffer, value: V): void {
    const text = key.toString('latin1')
    if (this.#sorted && !this.#values.has(text)) this.#sorted = undefined
    this.#values.set(text, value)
  }

  /** Returns whether the key was there. */
  delete(key: Buffer): boolean {
    const wasThere = this.#values.delete(key.toString('latin1'))
    if (wasThere) this.#sorted = undefined
    return wasThere
  }

  clear(): void {
    this.#values.clear()
    this.#sorted = []
  }

  /**
   * Entries from `from` to `to`, both inclusive, null being open. Sees the keys of the moment it starts, and of these only those that are
   * still there when it comes to them, with the values of then.
   */
  *range(from: Buffer | null, to: Buffer | null, isReverse = false): Generator<[Buffer, V]> {
    const sorted = (this.#sorted ??= [...this.#values.keys()].toSorted(compareText))
    const first = from === null ? 0 : lowerBound(sorted, from.toString('latin1'), false)
    const end = to === null ? sorted.length : lowerBound(sorted, to.toString('latin1'), true)
    const step = isReverse ? -1 : 1
    for (let at = isReverse ? end - 1 : first; isReverse ? at >= first : at < end; at += step) {
      const text = sorted[at] as string
      const value = this.#values.get(text)
      if (value !== undefined || this.#values.has(text))
        yield [Buffer.from(text, 'latin1'), value as V]
    }
  }
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** The first position whose text is at least `text`, or greater than it where `isAfter`. */
function lowerBound(sorted: readonly string[], text: string, isAfter: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const each = sorted[middle] as string
    if (each < text || (isAfter && each === text)) low = middle + 1
    else high = middle
  }
  return low
}
