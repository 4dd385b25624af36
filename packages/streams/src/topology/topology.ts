import { StreamsError } from '../errors.ts'
import type { OperatorSupplier } from '../operator.ts'
import { processorOperator } from '../operators/processor.ts'
import type { ProcessorSupplier } from '../processor.ts'
import type { Headers, TimestampExtractor } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { StoreBuilder } from '../state/store.ts'
import { describeTopology } from './describe.ts'
import { nodeGroups, type NodeGroup } from './node-groups.ts'
import { TopicPattern } from './topic-pattern.ts'

/**
 * Where a task begins to read a topic for which its group has no committed offset; `none` stops there. `byDurationMs` begins with the first
 * record that is no older than so many ms (integer, >= 0), by the clock of this process; behind the last record where all are (KIP-1106).
 */
export type OffsetReset = 'earliest' | 'latest' | 'none' | { readonly byDurationMs: number }

/** As it stands in messages, and equal where two say the same. */
export function offsetResetText(reset: OffsetReset | undefined): string {
  if (typeof reset === 'object') return `the last ${reset.byDurationMs} ms`
  return reset ?? 'the default'
}

export interface SourceNode {
  readonly kind: 'source'
  readonly name: string
  /** By name; none where `pattern` says which. */
  readonly topics: readonly string[]
  /** Reads every topic whose whole name matches, also those that are made while the application runs. */
  readonly pattern: TopicPattern | undefined
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly timestampExtractor: TimestampExtractor | undefined
  readonly offsetReset: OffsetReset | undefined
  /** Reads a topic of the application's own, whose name gets its id in front. */
  readonly isInternal: boolean
  /** Feeds a global store: read whole by every instance, by no task. */
  readonly isGlobal: boolean
}

export interface ProcessorNode {
  readonly kind: 'processor'
  readonly name: string
  readonly parents: readonly string[]
  readonly supplier: OperatorSupplier
  /** In the order in which they were connected. */
  readonly stores: Set<string>
}

export interface SinkNode {
  readonly kind: 'sink'
  readonly name: string
  readonly parents: readonly string[]
  /** A topic, or what chooses it for each record. */
  readonly topic: string | TopicSelector
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly partitioner: StreamPartitioner | undefined
  readonly isInternal: boolean
}

export type TopologyNode = SourceNode | ProcessorNode | SinkNode

/** What is needed for a source; the rest has defaults. */
export type SourceInput = Pick<SourceNode, 'name' | 'topics' | 'key' | 'value'> &
  Partial<Omit<SourceNode, 'kind' | 'pattern'>> & {
    /** In place of `topics`, which is empty then. */
    readonly pattern?: RegExp | undefined
  }

export type SinkInput = Pick<SinkNode, 'name' | 'parents' | 'topic' | 'key' | 'value'> &
  Partial<Omit<SinkNode, 'kind'>>

export type ProcessorInput<KIn, VIn, KOut, VOut> = {
  readonly name: string
  readonly parents: readonly string[]
  readonly stores?: readonly (string | StoreBuilder)[]
} & (
  | { readonly processor: ProcessorSupplier<KIn, VIn, KOut, VOut> }
  /** @internal */
  | { readonly supplier: OperatorSupplier }
)

/** The topic of a store that is filled from it. */
export type ReadOnlySource = Pick<SourceNode, 'name' | 'key' | 'value'> &
  Partial<Pick<SourceNode, 'timestampExtractor'>> & { readonly topic: string }

/** What fills a global store: forwards nothing. */
export type GlobalProcessor = { readonly name: string } & (
  | { readonly processor: ProcessorSupplier<never, never> }
  /** @internal */
  | { readonly supplier: OperatorSupplier }
)

/** Chooses the topic of a record that is sent. */
export type TopicSelector<K = unknown, V = unknown> = (
  value: V,
  key: K,
  record: { readonly timestamp: number; readonly headers: Headers },
) => string

/**
 * Chooses a record's partitions: one, several (it is sent to each), none (it is dropped); undefined leaves it to the key's hash.
 */
export type StreamPartitioner<K = unknown, V = unknown> = (
  topic: string,
  key: K,
  value: V,
  partitionCount: number,
) => number | readonly number[] | undefined

/** A topic that the application makes for itself. Its name on the cluster is `<applicationId>-<name>`. */
export interface InternalTopic {
  readonly name: string
  /** Undefined: as many as what it repartitions. */
  readonly partitions: number | undefined
}

