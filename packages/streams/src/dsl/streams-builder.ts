import { StreamsError } from '../errors.ts'
import type { StoreBuilder } from '../state/store.ts'
import type { Topology } from '../topology/topology.ts'
import type { OperatorSupplier } from '../operator.ts'
import { processorOperator } from '../operators/processor.ts'
import type { ProcessorSupplier } from '../processor.ts'
import { tableSourceOperator } from '../operators/table.ts'
import { storeView } from '../operators/table-view.ts'
import { GlobalKTable } from './global-table.ts'
import { KGroupedStream } from './k-grouped-stream.ts'
import { KGroupedTable } from './k-grouped-table.ts'
import { KStream } from './k-stream.ts'
import { KTable } from './k-table.ts'
import type { Named, SourceOptions, Store } from './options.ts'
import { keyValueStoreOf, planStore, refuseUnnamed, type StorePlan } from './store-plan.ts'
import { GraphNode, StreamGraph, type StreamGraphOptions } from './stream-graph.ts'
import { TableNode } from './table-node.ts'

/**
 * Where a topology begins. Each call adds steps to one graph; `build()` makes the topology of them.
 * @see Kafka Streams `StreamsBuilder`, whose names of nodes, stores and topics these are
 */
export class StreamsBuilder {
  readonly #graph: StreamGraph

  constructor(options: StreamGraphOptions = {}) {
    this.#graph = new StreamGraph(options, {
      stream: (parts) => new KStream(parts),
      table: (parts) => new KTable(parts),
      groupedStream: (parts) => new KGroupedStream(parts),
      groupedTable: (parts) => new KGroupedTable(parts),
    })
  }

  /**
   * Records of one topic or several, or of all whose whole name matches a pattern, among them those that come to be while the application runs
   * (within `metadataMaxAgeMs`); the application's own never match. Keys and values may be null: a record without key, a tombstone.
   */
  stream<K, V>(
    topics: string | readonly string[] | RegExp,
    options: SourceOptions<K, V>,
  ): KStream<K, V> {
    const graph = this.#graph
    const pattern = topics instanceof RegExp ? topics : undefined
    const names =
      topics instanceof RegExp ? [] : typeof topics === 'string' ? [topics] : [...new Set(topics)]
    if (names.length === 0 && !pattern)
      throw new StreamsError('MR_STREAMS_BAD_TOPOLOGY', 'stream() was given no topic to read.')
    const name = graph.nameOr(options.name, 'KSTREAM-SOURCE-')
    const source = { ...sourceOf(name, names, options), pattern }
    const node = new GraphNode(name, (topology) => void topology.addSource(source), {
      source: {
        topics: new Set(pattern ? [String(pattern)] : names),
        offsetReset: options.offsetReset,
      },
    })
    graph.add([graph.root], node)
    return new KStream({
      graph,
      node,
      name,
      key: options.key,
      value: options.value,
      sources: new Set([name]),
      needsRepartition: false,
    })
  }

  /**
   * A topic as a table: for each key its latest value. It has a store only if named here, or where something downstream has to look things
   * up in it.
   */
  table<K, V>(topic: string, options: SourceOptions<K, V>, store?: Store<K, V>): KTable<K, V> {
    const graph = this.#graph
    const plan = planStore(graph, topicPrefix(topic), store, options, 'later')
    const sourceName = tableSourceName(graph, options)
    const name = graph.nameOr(options.name, 'KTABLE-SOURCE-')
    const step = new TableNode<K, V>(plan.isNamed, plan.name, () => refuseUnnamed(graph, plan))
    const node = new GraphNode(name, (topology) => {
      topology.addSource(sourceOf(sourceName, [topic], options))
      topology.addProcessor({
        name,
        parents: [sourceName],
        supplier: tableSourceOperator(() => (step.isMaterialized ? plan.name : undefined), step),
      })
      if (step.isMaterialized) topology.addStateStore(keyValueStoreOf(plan), [name])
    })
    graph.add([graph.root], node)
    return new KTable({
      graph,
      node,
      name,
      key: plan.key,
      value: plan.value,
      sources: new Set([sourceName]),
      step,
    })
  }

  /** A store for processors, which name it among their `stores`. */
  addStateStore(store: StoreBuilder): this {
    const node = new GraphNode(store.name, (topology) => void topology.addStateStore(store))
    this.#graph.add([this.#graph.root], node)
    return this
  }

  /**
   * A topic as a table that every instance reads whole, to be joined by any key. Its store has no changelog: the topic is one. Rows have the
   * timestamps of their records; an extractor is not asked.
   */
  globalTable<K, V>(
    topic: string,
    options: SourceOptions<K, V>,
    store?: Store<K, V>,
  ): GlobalKTable<K, V> {
    const graph = this.#graph
    const plan = planStore(graph, topicPrefix(topic), store, options)
    refuseTtl(plan)
    const sourceName = tableSourceName(graph, options)
    const name = graph.nameOr(options.name, 'KTABLE-SOURCE-')
    const unlogged = { ...plan, options: { ...plan.options, logging: false, caching: false } }
    const node = new GraphNode(name, (topology) => {
      // As in Java, where it is read without one.
      const source = { ...sourceOf(sourceName, [topic], options), timestampExtractor: undefined }
      const supplier = tableSourceOperator(() => plan.name, { sendsOldValues: false })
      topology.addGlobalStore(keyValueStoreOf(unlogged), source, { name, supplier })
    })
    graph.add([graph.root], node)
    const { key, value } = plan
    return new GlobalKTable({ storeName: plan.name, key, value, view: storeView(plan.name) })
  }

  /**
   * A store that every instance fills from a whole topic, by a processor of one's own, which may change what it stores. Each start gives it the
   * whole topic anew. Processors read the store without naming it among theirs. The builder's `logging` does not count.
   * @see Kafka Streams `StreamsBuilder.addGlobalStore`
   */
  addGlobalStore<K, V>(
    store: StoreBuilder,
    topic: string,
    options: SourceOptions<K, V>,
    processor: ProcessorSupplier<K, V>,
  ): this {
    const graph = this.#graph
    const sourceName = tableSourceName(graph, options)
    const name = graph.nameOr(options.name, 'KTABLE-SOURCE-')
    const node = new GraphNode(name, (topology) => {
      const source = sourceOf(sourceName, [topic], options)
      const supplier = processorOperator(processor) as OperatorSupplier
      topology.addGlobalStore(store, source, { name, supplier })
    })
    graph.add([graph.root], node)
    return this
  }

  build(): Topology {
    return this.#graph.build()
  }
}

function sourceOf<K, V>(name: string, topics: readonly string[], options: SourceOptions<K, V>) {
  const { key, value, timestampExtractor, offsetReset } = options
  return { name, topics, key, value, timestampExtractor, offsetReset }
}

function tableSourceName(graph: StreamGraph, { name }: Named): string {
  return graph.nameOr(name === undefined ? undefined : `${name}-source`, 'KSTREAM-SOURCE-')
}

function topicPrefix(topic: string): string {
  return `${topic}-`
}

/** A global table is as its topic, and has no stream time. */
function refuseTtl<K, V>({ name, options }: StorePlan<K, V>): void {
  if (options.ttlMs === undefined) return
  throw new StreamsError(
    'MR_STREAMS_BAD_OPTION',
    `The global table "${name}" has ttlMs ${options.ttlMs}; its rows are those of its topic. Delete them there, or use table().`,
    { store: name, ttlMs: options.ttlMs },
  )
}
