import type { Clock } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import type { Forward, TaskContext } from '../operator.ts'
import { noHeaders, type Headers, type RawRecord, type RecordContext } from '../record.ts'
import type { StateStore, StoreContext } from '../state/store.ts'
import type {
  ProcessorNode,
  SinkNode,
  SourceNode,
  StreamPartitioner,
  Topology,
  TopologyNode,
} from '../topology/topology.ts'
import { ProcessGraph, StoppedByError } from './process-graph.ts'
import { Punctuations } from './punctuations.ts'

/** Takes what a task writes. */
export interface RecordCollector {
  /** @param partition where it goes; undefined leaves it to the key's hash */
  send(
    topic: string,
    partition: number | undefined,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: Headers,
  ): void
  /** How many partitions a topic has. */
  partitionCount(topic: string): number
}

export interface StreamTaskOptions {
  readonly applicationId: string
  readonly taskId: string
  readonly partition: number
  readonly topology: Topology
  /** Nodes of the task's subtopology. */
  readonly nodes: ReadonlySet<string>
  readonly collector: RecordCollector
  readonly clock: Clock
  readonly isUnthrottled?: boolean
  /** Stores that every task may read. */
  readonly globalStores?: ReadonlyMap<string, StateStore>
  readonly onDeserializationError?: ErrorResponse
  readonly onProcessingError?: ErrorResponse
  readonly countDropped?: (count: number) => void
}

/** Decides about a record that makes an error: leave it out and go on, or stop. */
export type ErrorResponse = (error: StreamsError, record: RecordContext) => 'CONTINUE' | 'FAIL'

const noRecord: RecordContext = {
  topic: undefined,
  partition: -1,
  offset: -1,
  timestamp: -1,
  headers: noHeaders,
  rawKey: null,
  rawValue: null,
}

/**
 * One partition of one subtopology: its operators, its stores and its time. Records go in one at a time and are done when `process`
 * returns: all they cause in this task has happened, and what they write is with the collector.
 */
export class StreamTask {
  readonly id: string
  readonly stores: ReadonlyMap<string, StateStore>
  readonly #options: StreamTaskOptions
  readonly #graph: ProcessGraph
  readonly #sources = new Map<string, { readonly source: SourceNode; readonly entry: Forward }>()
  readonly #punctuations = new Punctuations()
  readonly #context: MutableTaskContext
  /** Largest timestamp by topic: what an extractor may fall back on. */
  readonly #partitionTimes = new Map<string, number>()
  #wantsCommit = false