/** A topology as nodes by name. What the DSL builds, and what the Processor API writes by hand. */
export class Topology {
  readonly #nodes = new Map<string, TopologyNode>()
  readonly #stores = new Map<string, StoreBuilder>()
  readonly #globalStores = new Map<string, StoreBuilder>()
  readonly #internalTopics = new Map<string, InternalTopic>()
  readonly #sourceChangelogs = new Map<string, string>()
  /** Sources whose topics must have equally many partitions, since their records meet by key. */
  readonly #copartitioned: (readonly string[])[] = []

  /** In the order in which they were added: that in which a node's children get a record. */
  get nodes(): ReadonlyMap<string, TopologyNode> {
    return this.#nodes
  }

  get stores(): ReadonlyMap<string, StoreBuilder> {
    return this.#stores
  }

  get globalStores(): ReadonlyMap<string, StoreBuilder> {
    return this.#globalStores
  }

  /** By store, the topic that it is filled from and restored from. */
  get sourceChangelogs(): ReadonlyMap<string, string> {
    return this.#sourceChangelogs
  }

  get internalTopics(): ReadonlyMap<string, InternalTopic> {
    return this.#internalTopics
  }

  get copartitioned(): readonly (readonly string[])[] {
    return this.#copartitioned
  }

  /** Parts that share neither records nor stores, in the order of their ids. */
  get subtopologies(): readonly NodeGroup[] {
    return nodeGroups(this)
  }

  /** The topology as text, equal to that of Java's `Topology.describe().toString()`. */
  describe(): string {
    return describeTopology(this)
  }

