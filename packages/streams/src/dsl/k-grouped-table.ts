import { changeSerde } from '../change-serde.ts'
import { tableAggregateOperator, type TableAggregation } from '../operators/table-aggregate.ts'
import { longSerde, required, type Serde } from '../serde.ts'
import type { KTable } from './k-table.ts'
import type { Named, Store } from './options.ts'
import { keyValueStoreOf, planStore, type StorePlan } from './store-plan.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import { TableNode } from './table-node.ts'

export interface GroupedTableParts<K, V> {
  readonly graph: StreamGraph
  readonly node: GraphNode
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  /** Given by the user; of the repartition topic. */
  readonly repartitionName: string | undefined
}

/** Rows of a table by another key. An update takes away what the row was from its group and adds what it is to its new one. */
export class KGroupedTable<K, V> {
  /** @internal */
  readonly parts: GroupedTableParts<K, V>
  /** Shared by all aggregations of a grouping whose repartition topic has a name. */
  #repartition: GraphNode | undefined

  constructor(parts: GroupedTableParts<K, V>) {
    this.parts = parts
  }

  /** How many rows each group has. A group that lost its last row stays, with 0. */
  count(options: Named & { readonly store?: Store<K, number> } = {}): KTable<K, number> {
    const inherited = { key: this.parts.key, value: longSerde }
    const plan = planStore(this.parts.graph, prefix, options.store, inherited)
    const add = (count: number | null): number => (count ?? 0) + 1
    const subtract = (count: number): number => count - 1
    return this.#aggregate(options, plan, { initialize: () => 0, add, subtract }, prefix)
  }

  /**
   * A group's values made one. The first is taken as it is; null from either function deletes the group's value.
   * @param adder with the value of a row that came into the group
   * @param subtractor with the value of a row that left it
   */
  reduce(
    adder: (reduced: V, value: V, key: K) => V | null,
    subtractor: (reduced: V, value: V, key: K) => V | null,
    options: Named & { readonly store?: Store<K, V> } = {},
  ): KTable<K, V> {
    const plan = planStore(this.parts.graph, prefix, options.store, this.parts)
    const aggregation: TableAggregation<K, V, V> = {
      initialize: () => null,
      add: (reduced, value, key) => (reduced === null ? value : adder(reduced, value, key)),
      subtract: subtractor,
    }
    return this.#aggregate(options, plan, aggregation, 'KTABLE-REDUCE-')
  }

  /** As `reduce`, with a result of another type, which `initialize` begins. */
  aggregate<A>(
    initialize: () => A,
    adder: (aggregate: A, value: V, key: K) => A | null,
    subtractor: (aggregate: A, value: V, key: K) => A | null,
    options: Named & { readonly store?: Store<K, A> } = {},
  ): KTable<K, A> {
    const plan = planStore<K, A>(this.parts.graph, prefix, options.store, { key: this.parts.key })
    const add = adder as (aggregate: A | null, value: V, key: K) => A | null
    return this.#aggregate(options, plan, { initialize, add, subtract: subtractor }, prefix)
  }

  #aggregate<A>(
    options: Named,
    plan: StorePlan<K, A>,
    aggregation: TableAggregation<K, V, A>,
    namePrefix: string,
  ): KTable<K, A> {
    const { graph, node } = this.parts
    const suffixed = (suffix: string): string | undefined => options.name && options.name + suffix
    const sink = graph.nameOr(suffixed('-sink'), 'KSTREAM-SINK-')
    const source = graph.nameOr(suffixed('-source'), 'KSTREAM-SOURCE-')
    const name = graph.nameOr(options.name, namePrefix)
    const repartition = this.#repartitionNode(sink, source, plan)
    graph.add([node], repartition)
    const step = new TableNode<K, A>(true, plan.name)
    const aggregated = new GraphNode(name, (topology, parents) => {
      topology.addProcessor({
        name,
        parents,
        supplier: tableAggregateOperator(plan.name, aggregation, step),
      })
      topology.addStateStore(keyValueStoreOf(plan), [name])
    })
    graph.add([repartition], aggregated)
    const { key, value } = plan
    const sources = new Set([repartition.name])
    return graph.make.table({ graph, node: aggregated, name, key, value, sources, step })
  }

  #repartitionNode(sink: string, source: string, plan: StorePlan<K, unknown>): GraphNode {
    const { graph, repartitionName, key, value } = this.parts
    if (this.#repartition && repartitionName !== undefined) return this.#repartition
    const topic = `${repartitionName ?? plan.name}-repartition`
    if (repartitionName === undefined && !plan.isNamed)
      graph.refuseAnonymous('repartition topic', topic, 'name')
    this.#repartition = new GraphNode(source, (topology, parents) => {
      const serdes = {
        key: required(key, 'key', topic) as Serde<unknown>,
        value: changeSerde(required(value, 'value', topic)) as Serde<unknown>,
      }
      topology.addInternalTopic({ name: topic, partitions: undefined })
      topology.addSink({
        name: sink,
        parents,
        topic,
        ...serdes,
        partitioner: undefined,
        isInternal: true,
      })
      topology.addSource({
        name: source,
        topics: [topic],
        ...serdes,
        timestampExtractor: undefined,
        offsetReset: 'earliest',
        isInternal: true,
        isGlobal: false,
      })
    })
    return this.#repartition
  }
}

const prefix = 'KTABLE-AGGREGATE-'
