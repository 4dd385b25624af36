import { assert } from '@millrace/core'

/** A transaction that has records in the log and no marker yet. */
export interface OpenTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstOffset: number
  /** Bytes appended to the log before it; -Infinity when it was open already at the start. */
  readonly bytesBefore: number
}

/** A transaction whose records a read_committed reader must drop: the producer's, from `firstOffset` up to the marker at `lastOffset`. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
}

/** In the index, with the offset below which no later entry begins: where the first transaction still open at its end began. */
interface IndexedAbort {
  readonly aborted: AbortedTransaction
  readonly laterFrom: number
}

interface EndedTransaction {
  readonly firstOffset: number
  readonly bytesBefore: number
  readonly lastOffset: number
}

/** As the checkpoint keeps it. */
export interface LogTransactionsSnapshot {
  readonly open: readonly (readonly [producerId: number, epoch: number, firstOffset: number])[]
  readonly aborted: readonly (readonly [
    producerId: number,
    firstOffset: number,
    lastOffset: number,
    laterFrom: number,
  ])[]
}

/**
 * What one partition knows of transactions: which are open, which were aborted, and thereby its last stable offset (Kafka:
 * ProducerStateManager's ongoing and unreplicated transactions, TransactionIndex). Rebuilt from the log's batches and markers; the log owns
 * it and tells it of every one, in order.
 */
export class LogTransactions {
  /** By producer id, in the order they began. */
  readonly #open = new Map<number, OpenTransaction>()
  /** Marker appended, but not yet below the high watermark (fsync mode `group`): as unstable as an open one, in marker order. */
  #ending: EndedTransaction[] = []
  /** In the order of their markers. */
  #aborted: IndexedAbort[] = []

  /** In the order they began. */
  get open(): Iterable<OpenTransaction> {
    return this.#open.values()
  }

  get openCount(): number {
    return this.#open.size
  }

  get abortedCount(): number {
    return this.#aborted.length
  }

  of(producerId: number): OpenTransaction | undefined {
    return this.#open.get(producerId)
  }

  /** The unstable transaction that began first; undefined when everything below the high watermark is decided. */
  get firstUnstable(): Pick<OpenTransaction, 'firstOffset' | 'bytesBefore'> | undefined {
    let first: Pick<OpenTransaction, 'firstOffset' | 'bytesBefore'> | undefined
    for (const open of this.#open.values()) {
      first = open
      break
    }
    for (const ending of this.#ending)
      if (first === undefined || ending.firstOffset < first.firstOffset) first = ending
    return first
  }

  /** A transactional batch was appended; the first one of a producer opens its transaction. */
  noteBatch(open: OpenTransaction): void {
    if (!this.#open.has(open.producerId)) this.#open.set(open.producerId, open)
  }

  /** A marker was appended. One without records before it ends nothing, and leaves no trace here, as in Kafka. */
  noteMarker(producerId: number, markerOffset: number, isCommit: boolean): void {
    const open = this.#open.get(producerId)
    if (open === undefined) return
    assert(open.firstOffset < markerOffset, `Marker ${markerOffset} before ${open.firstOffset}`)
    this.#open.delete(producerId)
    const { firstOffset, bytesBefore } = open
    this.#ending.push({ firstOffset, bytesBefore, lastOffset: markerOffset })
    if (isCommit) return
    const aborted = { producerId, firstOffset, lastOffset: markerOffset }
    const [oldest] = this.#open.values()
    this.#aborted.push({ aborted, laterFrom: oldest?.firstOffset ?? markerOffset })
  }

  /** Markers below the high watermark are decided for everybody. */
  settle(highWatermark: number): void {
    if (this.#ending.length > 0)
      this.#ending = this.#ending.filter(({ lastOffset }) => lastOffset >= highWatermark)
  }

  /**
   * Every aborted transaction that has records in `[fromOffset, toOffset)` or its marker after `fromOffset`, in marker order: what a
   * reader of that range needs. It may have begun before `fromOffset`.
   */
  abortedIn(fromOffset: number, toOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    for (let at = this.#firstAbortedEndingAt(fromOffset); at < this.#aborted.length; at++) {
      const { aborted, laterFrom } = this.#aborted[at]!
      if (aborted.firstOffset < toOffset) found.push(aborted)
      if (laterFrom >= toOffset) break
    }
    return found
  }

  /** Every aborted transaction, in marker order. */
  get aborted(): readonly AbortedTransaction[] {
    return this.#aborted.map(({ aborted }) => aborted)
  }

  /** Transactions whose marker lies before the log start concern no reader any more. */
  forgetBefore(logStartOffset: number): void {
    const keepFrom = this.#firstAbortedEndingAt(logStartOffset)
    if (keepFrom > 0) this.#aborted = this.#aborted.slice(keepFrom)
  }

  /**
   * Compaction took the abort markers at these offsets, with the last record of their transactions. An entry without marker would make
   * readers drop the producer's later transactions too.
   */
  forgetMarkers(markerOffsets: ReadonlySet<number>): void {
    if (markerOffsets.size > 0)
      this.#aborted = this.#aborted.filter(({ aborted }) => !markerOffsets.has(aborted.lastOffset))
  }

  snapshot(): LogTransactionsSnapshot {
    return {
      open: [...this.#open.values()].map((o) => [o.producerId, o.producerEpoch, o.firstOffset]),
      aborted: this.#aborted.map(({ aborted, laterFrom }) => [
        aborted.producerId,
        aborted.firstOffset,
        aborted.lastOffset,
        laterFrom,
      ]),
    }
  }

  static restore(snapshot: LogTransactionsSnapshot): LogTransactions {
    const transactions = new LogTransactions()
    for (const [producerId, producerEpoch, firstOffset] of snapshot.open)
      transactions.noteBatch({ producerId, producerEpoch, firstOffset, bytesBefore: -Infinity })
    for (const [producerId, firstOffset, lastOffset, laterFrom] of snapshot.aborted)
      transactions.#aborted.push({ aborted: { producerId, firstOffset, lastOffset }, laterFrom })
    return transactions
  }

  /** Markers ascend, so a binary search finds the first at or after the offset. */
  #firstAbortedEndingAt(offset: number): number {
    let low = 0
    let high = this.#aborted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#aborted[middle]!.aborted.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