  /** @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where the name is taken, another source reads a topic, or it cannot be begun there */
  addSource(source: SourceInput): this {
    const pattern = source.pattern && new TopicPattern(source.pattern)
    for (const node of this.#nodes.values())
      if (node.kind === 'source') refuseReadTwice(node, { ...source, pattern })
    if (typeof source.offsetReset === 'object') refuseBadDuration(source.name, source.offsetReset)
    return this.#add({
      kind: 'source',
      timestampExtractor: undefined,
      offsetReset: undefined,
      isInternal: false,
      isGlobal: false,
      ...source,
      pattern,
    })
  }

  /** A step behind its parents: a user's `processor`, or an operator of the library. `stores` that are builders are added with it. */
  addProcessor<KIn, VIn, KOut, VOut>(processor: ProcessorInput<KIn, VIn, KOut, VOut>): this {
    const { name, parents, stores = [] } = processor
    this.#checkParents(name, parents)
    const supplier = supplierOf(processor)
    this.#add({ kind: 'processor', name, parents, supplier, stores: new Set() })
    for (const store of stores)
      if (typeof store === 'string') this.connectProcessorAndStores(name, [store])
      else this.addStateStore(store, [name])
    return this
  }

  /** Writes what its parents forward to a topic. */
  addSink(sink: SinkInput): this {
    this.#checkParents(sink.name, sink.parents)
    return this.#add({ kind: 'sink', partitioner: undefined, isInternal: false, ...sink })
  }

  /** Adds a store, or connects more processors to one that was added from the same builder. */
  addStateStore(builder: StoreBuilder, processors: readonly string[] = []): this {
    const known = this.#stores.get(builder.name) ?? this.#globalStores.get(builder.name)
    if (known && known !== builder) throw bad(`A store "${builder.name}" was added already.`)
    this.#stores.set(builder.name, builder)
    for (const processor of processors) this.connectProcessorAndStores(processor, [builder.name])
    return this
  }

  connectProcessorAndStores(processor: string, stores: readonly string[]): this {
    const node = this.#nodes.get(processor)
    if (node?.kind !== 'processor')
      throw bad(`There is no processor "${processor}" to connect stores to.`)
    for (const store of stores) {
      if (!this.#stores.has(store) && !this.#globalStores.has(store))
        throw bad(`"${processor}" is to be connected to the store "${store}", which was not added.`)
      // A global store can be read by every processor without being connected.
      if (this.#stores.has(store)) node.stores.add(store)
    }
    return this
  }

  /**
   * A store filled from a whole topic in every instance, and the two nodes that fill it: each start gives the whole topic to the processor. Other
   * processors need not be connected to it, and may only read it. It has no changelog: the topic is one.
   */
  addGlobalStore(
    builder: StoreBuilder,
    source: Omit<SourceNode, 'kind' | 'isGlobal' | 'isInternal' | 'pattern'>,
    processor: GlobalProcessor,
  ): this {
    if (this.#stores.has(builder.name) || this.#globalStores.has(builder.name))
      throw bad(`A store "${builder.name}" was added already.`)
    this.#globalStores.set(builder.name, builder)
    this.addSource({ ...source, isGlobal: true, isInternal: false })
    return this.#add({
      kind: 'processor',
      name: processor.name,
      parents: [source.name],
      supplier: supplierOf(processor),
      stores: new Set([builder.name]),
    })
  }

  /**
   * A store for each partition of a topic, filled from it by the processor, whose changelog the topic is: a restoration gives its records to the store
   * as they are, without the processor, which therefore must store what came, and nothing else. The topic should be compacted, and have as many partitions as there are tasks. Others
   * that read the store are connected to it by `connectProcessorAndStores`. Without a committed offset it is read from its beginning.
   * @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY`
   * @see KIP-813; Kafka Streams `Topology.addReadOnlyStateStore`
   */
  addReadOnlyStateStore<KIn, VIn>(
    builder: StoreBuilder,
    source: ReadOnlySource,
    processor: { readonly name: string; readonly processor: ProcessorSupplier<KIn, VIn> },
  ): this {
    const { topic, ...rest } = source
    this.addSource({ ...rest, topics: [topic], offsetReset: 'earliest' })
    const { name } = processor
    // What is logged to a topic that others write would come back.
    const stores = [{ ...builder, isLogged: false }]
    this.addProcessor({ ...processor, name, parents: [source.name], stores })
    this.#sourceChangelogs.set(builder.name, topic)
    return this
  }

  addInternalTopic(topic: InternalTopic): this {
    this.#internalTopics.set(topic.name, topic)
    return this
  }

  addCopartitioned(sources: readonly string[]): this {
    this.#copartitioned.push(sources)
    return this
  }

  #add(node: TopologyNode): this {
    if (this.#nodes.has(node.name)) throw bad(`A node "${node.name}" was added already.`)
    this.#nodes.set(node.name, node)
    return this
  }

  #checkParents(name: string, parents: readonly string[]): void {
    if (parents.length === 0)
      throw bad(`"${name}" has no parent, so that no record would reach it.`)
    for (const parent of parents) {
      if (parent === name) throw bad(`"${name}" cannot be its own parent.`)
      const node = this.#nodes.get(parent)
      if (!node) throw bad(`The parent "${parent}" of "${name}" was not added.`)
      if (node.kind === 'sink') throw bad(`The sink "${parent}" cannot be the parent of "${name}".`)
    }
  }
}

/** Of two patterns that match one topic nothing can be said before there is such a topic; none matches topics of the application's own. */
function refuseReadTwice(
  node: SourceNode,
  source: Pick<SourceNode, 'name' | 'topics' | 'pattern'> & { readonly isInternal?: boolean },
): void {
  const { name, topics } = source
  const twice =
    topics.find((topic) => node.topics.includes(topic)) ??
    (source.isInternal ? undefined : topics.find((topic) => node.pattern?.matches(topic))) ??
    (node.isInternal ? undefined : node.topics.find((topic) => source.pattern?.matches(topic)))
  if (twice !== undefined)
    throw bad(
      `Topic "${twice}" is read by "${node.name}" already and cannot be read by "${name}" too.`,
    )
}

function supplierOf<KIn, VIn, KOut, VOut>(
  step:
    | { readonly processor: ProcessorSupplier<KIn, VIn, KOut, VOut> }
    | { readonly supplier: OperatorSupplier },
): OperatorSupplier {
  return 'supplier' in step ? step.supplier : processorOperator(step.processor)
}

function refuseBadDuration(
  name: string,
  { byDurationMs }: { readonly byDurationMs: number },
): void {
  if (!Number.isSafeInteger(byDurationMs) || byDurationMs < 0)
    throw bad(
      `"${name}" begins with the last ${byDurationMs} ms of its topics; byDurationMs must be an integer, at least 0.`,
    )
}

function bad(message: string): StreamsError {
  return new StreamsError('MR_STREAMS_BAD_TOPOLOGY', message)
}
