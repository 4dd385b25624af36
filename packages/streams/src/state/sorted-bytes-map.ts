/**
 * A map from bytes to values that can be walked in the order of its keys, as unsigned bytes. Reads and writes cost what a `Map` costs until
 * somebody walks. Keys are held as latin-1 strings, one character a byte, whose order is that of the bytes.
 *
 * The order is kept as sorted runs, each at least twice as long as the next, so that a walk after a few new keys sorts these alone: with all
 * keys sorted anew, a reader of pages would hold up a store of a million keys for seconds at each. Runs are never changed, which lets a walk
 * go on while keys come and go. Deleted keys stay in them until they are half.
 */
export class SortedBytesMap<V> {
  readonly #values = new Map<string, V>()
  /** Undefined where nobody walks: the order is made when somebody does. */
  #runs: (readonly string[])[] | undefined
  /** Keys that came since the runs were made. */
  #added: string[] = []
  /** Keys in the runs and behind them that were deleted, or came a second time. */
  #staleCount = 0

  get size(): number {
    return this.#values.size
  }

  get(key: Buffer): V | undefined {
    return this.#values.get(key.toString('latin1'))
  }

  set(key: Buffer, value: V): void {
    const text = key.toString('latin1')
    if (this.#runs && !this.#values.has(text)) {
      this.#added.push(text)
      // Nobody has walked for long, and may never again.
      if (2 * this.#added.length > this.#values.size) this.#forgetOrder()
    }
    this.#values.set(text, value)
  }

  /** Returns whether the key was there. */
  delete(key: Buffer): boolean {
    const wasThere = this.#values.delete(key.toString('latin1'))
    if (wasThere && this.#runs) this.#staleCount++
    return wasThere
  }

  clear(): void {
    this.#values.clear()
    this.#forgetOrder()
  }

  /** Shows all entries in no order, which costs no sorting. */
  visitAll(visit: (key: Buffer, value: V) => void): void {
    for (const [text, value] of this.#values) visit(Buffer.from(text, 'latin1'), value)
  }

  /**
   * Entries from `from` to `to`, both inclusive, null being open. Sees the keys of the moment it starts, and of these only those that are
   * still there when it comes to them, with the values of then.
   */
  *range(from: Buffer | null, to: Buffer | null, isReverse = false): Generator<[Buffer, V]> {
    const [low, high] = [from?.toString('latin1'), to?.toString('latin1')]
    for (const text of merged(this.#sortedRuns(), low, high, isReverse)) {
      const value = this.#values.get(text)
      if (value !== undefined || this.#values.has(text))
        yield [Buffer.from(text, 'latin1'), value as V]
    }
  }

  #sortedRuns(): readonly (readonly string[])[] {
    if (!this.#runs || 2 * this.#staleCount > this.#values.size) {
      this.#forgetOrder()
      // Without a function to compare them, strings are compared by their characters, and twice as fast.
      this.#runs = [[...this.#values.keys()].toSorted()]
    } else if (this.#added.length > 0) {
      const runs = [...this.#runs, this.#added.toSorted()]
      this.#added = []
      for (let last; (last = runs.at(-1)) && runs.length > 1;) {
        const before = runs.at(-2) as readonly string[]
        if (before.length >= 2 * last.length) break
        runs.splice(-2, 2, mergedPair(before, last))
      }
      this.#runs = runs
    }
    return this.#runs
  }

  #forgetOrder(): void {
    this.#runs = undefined
    this.#added = []
    this.#staleCount = 0
  }
}

/** The part of a run that is left to walk: from `at`, by `step`, to `end`. */
interface Walk {
  readonly run: readonly string[]
  at: number
  readonly end: number
}

/** Keys of all runs in order, each once. */
function* merged(
  runs: readonly (readonly string[])[],
  low: string | undefined,
  high: string | undefined,
  isReverse: boolean,
): Generator<string, void, undefined> {
  const step = isReverse ? -1 : 1
  const walks = runs.map((run): Walk => {
    const first = low === undefined ? 0 : lowerBound(run, low, false)
    const end = high === undefined ? run.length : lowerBound(run, high, true)
    return isReverse ? { run, at: end - 1, end: first - 1 } : { run, at: first, end }
  })
  let given: string | undefined
  for (;;) {
    let next: Walk | undefined
    let text: string | undefined
    for (const walk of walks) {
      // An empty range may begin behind its end.
      if (step * walk.at >= step * walk.end) continue
      const head = walk.run[walk.at] as string
      if (text === undefined || (isReverse ? head > text : head < text)) {
        next = walk
        text = head
      }
    }
    if (!next || text === undefined) return
    next.at += step
    if (text !== given) yield text
    given = text
  }
}

function mergedPair(left: readonly string[], right: readonly string[]): readonly string[] {
  const both: string[] = []
  let at = 0
  for (const text of right) {
    for (; at < left.length && (left[at] as string) <= text; at++) both.push(left[at] as string)
    both.push(text)
  }
  for (; at < left.length; at++) both.push(left[at] as string)
  return both
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
