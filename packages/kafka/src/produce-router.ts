/**
 * Decides the partition of each record and hands it to the sender, in the order of the calls. A call waits here while it cannot be
 * placed; then nothing of it has been sent.
 */
import { partitionForKey, RecordBatchBuilder } from '@millrace/protocol'
import { brokerError, code, errorName } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import { badOption } from './options.ts'
import type { QueuedRecord } from './partition-lane.ts'
import type { ProduceSender } from './produce-sender.ts'
import { unencodable, type SendCall } from './send-call.ts'
import type { ProducerRecord, TopicPartition } from './types.ts'

/** Most bytes of records that wait or are under way; further calls wait for room. Kafka's `buffer.memory`. */
const maxBufferedBytes = 33_554_432

interface WaitingCall {
  readonly records: readonly ProducerRecord[]
  readonly call: SendCall
  readonly topics: readonly string[]
}

export class ProduceRouter {
  readonly #metadata: LeaderMetadata
  readonly #sender: ProduceSender
  readonly #now: () => number
  /** Calls that are not in the lanes yet, in order. */
  #waiting: WaitingCall[] = []
  #nextKeyless = 0

  constructor(metadata: LeaderMetadata, sender: ProduceSender, now: () => number) {
    this.#metadata = metadata
    this.#sender = sender
    this.#now = now
  }

  add(records: readonly ProducerRecord[], call: SendCall): void {
    const topics = [...new Set(records.map(({ topic }) => topic))]
    this.#waiting.push({ records, call, topics })
  }

  /** Topics that keep a call waiting because no broker has told of them. */
  unknownTopics(call: SendCall): readonly string[] {
    return this.#waiting
      .filter((entry) => entry.call === call)
      .flatMap(({ topics }) => topics.filter((topic) => !this.#isKnown(topic)))
  }

  /**
   * Puts what waits into the lanes, in the order of the calls. A call waits while one of its topics is not known yet or an earlier call
   * that waits shares a topic with it; calls for other topics pass. Without room everything waits.
   */
  route(): void {
    const held = new Set<string>()
    const waiting: WaitingCall[] = []
    for (const entry of this.#waiting) {
      if (entry.call.isSettled) continue
      const isHeld =
        this.#sender.bufferedBytes >= maxBufferedBytes ||
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

  /** All records of the call or none: what cannot be placed or encoded fails the call before anything was sent. */
  #place({ records, call }: WaitingCall): void {
    try {
      const keyless = this.#nextKeyless++
      const placed = records.map((record, index) => this.#aim(record, index, call, keyless))
      for (const { target, queued } of placed) this.#sender.push(target, queued)
    } catch (error) {
      call.fail(error instanceof KafkaError ? error : unencodable(error))
    }
  }

  #aim(
    record: ProducerRecord,
    index: number,
    call: SendCall,
    keyless: number,
  ): { readonly target: TopicPartition; readonly queued: QueuedRecord } {
    const { topic, key, value } = record
    const count = this.#metadata.partitionCount(topic)
    if (count === undefined) throw this.#topicRefused(topic, index)
    const partition =
      record.partition ?? (key === null ? keyless % count : partitionForKey(key, count))
    if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
      this.#metadata.want(topic) // The topic may have grown since.
      throw new KafkaError(
        'MR_KAFKA_RECORD_REFUSED',
        `Record ${index} names partition ${partition}, but topic "${topic}" has ${count} partitions. None of the records was sent.`,
        { topic, partition, partitionCount: count, index },
      )
    }
    const headers = record.headers ?? []
    const timestampMs = record.timestampMs ?? this.#now()
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0)
      throw badOption('timestampMs', timestampMs, 'must be ms since the epoch, an integer >= 0')
    const sizeBytes = RecordBatchBuilder.boundBytes(key, value, headers)
    return {
      target: { topic, partition },
      queued: { call, index, key, value, headers, timestampMs, sizeBytes },
    }
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
