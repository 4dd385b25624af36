/** A batch as it is handed out: runs of columns, read in place; objects are made only for those who ask for `records`. */
import { assert } from '@millrace/core'
import type { BytesReader, RecordColumns, RecordHeaderView } from '@millrace/protocol'
import { KafkaError } from './errors.ts'
import type { RecordRun } from './fetched-records.ts'
import type { ConsumerBatch, ConsumerRecord } from './consumer-types.ts'
import type { TopicPartition } from './types.ts'

const noBytes = Buffer.alloc(0)
const noHeaders: ConsumerRecord['headers'] = Object.freeze([])

/** What is known of a batch beside its records. */
export interface BatchFacts extends TopicPartition {
  readonly highWatermark: bigint
  readonly generationId: number
  readonly signal: AbortSignal
}

export class FetchedBatch implements ConsumerBatch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: bigint
  readonly generationId: number
  readonly signal: AbortSignal
  readonly length: number
  readonly sizeBytes: number
  readonly nextOffset: bigint
  readonly #onRelease: () => void
  /** None once it is released. */
  #runs: readonly RecordRun[]
  /** The run looked at last, and how far its records stand behind their place in the batch. */
  #run: RecordRun
  #runIndex = 0
  #shift: number
  #records: readonly ConsumerRecord[] | undefined

  /** @param runs in offset order, at least one */
  constructor(facts: BatchFacts, runs: readonly RecordRun[], onRelease = (): void => {}) {
    this.topic = facts.topic
    this.partition = facts.partition
    this.highWatermark = facts.highWatermark
    this.generationId = facts.generationId
    this.signal = facts.signal
    assert(runs.length > 0, 'a batch has records')
    this.nextOffset = BigInt((runs.at(-1) as RecordRun).nextOffset)
    this.#onRelease = onRelease
    this.#runs = runs
    this.#run = runs[0] as RecordRun
    this.#shift = this.#run.from
    let length = 0
    let sizeBytes = 0
    for (const { from, until, recordBytes } of runs) {
      length += until - from
      sizeBytes += (until - from) * recordBytes
    }
    this.length = length
    this.sizeBytes = sizeBytes
  }

  release(): void {
    if (this.#runs.length === 0) return
    this.#runs = []
    this.#run = { ...this.#run, from: 0, until: 0 }
    this.#records = undefined
    this.#onRelease()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  get records(): readonly ConsumerRecord[] {
    this.#records ??= [...this]
    return this.#records
  }

  offset(index: number): number {
    return this.#columns(index).offset(index + this.#shift)
  }

  timestampMs(index: number): number {
    return this.#columns(index).timestampMs(index + this.#shift)
  }

  key(index: number): Buffer | null {
    return this.#columns(index).key(index + this.#shift)
  }

  value(index: number): Buffer | null {
    return this.#columns(index).value(index + this.#shift)
  }

  readKey<T>(index: number, read: BytesReader<T>): T | null {
    return this.#columns(index).readKey(index + this.#shift, read)
  }

  readValue<T>(index: number, read: BytesReader<T>): T | null {
    return this.#columns(index).readValue(index + this.#shift, read)
  }

  keySizeBytes(index: number): number {
    return this.#columns(index).keySizeBytes(index + this.#shift)
  }

  valueSizeBytes(index: number): number {
    return this.#columns(index).valueSizeBytes(index + this.#shift)
  }

  headers(index: number): ConsumerRecord['headers'] {
    const columns = this.#columns(index)
    const at = index + this.#shift
    return columns.hasHeaders(at) ? columns.headers(at).map(withoutNull) : noHeaders
  }

  record(index: number): ConsumerRecord {
    const columns = this.#columns(index)
    const at = index + this.#shift
    return {
      topic: this.topic,
      partition: this.partition,
      offset: BigInt(columns.offset(at)),
      timestampMs: columns.timestampMs(at),
      key: columns.key(at),
      value: columns.value(at),
      headers: columns.headers(at).map(withoutNull),
    }
  }

  *[Symbol.iterator](): Generator<ConsumerRecord, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.record(index)
  }

  /** The columns that hold the record; `#shift` then leads to its row there. */
  #columns(index: number): RecordColumns {
    const row = index + this.#shift
    return row >= this.#run.from && row < this.#run.until ? this.#run.columns : this.#find(index)
  }

  /** Most look at one record after the other: the next run is tried first. */
  #find(index: number): RecordColumns {
    if (this.#runs.length === 0) throw released(this)
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new RangeError(`Record ${index} of a batch of ${this.length} records.`)
    const first = this.#run.from - this.#shift
    const isForward = index >= first
    let at = isForward ? this.#runIndex : 0
    let before = isForward ? first : 0
    for (; ; at++) {
      const run = this.#runs[at] as RecordRun
      const end = before + run.until - run.from
      if (index < end) {
        this.#run = run
        this.#runIndex = at
        this.#shift = run.from - before
        return run.columns
      }
      before = end
    }
  }
}

function released({ topic, partition }: TopicPartition): KafkaError {
  return new KafkaError(
    'MR_KAFKA_WRONG_STATE',
    `A batch of "${topic}" partition ${partition} was read after release(): its memory may hold other records by now. Release it when nothing of it is looked at any more, and copy the keys and values that are kept.`,
    { topic, partition },
  )
}

function withoutNull([name, value]: RecordHeaderView): readonly [string, Buffer] {
  return [name, value ?? noBytes]
}
