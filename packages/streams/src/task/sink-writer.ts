import { sentenceOf, StreamsError } from '../errors.ts'
import type { Headers, RecordContext } from '../record.ts'
import { stringSerde, type Serde } from '../serde.ts'
import type { SinkNode } from '../topology/topology.ts'
import type { RecordCollector } from './stream-task.ts'
import type { TaskErrors } from './task-errors.ts'
import { WriteOrigin } from './write-origin.ts'

/** What a sink needs of its task. */
export interface SinkHost {
  readonly taskId: string
  readonly applicationId: string
  readonly collector: RecordCollector
  readonly errors: TaskErrors
  /** Somebody wants to know of records that the broker does not take. */
  readonly asksAboutWrites: boolean
  /** The record under way, with the timestamp and headers that it has come to have. */
  recordWith(timestamp: number, headers: Headers): RecordContext
  countDropped(count: number): void
  /** Counts what is written to a topic. */
  countOf(topic: string): { records: number }
}

/** Writes what comes to one sink: chooses topic and partitions, and makes bytes of keys and values. */
export class SinkWriter {
  readonly #sink: SinkNode
  readonly #host: SinkHost
  /** Undefined where each record's topic is asked for. */
  readonly #topic: string | undefined
  /** Of the topic, where that is always the same; else by topic. */
  readonly #count: { records: number } | undefined
  readonly #counts = new Map<string, { records: number }>()

  constructor(sink: SinkNode, host: SinkHost) {
    this.#sink = sink
    this.#host = host
    this.#topic = typeof sink.topic === 'string' ? this.#nameOf(sink.topic) : undefined
    this.#count = this.#topic === undefined ? undefined : host.countOf(this.#topic)
  }

  write(key: unknown, value: unknown, timestamp: number, headers: Headers): void {
    const sink = this.#sink
    const { collector } = this.#host
    const topic = this.#topic ?? this.#chosenTopic(key, value, timestamp, headers)
    const chosen = sink.partitioner?.(topic, key, value, collector.partitionCount(topic))
    if (typeof chosen === 'object' && chosen.length === 0) return this.#host.countDropped(1)
    const keyBytes = this.#encode(topic, 'key', sink.key, key, timestamp, headers)
    if (keyBytes === undefined) return
    const valueBytes = this.#encode(topic, 'value', sink.value, value, timestamp, headers)
    if (valueBytes === undefined) return
    const count = this.#count ?? this.#countOf(topic)
    count.records += typeof chosen === 'object' ? chosen.length : 1
    const origin = this.#host.asksAboutWrites ? this.#originOf(timestamp, headers) : undefined
    if (typeof chosen !== 'object')
      return collector.send(topic, chosen, keyBytes, valueBytes, timestamp, headers, origin)
    for (const partition of chosen)
      collector.send(topic, partition, keyBytes, valueBytes, timestamp, headers, origin)
  }

  #countOf(topic: string): { records: number } {
    let count = this.#counts.get(topic)
    if (!count) this.#counts.set(topic, (count = this.#host.countOf(topic)))
    return count
  }

  #originOf(timestamp: number, headers: Headers): WriteOrigin {
    const { taskId, errors } = this.#host
    const record = this.#host.recordWith(timestamp, headers)
    return new WriteOrigin({ node: this.#sink.name, taskId, errors, record })
  }

  #chosenTopic(key: unknown, value: unknown, timestamp: number, headers: Headers): string {
    const { topic } = this.#sink
    return typeof topic === 'string'
      ? this.#nameOf(topic)
      : this.#nameOf(topic(value, key, { timestamp, headers }))
  }

  #nameOf(topic: string): string {
    return this.#sink.isInternal ? `${this.#host.applicationId}-${topic}` : topic
  }

  /** Undefined where the record is left out. Text stays text: the producer writes it where it belongs, without a copy in between. */
  #encode(
    topic: string,
    part: 'key' | 'value',
    serde: Serde<unknown>,
    value: unknown,
    timestamp: number,
    headers: Headers,
  ): Buffer | string | null | undefined {
    if (value === null || value === undefined) return null
    if (typeof value === 'string' && Object.is(serde, stringSerde)) return value
    try {
      return serde.serialize(value)
    } catch (error) {
      this.#unencodable(topic, part, error, this.#host.recordWith(timestamp, headers))
      return undefined
    }
  }

  #unencodable(sinkTopic: string, part: string, error: unknown, record: RecordContext): void {
    const { taskId, errors } = this.#host
    const { name } = this.#sink
    const { topic, partition, offset } = record
    const failure = new StreamsError(
      'MR_STREAMS_UNENCODABLE',
      `The sink "${name}" cannot write a ${part} to ${sinkTopic}, made from ${topic}/${partition} at offset ${offset}: ${sentenceOf(error)} Correct its serde or what comes before it, or leave such records out with onProductionError.`,
      { node: name, taskId, topic, partition, offset, part, sinkTopic },
      { cause: error },
    )
    errors.unencodable(failure, record)
  }
}
