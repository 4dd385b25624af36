import { filterOperator } from '../operators/filter.ts'
import {
  flatMapOperator,
  flatMapValuesOperator,
  mapOperator,
  mapValuesOperator,
  selectKeyOperator,
} from '../operators/map.ts'
import { emitPair, emitPairs, emitValue, emitValues } from '../operators/async-results.ts'
import { forEachOperator, mergeOperator, peekOperator } from '../operators/peek.ts'
import { fixedKeyProcessorOperator, processorOperator } from '../operators/processor.ts'
import type { OperatorSupplier } from '../operator.ts'
import type { FixedKeyProcessorSupplier, ProcessorSupplier } from '../processor.ts'
import { required, type Serde } from '../serde.ts'
import { windowedPartitioner } from '../windowed.ts'
import type { StreamPartitioner, TopicSelector, Topology } from '../topology/topology.ts'
import type { GlobalKTable } from './global-table.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KTable } from './k-table.ts'
import type {
  ConnectedStores,
  GroupedOptions,
  Named,
  RepartitionOptions,
  SinkOptions,
  Store,
} from './options.ts'
import { asyncStep, type AsyncCallContext, type AsyncOptions } from './map-async.ts'
import { printer, type PrintOptions } from './print.ts'
import { splitStream, type Branches, type SplitOptions, type SplitStreams } from './split.ts'
import { planRepartition, repartitionNode, type Repartition } from './repartition.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import { joinStreams, type StreamJoinOptions } from './stream-join.ts'
import {
  joinStreamWithGlobalTable,
  joinStreamWithTable,
  type GlobalJoinOptions,
  type StreamTableJoinOptions,
} from './stream-table-join.ts'
import { streamToTable } from './stream-to-table.ts'

/** What an asynchronous function gives: at once, or later. */
export type AsyncResult<R> = R | Promise<R>

