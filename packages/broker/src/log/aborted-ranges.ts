import type { AbortedTransaction } from './log-transactions.ts'

/** Looks up whether a transactional batch belongs to an aborted transaction. */
export class AbortedRanges {
  /** A producer's transactions follow each other, so each list ascends. */
  readonly #byProducer = new Map<number, AbortedTransaction[]>()
  readonly #markers: ReadonlySet<number>

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#markers = new Set(aborted.map(({ lastOffset }) => lastOffset))
    for (const transaction of aborted) {
      const known = this.#byProducer.get(transaction.producerId)
      if (known === undefined) this.#byProducer.set(transaction.producerId, [transaction])
      else known.push(transaction)
    }
  }

  /** @param baseOffset of a transactional batch of the producer */
  has(producerId: number, baseOffset: number): boolean {
    const transactions = this.#byProducer.get(producerId)
    if (transactions === undefined) return false
    let low = 0
    let high = transactions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (transactions[middle]!.lastOffset < baseOffset) low = middle + 1
      else high = middle
    }
    const candidate = transactions[low]
    return candidate !== undefined && candidate.firstOffset <= baseOffset
  }

  /** Whether readers are still told of the aborted transaction that the marker at the offset ends. */
  listsMarker(offset: number): boolean {
    return this.#markers.has(offset)
  }
}
