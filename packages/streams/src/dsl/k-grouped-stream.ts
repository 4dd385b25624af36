import { aggregateOperator, countRecords } from '../operators/aggregate.ts'
import { longSerde } from '../serde.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type { CogroupAggregator } from './cogroup-table.ts'
import { CogroupedKStream } from './cogrouped-stream.ts'
import type { StreamParts } from './k-stream.ts'
import type { KTable } from './k-table.ts'
import { storeOptions, type Named, type Store } from './options.ts'
import { SessionWindowedKStream } from './session-windowed-stream.ts'
import type { WindowedOptions } from './windowed-node.ts'
import { TimeWindowedKStream } from './windowed-stream.ts'
import { planRepartition, repartitionNode, type Repartition } from './repartition.ts'
import { keyValueStoreOf, planStore, type StorePlan } from './store-plan.ts'
import { GraphNode } from './stream-graph.ts'
import { TableNode } from './table-node.ts'

export interface GroupedParts<K, V> extends StreamParts<K, V> {
  /** Given by the user; of the repartition topic. */
  readonly repartitionName: string | undefined
}

/** Records by key, ready to be aggregated. Records without key are dropped and counted. */
export class KGroupedStream<K, V> {
  /** @internal */
  readonly parts: GroupedParts<K, V>
  /** Shared by all aggregations of a grouping whose repartition topic has a name. */
  #repartition: GraphNode | undefined

  constructor(parts: GroupedParts<K, V>) {
    this.parts = parts
  }

  /** How many records each key has had. */
  count(options: Named & { readonly store?: Store<K, number> } = {}): KTable<K, number> {
    const { graph, key } = this.parts
    // Java takes a number here for a name it no longer uses.
    if (options.store !== undefined && storeOptions(options.store).name === undefined)
      graph.newStoreName(prefix)
    const plan = planStore(graph, prefix, options.store, { key, value: longSerde })
    return this.#aggregate(options, plan, () => 0, countRecords)
  }

  /** The values of a key made one: the first as it is, then `reducer(soFar, next)`. */
  reduce(
    reducer: (reduced: V, value: V, key: K) => V | null,
    options: Named & { readonly store?: Store<K, V> } = {},
  ): KTable<K, V> {
    const { graph, key, value } = this.parts
    const plan = planStore(graph, 'KSTREAM-REDUCE-', options.store, { key, value })
    return this.#aggregate<V>(
      options,
      plan,
      () => null,
      (reduced, next, of) => (reduced === null ? next : reducer(reduced, next, of)),
      'KSTREAM-REDUCE-',
    )
  }

  /** As `reduce`, with a result of another type, which `initialize` begins. */
  aggregate<A>(
    initialize: () => A,
    aggregator: (aggregate: A, value: V, key: K) => A | null,
    options: Named & { readonly store?: Store<K, A> } = {},
  ): KTable<K, A> {
    const { graph, key } = this.parts
    const plan = planStore(graph, prefix, options.store, { key })
    return this.#aggregate<A>(
      options,
      plan,
      initialize,
      aggregator as (aggregate: A | null, value: V, key: K) => A | null,
    )
  }

  /** Aggregates by key and window. */
  windowedBy(
    windows: TimeWindows | SlidingWindows,
    options?: WindowedOptions<K, V>,
  ): TimeWindowedKStream<K, V>
  windowedBy(windows: SessionWindows, options?: WindowedOptions<K, V>): SessionWindowedKStream<K, V>
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
    options: WindowedOptions<K, V> = {},
  ): TimeWindowedKStream<K, V> | SessionWindowedKStream<K, V> {
    return windows.kind === 'session'
      ? new SessionWindowedKStream(this, windows, options)
      : new TimeWindowedKStream(this, windows, options)
  }

  /**
   * Begins an aggregation of several streams into one value for each key: `orders.cogroup(addOrder).cogroup(payments, addPayment)
   * .aggregate(() => empty, { store: 'accounts' })`.
   */
  cogroup<A>(aggregator: (aggregate: A, value: V, key: K) => A | null): CogroupedKStream<K, A> {
    const self = this as unknown as KGroupedStream<K, unknown>
    const groups = new Map([[self, aggregator as CogroupAggregator<K, A>]])
    return new CogroupedKStream({ graph: this.parts.graph, groups, repartitions: new Map() })
  }

  #aggregate<A>(
    options: Named,
    plan: StorePlan<K, A>,
    initialize: () => A | null,
    aggregator: (aggregate: A | null, value: V, key: K) => A | null,
    namePrefix = prefix,
  ): KTable<K, A> {
    const { graph } = this.parts
    const name = graph.nameOr(options.name, namePrefix)
    const step = new TableNode<K, A>(true, plan.name)
    const node = new GraphNode(name, (topology, parents) => {
      topology.addProcessor({
        name,
        parents,
        supplier: aggregateOperator(plan.name, initialize, aggregator, step),
      })
      topology.addStateStore(keyValueStoreOf(plan), [name])
    })
    const { parent, sources } = this.partitionedParent(plan.name, plan.isNamed)
    graph.add([parent], node)
    return graph.make.table({ graph, node, name, key: plan.key, value: plan.value, sources, step })
  }

  /**
   * What an aggregation hangs on: the stream itself, or a repartition of it, made now.
   * @internal
   */
  partitionedParent(
    storeName: string,
    isStoreNamed: boolean,
  ): { readonly parent: GraphNode; readonly sources: ReadonlySet<string> } {
    const { graph, node, sources, needsRepartition, key, value, repartitionName } = this.parts
    if (!needsRepartition) return { parent: node, sources }
    const repartition: Repartition<K, V> = {
      key,
      value,
      prefix: repartitionName ?? storeName,
      isNamed: repartitionName !== undefined || isStoreNamed,
    }
    const names = planRepartition(graph, repartition)
    if (!this.#repartition || repartitionName === undefined)
      this.#repartition = repartitionNode(names, repartition)
    graph.add([node], this.#repartition)
    return { parent: this.#repartition, sources: new Set([names.source]) }
  }
}

const prefix = 'KSTREAM-AGGREGATE-'
