import type { ConsumerBatch } from '@millrace/kafka'
import { noHeaders, type Headers, type RawRecord } from '../../record.ts'
import type { RangeReader } from '../../serde.ts'

/**
 * Records of one partition that were fetched and not processed yet, in offset order: batches as the consumer gave them, read in place.
 */
export class RecordQueue {
  readonly topic: string
  readonly partition: number
  readonly #batches: ConsumerBatch[] = []
  /** Of the head in the first batch. */
  #index = 0
  #length = 0
  #sizeBytes = 0
  #nextOffset: bigint
  /** The record that was taken last: one object for all, since there may be a million of them each second. */
  readonly #taken: QueuedRecord
  /** All of it is taken; its last record may be looked at until the next one is taken. */
  #spent: ConsumerBatch | undefined
  /** The last one that was read from by `peek`. */
  #peeked: ConsumerBatch | undefined

  /** @param offset where reading begins: what is committed before the first record was processed */
  constructor(topic: string, partition: number, offset: bigint) {
    this.topic = topic
    this.partition = partition
    this.#nextOffset = offset
    this.#taken = new QueuedRecord(topic, partition)
  }

  /** Records left. */
  get length(): number {
    return this.#length
  }

  /** Memory of the batches that are not taken whole, about. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** What to commit: the head's offset, or that behind the last record (trap 37), markers and aborted records after it included. */
  get nextOffset(): bigint {
    const first = this.#batches[0]
    return first ? BigInt(first.offset(this.#index)) : this.#nextOffset
  }

  add(batch: ConsumerBatch): void {
    this.#batches.push(batch)
    this.#length += batch.length
    this.#sizeBytes += batch.sizeBytes
  }

  /** The head's own timestamp; undefined without one. */
  get headTimestamp(): number | undefined {
    return this.#batches[0]?.timestampMs(this.#index)
  }

  /** The head, which stays; undefined without one. */
  peek(): RawRecord | undefined {
    const batch = this.#batches[0]
    if (!batch) return undefined
    // Who peeks looks at keys and values, and may keep them.
    this.#peeked = batch
    return new QueuedRecord(this.topic, this.partition).at(batch, this.#index)
  }

  /** Takes the head, which is good until the next one is taken. */
  take(): RawRecord | undefined {
    const batch = this.#batches[0]
    if (!batch) return undefined
    if (this.#spent) {
      // Its memory takes the next answers; unless somebody has a view of it.
      if (!this.#taken.hasViews && this.#peeked !== this.#spent) this.#spent.release()
      this.#spent = undefined
      this.#taken.hasViews = false
    }
    const record = this.#taken.at(batch, this.#index)
    this.#index++
    this.#length--
    if (this.#index === batch.length) {
      this.#batches.shift()
      this.#sizeBytes -= batch.sizeBytes
      this.#spent = batch
      this.#index = 0
      this.#nextOffset = batch.nextOffset
    }
    return record
  }
}

/** A record where it stands in its batch. Each part is decoded when it is asked for. */
class QueuedRecord implements RawRecord {
  readonly topic: string
  readonly partition: number
  /** Views of the batch's memory were given out. */
  hasViews = false
  #batch!: ConsumerBatch
  #index = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  at(batch: ConsumerBatch, index: number): this {
    this.#batch = batch
    this.#index = index
    return this
  }

  get offset(): number {
    return this.#batch.offset(this.#index)
  }

  get timestamp(): number {
    return this.#batch.timestampMs(this.#index)
  }

  get key(): Buffer | null {
    this.hasViews = true
    return this.#batch.key(this.#index)
  }

  get value(): Buffer | null {
    this.hasViews = true
    return this.#batch.value(this.#index)
  }

  /** Copies: nearly every record of some topics has headers, and as views they would keep all the memory that could be used again. */
  get headers(): Headers {
    const headers = this.#batch.headers(this.#index)
    if (headers.length === 0) return noHeaders
    return headers.map(([key, value]) => ({ key, value: Buffer.from(value) }))
  }

  readKey(read: RangeReader<unknown>): unknown {
    return this.#batch.readKey(this.#index, read)
  }

  readValue(read: RangeReader<unknown>): unknown {
    return this.#batch.readValue(this.#index, read)
  }
}
