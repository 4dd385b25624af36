/**
 * The lanes of all partitions and the memory of their batches: records are encoded into them when `send` is called, and wait here.
 * Bounded by what `ProduceRouter` lets in; what a batch held is free again when it ends.
 */
import { RecordBatchBuilder, type RecordBytes, type RecordHeadersInput } from '@millrace/protocol'
import { OutgoingBatch } from './outgoing-batch.ts'
import { PartitionLane } from './partition-lane.ts'
import type { SendCall } from './send-call.ts'

/** Builders kept for the next batches; each keeps the memory of its largest batch. */
const maxFreeBuilders = 16
const minBuilderBytes = 16_384
/** A batch that is a few bytes longer than the one before is not to double its memory. */
const builderSlackBytes = 1_024

export class ProduceAccumulator {
  readonly #batchSizeBytes: number
  readonly #nowMs: () => number
  readonly #lanes = new Map<string, (PartitionLane | undefined)[]>()
  readonly #free: RecordBatchBuilder[] = []
  /** Lanes with something to send, in the order of their turns. */
  readonly ready = new Set<PartitionLane>()
  #bufferedBytes = 0
  /** Of the batch that ended last: the next will be much the same, and is made room for at once. */
  #lastRecordCount = 0
  #lastSizeBytes = minBuilderBytes

  /** @param nowMs the monotonic clock */
  constructor(batchSizeBytes: number, nowMs: () => number) {
    this.#batchSizeBytes = batchSizeBytes
    this.#nowMs = nowMs
  }

  /** Of the records that wait or are under way, before compression. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Adds a record behind all others of its partition. @throws what `OutgoingBatch.add` throws */
  append(
    topic: string,
    partition: number,
    call: SendCall,
    index: number,
    key: RecordBytes,
    value: RecordBytes,
    headers: RecordHeadersInput,
    timestampMs: number,
  ): void {
    const lane = this.#laneOf(topic, partition)
    let batch = lane.open
    if (batch && !this.#fits(batch, key, value, headers)) {
      batch.isFull = true
      batch = undefined
    }
    const isNew = !batch
    batch ??= this.newBatch()
    const before = isNew ? 0 : batch.sizeBytes
    batch.add(call, index, key, value, headers, timestampMs)
    this.#bufferedBytes += batch.sizeBytes - before
    if (batch.sizeBytes >= this.#batchSizeBytes) batch.isFull = true
    if (!isNew) return
    lane.waiting.push(batch)
    this.ready.add(lane)
  }

  /** An empty batch, of memory that an earlier one has used. */
  newBatch(): OutgoingBatch {
    const builder = this.#free.pop() ?? new RecordBatchBuilder(this.#lastSizeBytes)
    return new OutgoingBatch(builder, this.#nowMs(), this.#lastRecordCount)
  }

  /** A batch that was made of parts of another counts from now on. */
  adopt(batch: OutgoingBatch): OutgoingBatch {
    this.#bufferedBytes += batch.sizeBytes
    return batch
  }

  /** The batch has ended. */
  release(batch: OutgoingBatch): void {
    this.#bufferedBytes -= batch.sizeBytes
    this.#lastRecordCount = batch.recordCount
    const usualBytes = Math.min(batch.sizeBytes, this.#batchSizeBytes) + builderSlackBytes
    this.#lastSizeBytes = Math.max(minBuilderBytes, usualBytes)
    const builder = batch.release()
    if (this.#free.length < maxFreeBuilders) this.#free.push(builder)
  }

  /** The lane has had its turn: the others come first, unless it has nothing to send any more. */
  rotate(lane: PartitionLane): void {
    this.ready.delete(lane)
    if (lane.hasWork) this.ready.add(lane)
  }

  lanes(): readonly PartitionLane[] {
    return [...this.#lanes.values()].flat().filter((lane) => lane !== undefined)
  }

  lane(topic: string, partition: number): PartitionLane | undefined {
    return this.#lanes.get(topic)?.[partition]
  }

  #laneOf(topic: string, partition: number): PartitionLane {
    let ofTopic = this.#lanes.get(topic)
    if (!ofTopic) this.#lanes.set(topic, (ofTopic = []))
    return (ofTopic[partition] ??= new PartitionLane(topic, partition))
  }

  #fits(
    batch: OutgoingBatch,
    key: RecordBytes,
    value: RecordBytes,
    headers: RecordHeadersInput,
  ): boolean {
    const roomBytes = this.#batchSizeBytes - batch.sizeBytes
    // A text has at most three bytes per unit of its length; counting them exactly is for the end of a batch only.
    const cheapBound = 64 + 3 * (lengthOf(key) + lengthOf(value)) + headers.length
    const isCheap =
      headers.length === 0 || typeof headers === 'string' || headers instanceof Uint8Array
    if (isCheap && cheapBound <= roomBytes) return true
    return RecordBatchBuilder.boundBytes(key, value, headers) <= roomBytes
  }
}

function lengthOf(bytes: RecordBytes): number {
  return bytes === null ? 0 : bytes.length
}
