import type { Clock } from '@millrace/core'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'
import type { LatencyCount } from '../metrics/latency-count.ts'
import { TaskCounts, type NodeCount, type TopicCount } from '../metrics/task-counts.ts'
import type { AsyncStep, Forward, TaskContext } from '../operator.ts'
import type { Headers, RawRecord, RecordContext } from '../record.ts'
import { readOnlyStore } from '../state/read-only-store.ts'
import type { RecordCache } from '../state/record-cache.ts'
import type { StateEnvironment, StateStore, StoreContext } from '../state/store.ts'
import { sourceMatching } from '../topology/matched-topics.ts'
import type {
  ProcessorNode,
  SinkNode,
  SourceNode,
  Topology,
  TopologyNode,
} from '../topology/topology.ts'
import { ProcessGraph } from './process-graph.ts'
import { Punctuations } from './punctuations.ts'
import { SourceReader } from './source-reader.ts'
import { noRecord, RecordUnderWay } from './record-under-way.ts'
import { SinkWriter } from './sink-writer.ts'
import { StoppedByError, TaskErrors } from './task-errors.ts'
import type { WriteOrigin } from './write-origin.ts'

/** Takes what a task writes. */
export interface RecordCollector {
  /**
   * Text stands for its UTF-8.
   * @param partition where it goes; undefined leaves it to the key's hash
   * @param origin who is asked where the broker does not take it; without one that ends the stream thread
   */
  send(
    topic: string,
    partition: number | undefined,
    key: Buffer | string | null,
    value: Buffer | string | null,
    timestamp: number,
    headers: Headers,
    origin?: WriteOrigin,
  ): void
  /** How many partitions a topic has. */
  partitionCount(topic: string): number
}

/** The bytes of what a collector was given. */
export function sentBytes(sent: Buffer | string | null): Buffer | null {
  return typeof sent === 'string' ? Buffer.from(sent, 'utf8') : sent
}

export interface StreamTaskOptions extends ErrorHandling {
  readonly applicationId: string
  readonly taskId: string
  readonly partition: number
  readonly topology: Topology
  /** Nodes of the task's subtopology. */
  readonly nodes: ReadonlySet<string>
  readonly collector: RecordCollector
  readonly clock: Clock
  readonly isUnthrottled?: boolean
  /** Memory for the caches of all tasks of a thread; without it updates of tables go on one by one. */
  readonly cache?: RecordCache
  /** Stores that every task may read. */
  readonly globalStores?: ReadonlyMap<string, StateStore>
  readonly countDropped?: (count: number) => void
  /** Where persistent stores of this task lie; without one they are kept in memory. */
  readonly environment?: StateEnvironment
  /** Called when a step has something to give on, at any time between two calls of the task. */
  readonly onWake?: () => void
  /** Whether what the task writes between two commits becomes permanent with the second, or not at all. Default true. */
  readonly isAtomic?: boolean
}

/**
 * One partition of one subtopology: its operators, its stores and its time. Records go in one at a time and are done when `process`
 * returns: all they cause in this task has happened, and what they write is with the collector.
 */
export class StreamTask {
  readonly id: string
  readonly stores: ReadonlyMap<string, StateStore>
  /** What it has done so far. */
  readonly counts = new TaskCounts()
  readonly #options: StreamTaskOptions
  #graph!: ProcessGraph
  #areOperatorsOpen = false
  readonly #sources = new Map<string, Source>()
  #punctuations = new Punctuations()
  /** What to do about errors; the runtime asks it too, about records that could not be written. */
  readonly errors: TaskErrors
  readonly #underWay = new RecordUnderWay()
  readonly #context: MutableTaskContext
  #wantsCommit = false
  /** As of the last look; one for each record would cost more than it tells. */
  #nowMs: number
  /** Steps that give on records later than they take them, those nearer to the sources first. */
  readonly #asyncSteps: AsyncStep[] = []
  /** Numbers of the operators that are asked for at each commit. */
  readonly #kept = new Map<string, () => number>()
  /** Global stores that steps have asked for. */
  readonly #readOnly = new Map<string, StateStore>()

