/**
 * Decides the partition of each record and hands it to the accumulator, in the order of the calls. A call waits here while it cannot be
 * placed; then nothing of it has been sent.
 */
import { partitionForKey, type EncodedHeaders, type RecordBytes } from '@millrace/protocol'
import { brokerError, code, errorName } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import { badOption } from './options.ts'
import type { ProduceAccumulator } from './produce-accumulator.ts'
import { unencodable, type SendCall } from './send-call.ts'
import { StickyPartitions } from './sticky-partitions.ts'
import type { ProducerColumns, ProducerRecord } from './types.ts'

/** What a call wants to send: rows of several topics, or columns of one. */
export type CallContent =
  | { readonly kind: 'rows'; readonly rows: readonly ProducerRecord[] }
  | { readonly kind: 'columns'; readonly columns: ProducerColumns }

interface WaitingCall {
  readonly content: CallContent
  readonly call: SendCall
  readonly topics: readonly string[]
}

const noHeaders = [] as const

export class ProduceRouter {
  readonly #metadata: LeaderMetadata
  readonly #accumulator: ProduceAccumulator
  readonly #bufferSizeBytes: number
  readonly #now: () => number
  readonly #sticky = new StickyPartitions()
  /** Calls that are not in the lanes yet, in order. */
  #waiting: WaitingCall[] = []

  /** @param bufferSizeBytes most bytes of records that wait or are under way; further calls wait for room. Kafka's `buffer.memory` */
  constructor(
    metadata: LeaderMetadata,
    accumulator: ProduceAccumulator,
    bufferSizeBytes: number,
    now: () => number,
  ) {
    this.#metadata = metadata
    this.#accumulator = accumulator
    this.#bufferSizeBytes = bufferSizeBytes
    this.#now = now
  }

  add(content: CallContent, call: SendCall): void {
    this.#waiting.push({ content, call, topics: topicsOf(content) })
  }

  /** Topics that keep a call waiting because no broker has told of them. */
  unknownTopics(call: SendCall): readonly string[] {
    return this.#waiting
      .filter((entry) => entry.call === call)
      .flatMap(({ topics }) => topics.filter((topic) => !this.#isKnown(topic)))
  }

  /** True when the call waits because there is no room. */
  isWithoutRoom(call: SendCall): boolean {
    const isWaiting = this.#waiting.some((entry) => entry.call === call)
    return isWaiting && this.#accumulator.bufferedBytes >= this.#bufferSizeBytes
  }

  /**
   * Puts what waits into the lanes, in the order of the calls. A call waits while one of its topics is not known yet or an earlier call
   * that waits shares a topic with it; calls for other topics pass. Without room everything waits.
   */
  route(): void {
    if (this.#waiting.length === 0) return
    if (this.#accumulator.bufferedBytes >= this.#bufferSizeBytes) return
    const held = new Set<string>()
    const waiting: WaitingCall[] = []
    for (const entry of this.#waiting) {
      if (entry.call.isSettled) continue
      const isHeld =
        this.#accumulator.bufferedBytes >= this.#bufferSizeBytes ||
        entry.topics.some((topic) => held.has(topic) || !this.#isKnown(topic))
      if (isHeld) {
        waiting.push(entry)
        for (const topic of entry.topics) held.add(topic)
      } else this.#place(entry)
    }
    this.#waiting = waiting
  }

  #isKnown(topic: string): boolean {
    return (
      this.#metadata.partitionCount(topic) !== undefined ||
      this.#metadata.refusedWith(topic) !== undefined
    )
  }

  /** All records of the call or none: those that stand in a batch already go out of it when the call has failed. */
  #place({ content, call }: WaitingCall): void {
    try {
      if (content.kind === 'rows') this.#placeRows(content.rows, call)
      else this.#placeColumns(content.columns, call)
    } catch (error) {
      call.fail(refusal(error))
    }
  }

  #placeRows(rows: readonly ProducerRecord[], call: SendCall): void {
    const nowMs = this.#now()
    let topic: string | undefined
    let count = 0
    let keyless = -1
    let keylessBytes = 0
    for (let index = 0; index < rows.length; index++) {
      const { key, value, headers, ...row } = rows[index] as ProducerRecord
      if (row.topic !== topic) {
        if (topic !== undefined) this.#sticky.used(topic, keylessBytes)
        topic = row.topic
        count = this.#countOf(topic, index)
        keyless = this.#sticky.choose(topic, count)
        keylessBytes = 0
      }
      let { partition } = row
      if (partition === undefined) {
        if (key === null) keylessBytes += value === null ? 1 : value.length
        partition = key === null ? keyless : partitionForKey(key, count)
      }
      this.#append(
        topic,
        count,
        partition,
        call,
        index,
        key,
        value,
        headers,
        row.timestampMs ?? nowMs,
      )
    }
    if (topic !== undefined) this.#sticky.used(topic, keylessBytes)
  }

  #placeColumns(columns: ProducerColumns, call: SendCall): void {
    const { topic, values, keys, partitions, timestampsMs, headers, encodedHeaders } = columns
    const count = this.#metadata.partitionCount(topic)
    if (count === undefined) {
      const error = this.#topicRefused(topic, 0)
      if (call.leavesOutAll(error)) return
      throw error
    }
    const keyless = this.#sticky.choose(topic, count)
    const nowMs = timestampsMs === undefined ? this.#now() : 0
    let keylessBytes = 0
    for (let index = 0; index < values.length; index++) {
      const key = keys === undefined ? null : (keys[index] as RecordBytes)
      const value = values[index] as RecordBytes
      let partition: number
      if (partitions !== undefined)
        partition = typeof partitions === 'number' ? partitions : (partitions[index] as number)
      else if (key === null) {
        keylessBytes += value === null ? 1 : value.length
        partition = keyless
      } else partition = partitionForKey(key, count)
      const timestampMs =
        timestampsMs === undefined
          ? nowMs
          : typeof timestampsMs === 'number'
            ? timestampsMs
            : (timestampsMs[index] as number)
      const ownHeaders = encodedHeaders === undefined ? headers : encodedHeaders[index]
      try {
        this.#append(topic, count, partition, call, index, key, value, ownHeaders, timestampMs)
      } catch (error) {
        if (!call.leavesOut(index, refusal(error))) throw error
      }
    }
    this.#sticky.used(topic, keylessBytes)
  }

