import { filterOperator } from '../operators/filter.ts'
import {
  flatMapOperator,
  flatMapValuesOperator,
  mapOperator,
  mapValuesOperator,
  selectKeyOperator,
} from '../operators/map.ts'
import { forEachOperator, mergeOperator, peekOperator } from '../operators/peek.ts'
import type { OperatorSupplier } from '../operator.ts'
import { required, type Serde } from '../serde.ts'
import type { StreamPartitioner, TopicSelector } from '../topology/topology.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { GroupedOptions, Named, SinkOptions } from './options.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'

/** What a stream is made of. */
export interface StreamParts<K, V> {
  readonly graph: StreamGraph
  readonly node: GraphNode
  readonly name: string
  /** Undefined once something changed the type and nobody said how to write it. */
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  readonly sources: ReadonlySet<string>
  /** The key may have changed since the records were partitioned. */
  readonly needsRepartition: boolean
}

/**
 * A stream of records. Functions get the value first and then the key, as those of an array get the element and then the index.
 * Timestamp and headers of a record stay what they are unless a step says otherwise.
 */
export class KStream<K, V> {
  /** @internal */
  readonly parts: StreamParts<K, V>

  constructor(parts: StreamParts<K, V>) {
    this.parts = parts
  }

  filter<VOut extends V>(
    predicate: (value: V, key: K) => value is VOut,
    options?: Named,
  ): KStream<K, VOut>
  filter(predicate: (value: V, key: K) => boolean, options?: Named): KStream<K, V>
  filter(predicate: (value: V, key: K) => boolean, options: Named = {}): KStream<K, V> {
    return this.#step('KSTREAM-FILTER-', options, () => filterOperator(predicate), {})
  }

  filterNot(predicate: (value: V, key: K) => boolean, options: Named = {}): KStream<K, V> {
    const inverse = (value: V, key: K): boolean => !predicate(value, key)
    return this.#step('KSTREAM-FILTER-', options, () => filterOperator(inverse), {})
  }