  constructor(options: StreamTaskOptions) {
    const { topology, clock } = options
    this.id = options.taskId
    this.#options = options
    this.#nowMs = clock.now()
    this.errors = new TaskErrors({
      taskId: options.taskId,
      handling: options,
      countDropped: (count) => this.#countDropped(count),
      sendDeadLetter: ({ topic, key, value, timestamp, headers }) =>
        options.collector.send(topic, undefined, key, value, timestamp, headers),
    })
    const nodes = [...topology.nodes.values()].filter((node) => options.nodes.has(node.name))
    const underWay = this.#underWay
    this.#context = {
      applicationId: options.applicationId,
      taskId: options.taskId,
      partition: options.partition,
      clock,
      get record() {
        return underWay.context
      },
      withRecord: (timestamp, headers, run) =>
        this.#runAs(this.#recordWith(timestamp, headers), run),
      runAs: (record, run) => this.#runAs(record, run),
      forwardAs: (source, forward, key, value, timestamp, headers) =>
        underWay.forwardAs(source, forward, key, value, timestamp, headers),
      streamTime: -1,
      requestCommit: () => void (this.#wantsCommit = true),
      wake: () => options.onWake?.(),
      committedMetadata: new Map(),
      isUnthrottled: options.isUnthrottled ?? false,
    }
    this.stores = this.#buildStores(nodes)
    this.#makeOperators()
  }

