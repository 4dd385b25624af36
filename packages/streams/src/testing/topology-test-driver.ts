import { SimulatedClock } from '@millrace/core'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'
import { noHeaders, type Headers, type RawRecord } from '../record.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import type { StateStore } from '../state/store.ts'
import { RecordCache } from '../state/record-cache.ts'
import { StoppedByError } from '../task/task-errors.ts'
import { sentBytes, StreamTask, type StreamTaskOptions } from '../task/stream-task.ts'
import type { Topology } from '../topology/topology.ts'
import { TestInput, TestOutput, type TopicSerdes } from './test-topics.ts'
import { settled } from './settled.ts'
import { WaitingRecords } from './waiting-records.ts'

/** A record to give to a topology, as bytes. */
export interface PipedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** ms; default: the driver's wall clock. */
  readonly timestamp?: number
  readonly headers?: Headers
}

/** A record that the topology wrote: to a topic, a repartition topic or a changelog. */
export interface WrittenRecord {
  readonly topic: string
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

export interface TestDriverOptions extends ErrorHandling {
  /** Default `test`. In front of the names of internal topics. */
  readonly applicationId?: string
  /** Where the wall clock starts, ms. Default 2026-01-01. */
  readonly nowMs?: number
  /**
   * Most records that one call may make the topology write, to topics and changelogs; more is an error, for a topology that feeds itself
   * would never come back. Default 1,000,000.
   */
  readonly maxWritten?: number
  /** Memory for caches, which each record's end flushes, bytes. Default 0: none. */
  readonly cacheMaxBytes?: number
}

/**
 * Runs a topology without a broker, as Java's `TopologyTestDriver` does: one task for all of it, with one partition; a record is processed
 * to its end, with all that comes back through internal topics, before `pipe` returns. Time stands still until it is moved.
 */
export class TopologyTestDriver {
  readonly clock: SimulatedClock
  readonly #applicationId: string
  readonly #task: StreamTask
  /** Fills the global stores; no task reads its topics. */
  readonly #globalTask: StreamTask
  #written: WrittenRecord[] = []
  readonly #waiting = new WaitingRecords((record) => this.#task.timestampOf(record))
  readonly #waitingGlobal: RawRecord[] = []
  readonly #offsets = new Map<string, number>()
  readonly #maxWritten: number
  #writtenByCall = 0
  #droppedCount = 0

  constructor(topology: Topology, options: TestDriverOptions = {}) {
    this.#applicationId = options.applicationId ?? 'test'
    this.clock = new SimulatedClock(options.nowMs)
    this.#maxWritten = options.maxWritten ?? 1_000_000
    const globalNodes = new Set<string>()
    for (const { isGlobal, nodes } of topology.subtopologies)
      if (isGlobal) for (const node of nodes) globalNodes.add(node)
    const shared = {
      ...options,
      applicationId: this.#applicationId,
      partition: 0,
      topology,
      clock: this.clock,
      isUnthrottled: true,
      collector: {
        send: (topic, partition, sentKey, sentValue, timestamp, headers) => {
          const [key, value] = [sentBytes(sentKey), sentBytes(sentValue)]
          this.#collect({ topic, partition, key, value, timestamp, headers })
        },
        partitionCount: () => 1,
      },
      countDropped: (count) => void (this.#droppedCount += count),
    } satisfies Partial<StreamTaskOptions>
    this.#globalTask = new StreamTask({ ...shared, taskId: 'global', nodes: globalNodes })
    const { cacheMaxBytes = 0 } = options
    this.#task = new StreamTask({
      ...shared,
      ...(cacheMaxBytes > 0 && { cache: new RecordCache(cacheMaxBytes) }),
      taskId: '0_0',
      nodes: new Set(topology.nodes.keys()).difference(globalNodes),
      globalStores: this.#globalTask.stores,
    })
    this.#globalTask.initStores()
    this.#globalTask.initOperators()
    this.#task.initStores()
    this.#task.initOperators()
  }

