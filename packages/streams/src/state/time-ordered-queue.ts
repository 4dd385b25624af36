/** Something that waits for its time. */
export interface Waiting {
  readonly timeMs: number
  /** Among those of one time, in the order of their characters. */
  readonly id: string
}

/** Things in the order of time, then id: a binary heap. What is removed is skipped when its turn comes. */
export class TimeOrderedQueue<T extends Waiting> {
  readonly #heap: T[] = []
  readonly #removed = new Set<T>()

  /** The first of them. */
  peek(): T | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (!first || !this.#removed.delete(first)) return first
      this.#pop()
    }
  }

  push(item: T): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as T
      if (!isBefore(item, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = item
  }

  remove(item: T): void {
    if (this.#heap[0] === item) this.#pop()
    else this.#removed.add(item)
  }

  clear(): void {
    this.#heap.length = 0
    this.#removed.clear()
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right && isBefore(right, heap[child] as T)) child++
      const below = heap[child] as T
      if (!isBefore(below, last)) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}

function isBefore(left: Waiting, right: Waiting): boolean {
  return left.timeMs === right.timeMs ? left.id < right.id : left.timeMs < right.timeMs
}