  #makeOperators(): void {
    const options = this.#options
    const { topology, clock } = options
    const nodes = [...topology.nodes.values()].filter((node) => options.nodes.has(node.name))
    this.#graph = new ProcessGraph(nodes, {
      context: this.#context,
      storeOf: (node, name) => this.#storeOf(node, name),
      schedule: (node, schedule, punctuate) =>
        this.#punctuations.add(
          node,
          schedule,
          punctuate,
          schedule.type === 'STREAM_TIME' ? this.#context.streamTime : clock.now(),
        ),
      countDropped: (count) => this.#countDropped(count),
      addAsyncStep: (step) => void this.#asyncSteps.push(step),
      keepNumber: (name, read) => {
        this.#kept.set(name, read)
        return this.#context.committedMetadata.get(name)
      },
      countOf: (node) => this.counts.node(node),
      latencyOf: (node) => this.counts.latency(node),
      nowMs: () => this.#nowMs,
      writerOf: (sink) =>
        new SinkWriter(sink, {
          taskId: options.taskId,
          applicationId: options.applicationId,
          collector: options.collector,
          errors: this.errors,
          // Nobody is asked else, and an object for each record would be for nothing.
          asksAboutWrites:
            options.onProductionError !== undefined || options.deadLetterTopic !== undefined,
          recordWith: (timestamp, headers) => this.#recordWith(timestamp, headers),
          countDropped: (count) => this.#countDropped(count),
          countOf: (topic) => this.counts.topic(sink.name, topic, false),
        }),
      onProcessingError: (node, error, timestamp, headers) =>
        this.errors.processing(node, error, this.#recordWith(timestamp, headers)),
    })
    for (const node of nodes)
      if (node.kind === 'source')
        for (const topic of node.topics) this.#addSource(node, this.#topicName(node, topic))
  }

  #addSource(node: SourceNode, topic: string): Source {
    const source = {
      reader: new SourceReader(
        node,
        this.errors,
        (count) => this.#countDropped(count),
        this.#graph.readsValues(node),
      ),
      entry: this.#graph.entry(node),
      count: this.counts.source(node.name),
      latency: this.counts.latency(node.name),
      taken: this.counts.topic(node.name, topic, true),
    }
    this.#sources.set(topic, source)
    return source
  }

  /** Of a topic that is known by a pattern only, as it first comes up. */
  #sourceOf(topic: string): Source | undefined {
    const known = this.#sources.get(topic)
    if (known) return known
    const { topology, applicationId, nodes } = this.#options
    const node = sourceMatching(topology, applicationId, topic)
    return node && nodes.has(node.name) ? this.#addSource(node, topic) : undefined
  }

  get streamTime(): number {
    return this.#context.streamTime
  }

  /** Topics the task reads, by their names on the cluster; of those that match a pattern the ones that have come up. */
  get topics(): readonly string[] {
    return [...this.#sources.keys()]
  }

  /** Whether a topic is among those that it reads, by name or by a pattern. */
  reads(topic: string): boolean {
    return this.#sourceOf(topic) !== undefined
  }

  /** Numbers of the operators that are committed with the offsets. */
  get committedMetadata(): Map<string, number> {
    for (const [name, read] of this.#kept) this.#context.committedMetadata.set(name, read())
    return this.#context.committedMetadata
  }

  /** Largest timestamp taken of a topic, -1 before the first. */
  partitionTime(topic: string): number {
    return this.#sources.get(topic)?.reader.partitionTime ?? -1
  }

  /** Goes on where another instance of the task committed (trap 42): the task's time is the largest of its partitions'. */
  resumeAt(topic: string, partitionTime: number): void {
    const reader = this.#sourceOf(topic)?.reader
    if (reader && partitionTime > reader.partitionTime) reader.partitionTime = partitionTime
    if (partitionTime > this.#context.streamTime) this.#context.streamTime = partitionTime
  }

  /** The timestamp with which a record would count; its own where none can be told, since `process` then deals with that. */
  timestampOf(record: RawRecord): number {
    return this.#sourceOf(record.topic)?.reader.timestampOf(record) ?? record.timestamp
  }

  /** Whether timestamps of a topic's records are told by an extractor, which has to read them first. */
  hasExtractor(topic: string): boolean {
    return this.#sourceOf(topic)?.reader.hasExtractor ?? false
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

  /** Closes the operators and makes them anew, as of a task that has not begun; the stores keep what they have. */
  renewOperators(): void {
    this.#closeOperators()
    this.#kept.clear()
    this.#asyncSteps.length = 0
    this.#punctuations = new Punctuations()
    this.#sources.clear()
    this.#context.streamTime = -1
    this.#context.committedMetadata.clear()
    this.#wantsCommit = false
    this.#makeOperators()
  }

  initOperators(): void {
    this.#areOperatorsOpen = true
    this.#guarded(() => this.#graph.init())
    for (const { expireOne } of this.stores.values())
      if (expireOne) this.#asyncSteps.unshift(expiryStep(expireOne))
  }

  /** @throws StreamsError where a handler decided to stop */
  process(record: RawRecord): void {
    const found = this.#sourceOf(record.topic)
    if (!found)
      throw new StreamsError(
        'MR_STREAMS_UNKNOWN_TOPIC',
        `Task ${this.id} does not read the topic "${record.topic}".`,
        { topic: record.topic },
      )
    const { reader, entry, count, latency, taken } = found
    const { counts } = this
    const underWay = this.#underWay
    const { headers } = record
    count.processed++
    taken.records++
    try {
      underWay.begin(record, headers)
      if (!reader.read(record, underWay)) return
      const { key, value, timestamp } = reader
      const { streamTime } = this.#context
      if (timestamp > streamTime) this.#context.streamTime = timestamp
      else if (timestamp < streamTime) counts.late(streamTime - timestamp)
      latency.note(this.#nowMs - timestamp)
      underWay.setTimestamp(timestamp)
      entry(key, value, timestamp, headers)
    } catch (error) {
      throw causeOf(error)
    }
  }

  /** Whether a step has as many records as it may have before it has given some on. */
  get isFull(): boolean {
    return this.#asyncSteps.length > 0 && this.#asyncSteps.some((step) => step.isFull())
  }

  /** Records that steps have taken and not given on. */
  get pendingCount(): number {
    return this.#asyncSteps.reduce((sum, step) => sum + step.pendingCount(), 0)
  }

  /**
   * Gives on records whose asynchronous calls have ended, and begins more. The last steps go first, and one waits while a later one is full:
   * so none is given more than it may have, and the last is never held up.
   * @returns how many records were given on
   */
  continueAsync(): number {
    const steps = this.#asyncSteps
    let count = 0
    for (let at = steps.length - 1; at >= 0; at--) {
      const step = steps[at] as AsyncStep
      const isHeldUp = (): boolean => steps.some((other, index) => index > at && other.isFull())
      this.#guarded(() => {
        while (!isHeldUp() && step.giveOne()) count++
      })
      step.begin()
    }
    return count
  }

  /** Calls punctuators that stream time has come to. */
  punctuateStreamTime(): boolean {
    return this.#punctuate('STREAM_TIME', this.#context.streamTime)
  }

  /** Records that are processed from now on are as late as this moment says. */
  lookAtClock(): void {
    this.#nowMs = this.#options.clock.now()
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
    this.#closeOperators()
    for (const store of this.stores.values()) store.close()
  }

  /** Those of a task that never ran, such as a standby, have nothing to close. */
  #closeOperators(): void {
    if (!this.#areOperatorsOpen) return
    this.#areOperatorsOpen = false
    this.#graph.close()
  }

  #punctuate(type: 'STREAM_TIME' | 'WALL_CLOCK_TIME', timeMs: number): boolean {
    if (timeMs < 0) return false
    return this.#punctuations.fire(type, timeMs, (node, punctuate) => {
      const record = { ...noRecord, timestamp: timeMs }
      this.#underWay.context = record
      const beganMs = this.#options.clock.monotonicMs()
      this.#guarded(() => {
        try {
          punctuate()
        } catch (error) {
          if (error instanceof StoppedByError) throw error
          this.errors.processing(node, error, record)
        }
      })
      this.counts.punctuated++
      this.counts.punctuateMs += this.#options.clock.monotonicMs() - beganMs
    })
  }

  #buildStores(nodes: readonly TopologyNode[]): ReadonlyMap<string, StateStore> {
    const stores = new Map<string, StateStore>()
    for (const node of nodes) {
      if (node.kind !== 'processor') continue
      for (const name of node.stores) {
        const { topology } = this.#options
        const builder = topology.stores.get(name) ?? topology.globalStores.get(name)
        if (!builder || stores.has(name)) continue
        const { cache } = this.#options
        stores.set(name, (cache && builder.buildCached?.(cache)) ?? builder.build())
      }
    }
    return stores
  }

  #storeContext(name: string, isLogged: boolean): StoreContext {
    const { applicationId, partition, collector } = this.#options
    const topic = `${applicationId}-${name}-changelog`
    const underWay = this.#underWay
    const context = this.#context
    return {
      taskId: this.id,
      environment: this.#options.environment,
      get record() {
        return underWay.context
      },
      noteSource: (into) => underWay.note(into),
      get streamTime() {
        return context.streamTime
      },
      isAtomic: this.#options.isAtomic ?? true,
      logChange: isLogged
        ? (key, value, timestamp, headers) =>
            collector.send(topic, partition, key, value, timestamp, headers)
        : undefined,
      countExpired: (count = 1) => this.#countDropped(count),
    }
  }

  #storeOf(node: ProcessorNode, name: string): StateStore {
    const store = node.stores.has(name) ? this.stores.get(name) : this.#globalStore(name)
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

  /** Of all tasks of a thread, so that none may change it. */
  #globalStore(name: string): StateStore | undefined {
    const known = this.#readOnly.get(name)
    if (known) return known
    const store = this.#options.globalStores?.get(name)
    if (!store) return undefined
    const shown = readOnlyStore(store)
    this.#readOnly.set(name, shown)
    return shown
  }

  #countDropped(count: number): void {
    this.counts.dropped += count
    this.#options.countDropped?.(count)
  }

  #topicName(node: SourceNode | SinkNode, topic: string): string {
    return node.isInternal ? `${this.#options.applicationId}-${topic}` : topic
  }

  #recordWith(timestamp: number, headers: Headers): RecordContext {
    const record = this.#underWay.context
    return record.timestamp === timestamp && record.headers === headers
      ? record
      : { ...record, timestamp, headers }
  }

  #runAs(record: RecordContext, run: () => void): void {
    const before = this.#underWay.context
    this.#underWay.context = record
    try {
      run()
    } finally {
      this.#underWay.context = before
    }
  }

  /** Runs the topology; an error that stops it comes out as itself. */
  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      throw causeOf(error)
    }
  }
}

/** How records of a topic come in. */
interface Source {
  readonly reader: SourceReader
  readonly entry: Forward
  readonly count: NodeCount
  readonly latency: LatencyCount
  readonly taken: TopicCount
}

/** An error that stops the task comes out as itself. */
function causeOf(error: unknown): unknown {
  return error instanceof StoppedByError ? error.cause : error
}

/** Entries of a store that are taken out in one turn of the task. */
const expiredPerTurn = 1_000

/** Takes out entries of a store whose time is over, before anything else goes on between two records. */
function expiryStep(expireOne: () => boolean): AsyncStep {
  let left = expiredPerTurn
  return {
    isFull: () => false,
    pendingCount: () => 0,
    begin: () => void (left = expiredPerTurn),
    giveOne: () => left-- > 0 && expireOne(),
  }
}

type MutableTaskContext = TaskContext & { streamTime: number }