/** Serdes of another key and value, for the steps after it. */
export interface OutSerdes<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

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

  /**
   * As `map`, with a function that takes time: up to `concurrency` calls of a task run at once, and results are given on when they come. Under
   * exactly-once each record has one result; what a call does elsewhere may happen again after a crash or a rebalance. Not in Java.
   * @experimental
   */
  mapAsync<KOut, VOut>(
    mapper: (value: V, key: K, call: AsyncCallContext) => AsyncResult<readonly [KOut, VOut]>,
    options: AsyncOptions<K, V, readonly [KOut, VOut]> & OutSerdes<KOut, VOut> = {},
  ): KStream<KOut, VOut> {
    const { key, value } = options
    const prefix = 'KSTREAM-MAPASYNC-'
    const step = { prefix, call: mapper, options, emit: emitPair<K>, key, value }
    return asyncStep<K, V, KOut, VOut, readonly [KOut, VOut]>(this, {
      ...step,
      isKeyChanging: true,
    })
  }

  /** As `mapAsync`, with another value only: nothing is repartitioned after it. */
  mapValuesAsync<VOut>(
    mapper: (value: V, key: K, call: AsyncCallContext) => AsyncResult<VOut>,
    options: AsyncOptions<K, V, VOut> & { readonly value?: Serde<VOut> } = {},
  ): KStream<K, VOut> {
    const { key } = this.parts
    const prefix = 'KSTREAM-MAPVALUESASYNC-'
    const step = { prefix, call: mapper, options, emit: emitValue<K>, key, value: options.value }
    return asyncStep<K, V, K, VOut, VOut>(this, { ...step, isKeyChanging: false })
  }

  /** As `mapAsync`, with any number of records for each one. */
  flatMapAsync<KOut, VOut>(
    mapper: (
      value: V,
      key: K,
      call: AsyncCallContext,
    ) => AsyncResult<Iterable<readonly [KOut, VOut]>>,
    options: AsyncOptions<K, V, Iterable<readonly [KOut, VOut]>> & OutSerdes<KOut, VOut> = {},
  ): KStream<KOut, VOut> {
    const { key, value } = options
    const prefix = 'KSTREAM-FLATMAPASYNC-'
    const step = { prefix, call: mapper, options, emit: emitPairs<K>, key, value }
    return asyncStep<K, V, KOut, VOut, Iterable<readonly [KOut, VOut]>>(this, {
      ...step,
      isKeyChanging: true,
    })
  }

  /** As `mapValuesAsync`, with any number of values for each one. */
  flatMapValuesAsync<VOut>(
    mapper: (value: V, key: K, call: AsyncCallContext) => AsyncResult<Iterable<VOut>>,
    options: AsyncOptions<K, V, Iterable<VOut>> & { readonly value?: Serde<VOut> } = {},
  ): KStream<K, VOut> {
    const { key } = this.parts
    const prefix = 'KSTREAM-FLATMAPVALUESASYNC-'
    const step = { prefix, call: mapper, options, emit: emitValues<K>, key, value: options.value }
    return asyncStep<K, V, K, VOut, Iterable<VOut>>(this, { ...step, isKeyChanging: false })
  }

  /** Shows each record to the action and passes it on. */
  peek(action: (value: V, key: K) => void, options: Named = {}): KStream<K, V> {
    return this.#step('KSTREAM-PEEK-', options, () => peekOperator(action), {})
  }

  /** Gives each record to the action; ends the stream. */
  forEach(action: (value: V, key: K) => void, options: Named = {}): void {
    this.#step('KSTREAM-FOREACH-', options, () => forEachOperator(action), {})
  }

  /**
   * A step of one's own, with stores and punctuators. Its records may have any key, so that what groups or joins by key after it goes through
   * a repartition topic; `processValues` spares that.
   */
  process<KOut = never, VOut = never>(
    supplier: ProcessorSupplier<K, V, KOut, VOut>,
    options: ConnectedStores & { readonly key?: Serde<KOut>; readonly value?: Serde<VOut> } = {},
  ): KStream<KOut, VOut> {
    return this.#step<KOut, VOut>(
      'KSTREAM-PROCESSOR-',
      options,
      () => processorOperator(supplier),
      {
        key: options.key,
        value: options.value,
        isKeyChanging: true,
        stores: options.stores,
        takesNoNumber: true,
      },
    )
  }

  /** A step of one's own that leaves the key as it is. */
  processValues<VOut = never>(
    supplier: FixedKeyProcessorSupplier<K, V, VOut>,
    options: ConnectedStores & { readonly value?: Serde<VOut> } = {},
  ): KStream<K, VOut> {
    return this.#step<K, VOut>(
      'KSTREAM-PROCESSVALUES-',
      options,
      () => fixedKeyProcessorOperator(supplier),
      { value: options.value, stores: options.stores, takesNoNumber: true },
    )
  }

  /**
   * Streams by name, each with the records that its predicate takes and none before it took:
   * `split({ branches: { big: (value) => value.size > 9, small: isSmall }, default: 'rest' })`. A type guard gives its branch that type.
   */
  split<B extends Branches<K, V>, Rest extends string = never>(
    options: SplitOptions<B, Rest>,
  ): SplitStreams<K, V, B, Rest> {
    return splitStream(this, options)
  }

  /** Shows each record as a line of text; ends the stream. For development. */
  print(options: PrintOptions<K, V> = {}): void {
    const print = printer(this.parts.name, options)
    this.#step('KSTREAM-PRINTER-', options, () => forEachOperator(print), {})
  }

  /**
   * Sends the records through a topic of the application's own, `<applicationId>-<name>-repartition`, so that equal keys meet on one
   * partition. Those without a key are left out, unless a left or outer join comes after it.
   */
  repartition(options: RepartitionOptions<K, V> = {}): KStream<K, V> {
    const { graph, node } = this.parts
    const repartition: Repartition<K, V> = {
      key: options.key ?? this.parts.key,
      value: options.value ?? this.parts.value,
      prefix: options.name ?? graph.newProcessorName('KSTREAM-REPARTITION-'),
      isNamed: options.name !== undefined,
      partitioner: options.partitioner,
      partitions: options.partitions,
    }
    const names = planRepartition(graph, repartition)
    const step = repartitionNode(names, repartition)
    graph.add([node], step)
    return graph.make.stream({
      graph,
      node: step,
      name: names.source,
      key: repartition.key,
      value: repartition.value,
      sources: new Set([names.source]),
      needsRepartition: false,
    })
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

  /**
   * Each record with each of the other stream that has its key and a time in its window, whichever of them comes first. Records without
   * key or without value are dropped and counted.
   */
  join<VOther, VOut>(
    other: KStream<K, VOther>,
    joiner: (left: V, right: VOther, key: K) => VOut,
    options: StreamJoinOptions<K, V, VOther, VOut>,
  ): KStream<K, VOut> {
    return joinStreams(this, other, 'inner', joiner, options)
  }

  /** As `join`; a record of this stream that found no partner until its window has closed is joined with null. */
  leftJoin<VOther, VOut>(
    other: KStream<K, VOther>,
    joiner: (left: V, right: VOther | null, key: K) => VOut,
    options: StreamJoinOptions<K, V, VOther, VOut>,
  ): KStream<K, VOut> {
    return joinStreams(this, other, 'left', joiner, options)
  }

  /** As `leftJoin`, for records of both streams. */
  outerJoin<VOther, VOut>(
    other: KStream<K, VOther>,
    joiner: (left: V | null, right: VOther | null, key: K) => VOut,
    options: StreamJoinOptions<K, V, VOther, VOut>,
  ): KStream<K, VOut> {
    return joinStreams(this, other, 'outer', joiner, options)
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
        partitioner:
          (options.partitioner as StreamPartitioner | undefined) ?? windowedPartitioner(key),
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

  /** The latest value of each key, as a table; a record without value deletes, one without key is dropped and counted. */
  toTable(options: Named & { readonly store?: Store<K, V> } = {}): KTable<K, V> {
    return streamToTable(this, options)
  }

  /** Each record with what the table has for its key at that moment; records that it has nothing for are left out. */
  joinTable<VTable, VOut>(
    table: KTable<K, VTable>,
    joiner: (value: V, tableValue: VTable, key: K) => VOut,
    options: StreamTableJoinOptions<K, V, VOut> = {},
  ): KStream<K, VOut> {
    const join = joiner as (value: V, tableValue: VTable | null, key: K) => VOut
    return joinStreamWithTable(this, table, join, false, options)
  }

  /** As `joinTable`; records that the table has nothing for, or that have no key, are joined with null. */
  leftJoinTable<VTable, VOut>(
    table: KTable<K, VTable>,
    joiner: (value: V, tableValue: VTable | null, key: K) => VOut,
    options: StreamTableJoinOptions<K, V, VOut> = {},
  ): KStream<K, VOut> {
    return joinStreamWithTable(this, table, joiner, true, options)
  }

  /** Each record with what the global table has for the key that `keyOf` gives, whatever the record's own key. */
  joinGlobalTable<KGlobal, VGlobal, VOut>(
    table: GlobalKTable<KGlobal, VGlobal>,
    keyOf: (value: V, key: K) => KGlobal | null,
    joiner: (value: V, globalValue: VGlobal, key: K) => VOut,
    options: GlobalJoinOptions<VOut> = {},
  ): KStream<K, VOut> {
    const join = joiner as (value: V, globalValue: VGlobal | null, key: K) => VOut
    return joinStreamWithGlobalTable(this, table, keyOf, join, false, options)
  }

  /** As `joinGlobalTable`; records that the table has nothing for are joined with null. */
  leftJoinGlobalTable<KGlobal, VGlobal, VOut>(
    table: GlobalKTable<KGlobal, VGlobal>,
    keyOf: (value: V, key: K) => KGlobal | null,
    joiner: (value: V, globalValue: VGlobal | null, key: K) => VOut,
    options: GlobalJoinOptions<VOut> = {},
  ): KStream<K, VOut> {
    return joinStreamWithGlobalTable(this, table, keyOf, joiner, true, options)
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
      readonly stores?: ConnectedStores['stores']
      /** Given a name, it leaves the counter alone: so Java's processors, and only they. */
      readonly takesNoNumber?: boolean
    },
  ): KStream<KOut, VOut> {
    const { graph, node, sources, needsRepartition } = this.parts
    const given = changed.takesNoNumber === true ? options.name : undefined
    const name = given ?? graph.nameOr(options.name, prefix)
    const isKeyChanging = changed.isKeyChanging ?? false
    const step = processorNode(name, supplier(name), { isKeyChanging, stores: changed.stores })
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

function processorNode(
  name: string,
  supplier: OperatorSupplier,
  options: { readonly isKeyChanging?: boolean; readonly stores?: ConnectedStores['stores'] } = {},
): GraphNode {
  const { stores = [], isKeyChanging = false } = options
  const write = (topology: Topology, parents: readonly string[]): void => {
    topology.addProcessor({ name, parents, supplier })
    for (const store of stores)
      if (typeof store === 'string') topology.connectProcessorAndStores(name, [store])
      else topology.addStateStore(store, [name])
  }
  return new GraphNode(name, write, { isKeyChanging })
}