  constructor(options: StreamTaskOptions) {
    const { topology, clock } = options
    this.id = options.taskId
    this.#options = options
    const nodes = [...topology.nodes.values()].filter((node) => options.nodes.has(node.name))
    this.#context = {
      applicationId: options.applicationId,
      taskId: options.taskId,
      partition: options.partition,
      clock,
      record: noRecord,
      streamTime: -1,
      requestCommit: () => void (this.#wantsCommit = true),
      committedMetadata: new Map(),
      isUnthrottled: options.isUnthrottled ?? false,
    }
    this.stores = this.#buildStores(nodes)
    this.#graph = new ProcessGraph(nodes, {
      context: this.#context,
      storeOf: (node, name) => this.#storeOf(node, name),
      schedule: (node, intervalMs, type, punctuate, startMs) =>
        this.#punctuations.add(node, intervalMs, type, punctuate, clock.now(), startMs),
      countDropped: (count) => options.countDropped?.(count),
      send: (sink, key, value, timestamp, headers) =>
        this.#send(sink, key, value, timestamp, headers),
      onProcessingError: (node, error) => this.#onProcessingError(node, error),
    })
    for (const node of nodes)
      if (node.kind === 'source')
        for (const topic of node.topics)
          this.#sources.set(this.#topicName(node, topic), {
            source: node,
            entry: this.#graph.entry(node),
          })
  }

  get streamTime(): number {
    return this.#context.streamTime
  }

  /** Topics the task reads, by their names on the cluster. */
  get topics(): readonly string[] {
    return [...this.#sources.keys()]
  }

  /** Whether a processor asked for a commit since the last one. */
  get wantsCommit(): boolean {
    return this.#wantsCommit
  }

  /** Starts stores and operators; a store that has to be restored must be so in between. */
  initStores(): void {
    for (const [name, store] of this.stores) {
      const builder = this.#options.topology.stores.get(name)
      store.init(this.#storeContext(name, builder?.isLogged ?? false))
    }
  }

  initOperators(): void {
    this.#guarded(() => this.#graph.init())
  }

  /** @throws StreamsError where a handler decided to stop */
  process(record: RawRecord): void {
    const found = this.#sources.get(record.topic)
    if (!found)
      throw new StreamsError(
        'MR_STREAMS_UNKNOWN_TOPIC',
        `Task ${this.id} does not read the topic "${record.topic}".`,
        { topic: record.topic },
      )
    const { source, entry } = found
    this.#context.record = contextOf(record, record.timestamp)
    const decoded = this.#decode(source, record)
    if (!decoded) return
    const partitionTime = this.#partitionTimes.get(record.topic) ?? -1
    const timestamp = source.timestampExtractor
      ? source.timestampExtractor(
          { ...record, keyObject: decoded.key, valueObject: decoded.value },
          partitionTime,
        )
      : record.timestamp
    if (timestamp < 0) return this.#onBadTimestamp(source, record, timestamp)
    this.#partitionTimes.set(record.topic, Math.max(partitionTime, timestamp))
    this.#context.streamTime = Math.max(this.#context.streamTime, timestamp)
    this.#context.record = contextOf(record, timestamp)
    this.#guarded(() => entry(decoded.key, decoded.value, timestamp, record.headers))
  }

  /** Calls punctuators that stream time has come to. */
  punctuateStreamTime(): boolean {
    return this.#punctuate('STREAM_TIME', this.#context.streamTime)
  }

  /** Calls punctuators that the clock has come to. */
  punctuateWallClock(): boolean {
    return this.#punctuate('WALL_CLOCK_TIME', this.#options.clock.now())
  }

  /** Before offsets are committed: what stores hold back goes downstream and to the changelogs. */
  flush(): void {
    this.#wantsCommit = false
    this.#guarded(() => {
      for (const store of this.stores.values()) store.flush()
    })
  }

  close(): void {
    this.#graph.close()
    for (const store of this.stores.values()) store.close()
  }

  #punctuate(type: 'STREAM_TIME' | 'WALL_CLOCK_TIME', timeMs: number): boolean {
    if (timeMs < 0) return false
    return this.#punctuations.fire(type, timeMs, (node, punctuate) => {
      this.#context.record = { ...noRecord, timestamp: this.#context.streamTime }
      this.#guarded(() => {
        try {
          punctuate()
        } catch (error) {
          if (error instanceof StoppedByError) throw error
          this.#onProcessingError(node, error)
        }
      })
    })
  }

  #buildStores(nodes: readonly TopologyNode[]): ReadonlyMap<string, StateStore> {
    const stores = new Map<string, StateStore>()
    for (const node of nodes) {
      if (node.kind !== 'processor') continue
      for (const name of node.stores) {
        const builder = this.#options.topology.stores.get(name)
        if (builder && !stores.has(name)) stores.set(name, builder.build())
      }
    }
    return stores
  }

  #storeContext(name: string, isLogged: boolean): StoreContext {
    const { applicationId, partition, collector } = this.#options
    const topic = `${applicationId}-${name}-changelog`
    const context = this.#context
    return {
      taskId: this.id,
      get record() {
        return context.record
      },
      logChange: isLogged
        ? (key, value, timestamp, headers) =>
            collector.send(topic, partition, key, value, timestamp, headers)
        : undefined,
      countExpired: (count = 1) => this.#options.countDropped?.(count),
    }
  }

  #storeOf(node: ProcessorNode, name: string): StateStore {
    const store = node.stores.has(name)
      ? this.stores.get(name)
      : this.#options.globalStores?.get(name)
    if (store) return store
    const isKnown = this.#options.topology.stores.has(name)
    throw new StreamsError(
      'MR_STREAMS_UNKNOWN_STORE',
      isKnown
        ? `"${node.name}" is not connected to the store "${name}". Name it among the processor's stores.`
        : `"${node.name}" asks for the store "${name}", which is not in the topology. It has: ${[...this.#options.topology.stores.keys()].join(', ') || 'none'}.`,
      { node: node.name, store: name },
    )
  }

  #topicName(node: SourceNode | SinkNode, topic: string): string {
    return node.isInternal ? `${this.#options.applicationId}-${topic}` : topic
  }

  #decode(
    source: SourceNode,
    record: RawRecord,
  ): { readonly key: unknown; readonly value: unknown } | undefined {
    let part: 'key' | 'value' = 'key'
    try {
      const key = record.key === null ? null : source.key.deserialize(record.key)
      part = 'value'
      return { key, value: record.value === null ? null : source.value.deserialize(record.value) }
    } catch (error) {
      const { topic, partition, offset } = record
      const failure = new StreamsError(
        'MR_STREAMS_UNDECODABLE',
        `The ${part} of ${topic}/${partition} at offset ${offset} is not what "${source.name}" expects: ${String(error)}. Correct its serde, or leave such records out with an error handler that continues.`,
        { node: source.name, topic, partition, offset, part },
        { cause: error },
      )
      if (
        (this.#options.onDeserializationError?.(failure, this.#context.record) ?? 'FAIL') === 'FAIL'
      )
        throw failure
      this.#options.countDropped?.(1)
      return undefined
    }
  }

  #onBadTimestamp(source: SourceNode, record: RawRecord, timestamp: number): void {
    const { topic, partition, offset } = record
    if (source.timestampExtractor) return this.#options.countDropped?.(1)
    throw new StreamsError(
      'MR_STREAMS_BAD_TIMESTAMP',
      `The record of ${topic}/${partition} at offset ${offset} has the timestamp ${timestamp}; it must not be negative. Give "${source.name}" a timestampExtractor that says what to use, or returns a negative one to leave such records out.`,
      { node: source.name, topic, partition, offset, timestamp },
    )
  }

  #send(sink: SinkNode, key: unknown, value: unknown, timestamp: number, headers: Headers): void {
    const { collector } = this.#options
    const topic =
      typeof sink.topic === 'string' ? sink.topic : sink.topic(value, key, { timestamp, headers })
    const name = this.#topicName(sink, topic)
    const keyBytes = this.#encode(sink, 'key', sink.key, key)
    const valueBytes = this.#encode(sink, 'value', sink.value, value)
    for (const partition of chosenPartitions(sink.partitioner, name, key, value, collector))
      collector.send(name, partition, keyBytes, valueBytes, timestamp, headers)
  }

  #encode(
    sink: SinkNode,
    part: 'key' | 'value',
    serde: SinkNode['key'],
    value: unknown,
  ): Buffer | null {
    if (value === null || value === undefined) return null
    try {
      return serde.serialize(value)
    } catch (error) {
      const { topic, partition, offset } = this.#context.record
      throw new StreamsError(
        'MR_STREAMS_UNENCODABLE',
        `The sink "${sink.name}" cannot write a ${part}, made from ${topic}/${partition} at offset ${offset}: ${String(error)}. Correct its serde or what comes before it.`,
        { node: sink.name, topic, partition, offset, part },
        { cause: error },
      )
    }
  }

  #onProcessingError(node: string, error: unknown): void {
    const { topic, partition, offset } = this.#context.record
    const failure =
      error instanceof StreamsError && error.code !== 'MR_STREAMS_PROCESSING_FAILED'
        ? error
        : new StreamsError(
            'MR_STREAMS_PROCESSING_FAILED',
            `"${node}" of task ${this.id} failed on ${topic}/${partition} at offset ${offset}: ${String(error)}`,
            { node, taskId: this.id, topic, partition, offset },
            { cause: error },
          )
    if ((this.#options.onProcessingError?.(failure, this.#context.record) ?? 'FAIL') === 'FAIL')
      throw new StoppedByError(failure)
    this.#options.countDropped?.(1)
  }

  /** Runs the topology; an error that stops it comes out as itself. */
  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      throw error instanceof StoppedByError ? error.cause : error
    }
  }
}

type MutableTaskContext = { -readonly [Field in keyof TaskContext]: TaskContext[Field] }

function contextOf(record: RawRecord, timestamp: number): RecordContext {
  const { topic, partition, offset, headers, key, value } = record
  return { topic, partition, offset, timestamp, headers, rawKey: key, rawValue: value }
}

function chosenPartitions(
  partitioner: StreamPartitioner | undefined,
  topic: string,
  key: unknown,
  value: unknown,
  collector: RecordCollector,
): readonly (number | undefined)[] {
  const chosen = partitioner?.(topic, key, value, collector.partitionCount(topic))
  return typeof chosen === 'object' ? chosen : [chosen]
}