  /** Another key and value; what joins or groups by key after it goes through a repartition topic. */
  map<KOut, VOut>(
    mapper: (value: V, key: K) => readonly [KOut, VOut],
    options: Named = {},
  ): KStream<KOut, VOut> {
    return this.#step<KOut, VOut>('KSTREAM-MAP-', options, (name) => mapOperator(mapper, name), {
      key: undefined,
      value: undefined,
      isKeyChanging: true,
    })
  }

  /** Another value. With `value`, the steps after it know how to write it. */
  mapValues<VOut>(
    mapper: (value: V, key: K) => VOut,
    options: Named & { readonly value?: Serde<VOut> } = {},
  ): KStream<K, VOut> {
    return this.#step<K, VOut>('KSTREAM-MAPVALUES-', options, () => mapValuesOperator(mapper), {
      value: options.value,
    })
  }

  flatMap<KOut, VOut>(
    mapper: (value: V, key: K) => Iterable<readonly [KOut, VOut]>,
    options: Named = {},
  ): KStream<KOut, VOut> {
    return this.#step<KOut, VOut>(
      'KSTREAM-FLATMAP-',
      options,
      (name) => flatMapOperator(mapper, name),
      {
        key: undefined,
        value: undefined,
        isKeyChanging: true,
      },
    )
  }

  flatMapValues<VOut>(
    mapper: (value: V, key: K) => Iterable<VOut>,
    options: Named & { readonly value?: Serde<VOut> } = {},
  ): KStream<K, VOut> {
    return this.#step<K, VOut>(
      'KSTREAM-FLATMAPVALUES-',
      options,
      (name) => flatMapValuesOperator(mapper, name),
      { value: options.value },
    )
  }

  selectKey<KOut>(
    selector: (value: V, key: K) => KOut,
    options: Named & { readonly key?: Serde<KOut> } = {},
  ): KStream<KOut, V> {
    return this.#step<KOut>('KSTREAM-KEY-SELECT-', options, () => selectKeyOperator(selector), {
      key: options.key,
      isKeyChanging: true,
    })
  }

  /** Shows each record to the action and passes it on. */
  peek(action: (value: V, key: K) => void, options: Named = {}): KStream<K, V> {
    return this.#step('KSTREAM-PEEK-', options, () => peekOperator(action), {})
  }

  /** Gives each record to the action; ends the stream. */
  forEach(action: (value: V, key: K) => void, options: Named = {}): void {
    this.#step('KSTREAM-FOREACH-', options, () => forEachOperator(action), {})
  }

  /** Records of both, as they come. */
  merge(other: KStream<K, V>, options: Named = {}): KStream<K, V> {
    const { graph, node, sources, needsRepartition } = this.parts
    const name = graph.nameOr(options.name, 'KSTREAM-MERGE-')
    const merged = processorNode(name, mergeOperator())
    graph.add([node, other.parts.node], merged)
    return graph.make.stream({
      graph,
      node: merged,
      name,
      key: undefined,
      value: undefined,
      sources: sources.union(other.parts.sources),
      needsRepartition: needsRepartition || other.parts.needsRepartition,
    })
  }

  /** Writes the records to a topic, or to that which a function chooses for each. */
  to(topic: string | TopicSelector<K, V>, options: SinkOptions<K, V> = {}): void {
    const { graph, node } = this.parts
    const name = graph.nameOr(options.name, 'KSTREAM-SINK-')
    const key = options.key ?? this.parts.key
    const value = options.value ?? this.parts.value
    const sink = new GraphNode(name, (topology, parents) => {
      topology.addSink({
        name,
        parents,
        topic: topic as string | TopicSelector,
        key: required(key, 'key', name),
        value: required(value, 'value', name),
        partitioner: options.partitioner as StreamPartitioner | undefined,
        isInternal: false,
      })
    })
    graph.add([node], sink)
  }

  /** Groups by the key that records have. Goes through a repartition topic only if the key may have changed. */
  groupByKey(options: GroupedOptions<K, V> = {}): KGroupedStream<K, V> {
    const { key, value } = this.parts
    return this.parts.graph.make.groupedStream({
      ...this.parts,
      key: options.key ?? key,
      value: options.value ?? value,
      repartitionName: options.name,
    })
  }

  /** Groups by another key: as `selectKey` and `groupByKey`. */
  groupBy<KOut>(
    selector: (value: V, key: K) => KOut,
    options: GroupedOptions<KOut, V> = {},
  ): KGroupedStream<KOut, V> {
    const selected = this.#step<KOut>(
      'KSTREAM-KEY-SELECT-',
      options.name === undefined ? {} : { name: options.name },
      () => selectKeyOperator(selector),
      { key: undefined, isKeyChanging: true },
    )
    return this.parts.graph.make.groupedStream({
      ...selected.parts,
      key: options.key,
      value: options.value ?? this.parts.value,
      repartitionName: options.name,
    })
  }

  /** Adds one operator behind this stream. Serdes stay unless `changed` names them. */
  #step<KOut = K, VOut = V>(
    prefix: string,
    options: Named,
    supplier: (name: string) => OperatorSupplier,
    changed: {
      readonly key?: Serde<KOut> | undefined
      readonly value?: Serde<VOut> | undefined
      readonly isKeyChanging?: boolean
    },
  ): KStream<KOut, VOut> {
    const { graph, node, sources, needsRepartition } = this.parts
    const name = graph.nameOr(options.name, prefix)
    const isKeyChanging = changed.isKeyChanging ?? false
    const step = processorNode(name, supplier(name), isKeyChanging)
    graph.add([node], step)
    return graph.make.stream({
      graph,
      node: step,
      name,
      key: 'key' in changed ? changed.key : (this.parts.key as Serde<KOut> | undefined),
      value: 'value' in changed ? changed.value : (this.parts.value as Serde<VOut> | undefined),
      sources,
      needsRepartition: needsRepartition || isKeyChanging,
    })
  }
}

function processorNode(name: string, supplier: OperatorSupplier, isKeyChanging = false): GraphNode {
  return new GraphNode(
    name,
    (topology, parents) => void topology.addProcessor({ name, parents, supplier }),
    { isKeyChanging },
  )
}
