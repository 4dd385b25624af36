import type { ConsumerBatch } from '@millrace/kafka'
import { noHeaders, type Headers, type RawRecord } from '../record.ts'

/**
 * Records of one partition that were fetched and not processed yet, in offset order: batches as the consumer gave them, read in place.
 * A record becomes an object only when its turn has come.
 */
export class RecordQueue {
  readonly topic: string
  readonly partition: number
  readonly #batches: ConsumerBatch[] = []
  /** Of the head in the first batch. */
  #index = 0
  #length = 0
  #nextOffset: bigint

  /** @param offset where reading begins: what is committed before the first record was processed */
  constructor(topic: string, partition: number, offset: bigint) {
    this.topic = topic
    this.partition = partition
    this.#nextOffset = offset
  }

  /** Records left. */
  get length(): number {
    return this.#length
  }

  /** What to commit: the head's offset, or that behind the last record (trap 37), markers and aborted records after it included. */
  get nextOffset(): bigint {
    const first = this.#batches[0]
    return first ? BigInt(first.offset(this.#index)) : this.#nextOffset
  }

  add(batch: ConsumerBatch): void {
    this.#batches.push(batch)
    this.#length += batch.length
  }

  /** The head's own timestamp; undefined without one. */
  get headTimestamp(): number | undefined {
    return this.#batches[0]?.timestampMs(this.#index)
  }

  /** The head, which stays; undefined without one. */
  peek(): RawRecord | undefined {
    const batch = this.#batches[0]
    return batch && recordAt(batch, this.#index)
  }

  /** Takes the head. */
  take(): RawRecord | undefined {
    const batch = this.#batches[0]
    if (!batch) return undefined
    const record = recordAt(batch, this.#index)
    this.#index++
    this.#length--
    if (this.#index === batch.length) {
      this.#batches.shift()
      this.#index = 0
      this.#nextOffset = batch.nextOffset
    }
    return record
  }
}

function recordAt(batch: ConsumerBatch, index: number): RawRecord {
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: batch.offset(index),
    timestamp: batch.timestampMs(index),
    key: batch.key(index),
    value: batch.value(index),
    headers: headersOf(batch.headers(index)),
  }
}

function headersOf(headers: readonly (readonly [name: string, value: Buffer])[]): Headers {
  return headers.length === 0 ? noHeaders : headers.map(([key, value]) => ({ key, value }))
}