  /** Records left out so far, as the metric `dropped-records-total` counts them. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /** @throws StreamsError `MR_STREAMS_UNKNOWN_TOPIC`, `MR_STREAMS_ENDLESS`, or that of the topology where it stops at an error */
  pipe(topic: string, record: PipedRecord): void {
    this.#writtenByCall = 0
    const offset = this.#offsets.get(topic) ?? 0
    this.#offsets.set(topic, offset + 1)
    this.#enqueue({
      topic,
      partition: 0,
      offset,
      timestamp: record.timestamp ?? this.clock.now(),
      key: record.key,
      value: record.value,
      headers: record.headers ?? noHeaders,
    })
    this.#runAll()
  }

  /** Moves the wall clock; a punctuator that it passes several times runs once. */
  async advance(ms: number): Promise<void> {
    this.#writtenByCall = 0
    await this.clock.advance(ms)
    this.#task.punctuateWallClock()
    this.#commit()
    this.#runAll()
    if (this.pendingCalls > 0) await this.settle()
  }

  /** Records whose asynchronous calls have not ended, or whose results are waited for by order. */
  get pendingCalls(): number {
    return this.#task.pendingCount
  }

  /** Gives on what asynchronous calls have returned, until none does so any more without the clock being moved. */
  async settle(): Promise<void> {
    this.#writtenByCall = 0
    await settled(() => this.#runAll())
  }

  /** What was written since the last call, in order: to one topic or to all. */
  take(topic?: string): WrittenRecord[] {
    const all = this.#written
    this.#written = topic === undefined ? [] : all.filter((record) => record.topic !== topic)
    return topic === undefined ? all : all.filter((record) => record.topic === topic)
  }

  /** An input topic, with types. */
  input<K, V>(topic: string, serdes: TopicSerdes<K, V>): TestInput<K, V> {
    return new TestInput(serdes, (record) => this.pipe(topic, record))
  }

  /** An output topic, with types. */
  output<K, V>(topic: string, serdes: TopicSerdes<K, V>): TestOutput<K, V> {
    return new TestOutput(serdes, () => this.take(topic))
  }

  /** A store that a processor has. Those of tables and aggregations are timestamped: see `store`. */
  keyValueStore<K, V>(name: string): KeyValueStore<K, V> {
    return this.store(name) as KeyValueStore<K, V>
  }

  /** A store of the topology. @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` */
  store(name: string): StateStore {
    const store = this.#task.stores.get(name) ?? this.#globalTask.stores.get(name)
    if (store) return store
    throw new StreamsError(
      'MR_STREAMS_UNKNOWN_STORE',
      `The topology has no store "${name}". It has: ${[...this.#task.stores.keys(), ...this.#globalTask.stores.keys()].join(', ') || 'none'}.`,
    )
  }

  close(): void {
    this.#task.close()
    this.#globalTask.close()
  }

  /** What went to a global topic is taken before what else waits, as in Java. Returns whether there was something. */
  #runAll(): boolean {
    this.#runGlobal()
    for (let hasRun = false; ; hasRun = true) {
      const hasGivenOn = this.#task.continueAsync() > 0
      const record = this.#task.isFull ? undefined : this.#waiting.take()
      if (!record && !hasGivenOn) return hasRun
      if (record) this.#task.process(record)
      this.#task.punctuateStreamTime()
      this.#commit()
      this.#runGlobal()
    }
  }

  #runGlobal(): void {
    for (let record; (record = this.#waitingGlobal.shift()) !== undefined;)
      this.#globalTask.process(record)
  }

  #commit(): void {
    this.#task.flush()
  }

  #collect(record: WrittenRecord): void {
    if (++this.#writtenByCall > this.#maxWritten)
      throw new StoppedByError(endless(this.#maxWritten))
    this.#written.push(record)
    const { topic, key, value, timestamp, headers } = record
    if (!this.#globalTask.reads(topic) && !this.#task.reads(topic)) return
    const offset = this.#offsets.get(topic) ?? 0
    this.#offsets.set(topic, offset + 1)
    this.#enqueue({ topic, partition: 0, offset, timestamp, key, value, headers })
  }

  #enqueue(record: RawRecord): void {
    if (this.#globalTask.topics.includes(record.topic)) this.#waitingGlobal.push(record)
    else this.#waiting.add(record)
  }
}

function endless(maxWritten: number): StreamsError {
  return new StreamsError(
    'MR_STREAMS_ENDLESS',
    `One call made the topology write more than ${maxWritten} records. It most likely reads what it writes, or a punctuator moves the time that calls it; where so much is meant, raise maxWritten.`,
    { maxWritten },
  )
}