  #append(
    topic: string,
    count: number,
    partition: number,
    call: SendCall,
    index: number,
    key: RecordBytes,
    value: RecordBytes,
    headers: ProducerRecord['headers'] | EncodedHeaders,
    timestampMs: number,
  ): void {
    if (!Number.isInteger(partition) || partition < 0 || partition >= count)
      throw this.#noSuchPartition(topic, count, partition, index)
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0)
      throw badOption('timestampMs', timestampMs, 'must be ms since the epoch, an integer >= 0')
    this.#accumulator.append(
      topic,
      partition,
      call,
      index,
      key,
      value,
      headers ?? noHeaders,
      timestampMs,
    )
  }

  #countOf(topic: string, index: number): number {
    const count = this.#metadata.partitionCount(topic)
    if (count === undefined) throw this.#topicRefused(topic, index)
    return count
  }

  #noSuchPartition(topic: string, count: number, partition: number, index: number): KafkaError {
    this.#metadata.want(topic) // The topic may have grown since.
    return new KafkaError(
      'MR_KAFKA_RECORD_REFUSED',
      `Record ${index} names partition ${partition}, but topic "${topic}" has ${count} partitions. None of the records was sent.`,
      { topic, partition, partitionCount: count, index },
    )
  }

  #topicRefused(topic: string, index: number): KafkaError {
    const errorCode = this.#metadata.refusedWith(topic) ?? code.UNKNOWN_TOPIC_OR_PARTITION
    const cause = brokerError(`Sending to "${topic}"`, errorCode, { topic, index })
    return new KafkaError(
      'MR_KAFKA_RECORD_REFUSED',
      `Record ${index} is for topic "${topic}", which the broker refuses with ${errorName(errorCode)}. None of the records was sent.`,
      cause.details,
      { cause },
    )
  }
}

function refusal(error: unknown): KafkaError {
  return error instanceof KafkaError ? error : unencodable(error)
}

function topicsOf(content: CallContent): readonly string[] {
  if (content.kind === 'columns') return [content.columns.topic]
  const { rows } = content
  const first = rows[0]?.topic as string
  if (rows.every(({ topic }) => topic === first)) return [first]
  return [...new Set(rows.map(({ topic }) => topic))]
}
