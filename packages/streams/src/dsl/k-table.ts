import { tableFilterOperator } from '../operators/table-filter.ts'
import { tableMapValuesOperator } from '../operators/table-map-values.ts'
import { tableRepartitionOperator, type GroupSelector } from '../operators/table-repartition.ts'
import { filteredView, mappedView } from '../operators/table-view.ts'
import { toStreamOperator } from '../operators/table.ts'
import type { OperatorSupplier } from '../operator.ts'
import { required, type Serde } from '../serde.ts'
import { joinByForeignKey, type ForeignKeyJoinOptions } from './foreign-key-join.ts'
import type { KGroupedTable } from './k-grouped-table.ts'
import type { KStream } from './k-stream.ts'
import type { GroupedOptions, Named, Store } from './options.ts'
import { keyValueStoreOf, planDerivedStore, type DerivedStorePlan } from './store-plan.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import { suppressTable, type Suppression } from './suppression.ts'
import { joinTables, type TableJoinOptions } from './table-join.ts'
import { DerivedTableNode, type UpstreamTable } from './table-node.ts'

/** What a table is made of. */
export interface TableParts<K, V> {
  readonly graph: StreamGraph
  readonly node: GraphNode
  readonly name: string
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  /** Sources its records come from: they have to be partitioned alike where it is joined. */
  readonly sources: ReadonlySet<string>
  readonly step: UpstreamTable<K, V>
}

/** Options of a step whose table may be kept: with a store that has a name it is, and can be queried; without one it is computed. */
export interface DerivedTableOptions<K, V> extends Named {
  readonly store?: Store<K, V>
}

/** Another key for the records of a table's updates, and how it is written where the steps after it have to. */
export interface KeySelection<K, V, KOut> {
  readonly selectKey: (value: V | null, key: K) => KOut
  readonly key?: Serde<KOut>
}

/**
 * For each key its latest value; null where it has none. A table made from another one keeps nothing itself unless it is given a store:
 * where its values are needed later, they are computed from those of the table before it.
 */
export class KTable<K, V> {
  /** @internal */
  readonly parts: TableParts<K, V>

  constructor(parts: TableParts<K, V>) {
    this.parts = parts
  }

  /** Rows whose value the predicate takes. A value that it does not take is a deletion to what comes after. */
  filter<VOut extends V>(
    predicate: (value: V, key: K) => value is VOut,
    options?: DerivedTableOptions<K, VOut>,
  ): KTable<K, VOut>
  filter(
    predicate: (value: V, key: K) => boolean,
    options?: DerivedTableOptions<K, V>,
  ): KTable<K, V>
  filter(
    predicate: (value: V, key: K) => boolean,
    options: DerivedTableOptions<K, V> = {},
  ): KTable<K, V> {
    const { graph, step: parent } = this.parts
    const plan = planDerivedStore(graph, 'KTABLE-FILTER-', options.store, this.parts)
    const step = new DerivedTableNode(parent, plan.name, (view) => filteredView(view, predicate))
    step.useOldValuesOfParent()
    const operator = (): OperatorSupplier => tableFilterOperator(predicate, plan.name, step)
    return this.#derived('KTABLE-FILTER-', options, plan, step, operator)
  }

  filterNot(
    predicate: (value: V, key: K) => boolean,
    options: DerivedTableOptions<K, V> = {},
  ): KTable<K, V> {
    return this.filter((value, key) => !predicate(value, key), options)
  }

  /** Another value for each row; null takes the row out. With `value`, or that of the store, steps after it know how to write it. */
  mapValues<VOut>(
    mapper: (value: V, key: K) => VOut | null,
    options: DerivedTableOptions<K, VOut> & { readonly value?: Serde<VOut> } = {},
  ): KTable<K, VOut> {
    const { graph, step: parent, key } = this.parts
    const plan = planDerivedStore(graph, 'KTABLE-MAPVALUES-', options.store, {
      key,
      value: options.value,
    })
    const step = new DerivedTableNode(parent, plan.name, (view) => mappedView(view, mapper))
    const operator = (): OperatorSupplier => tableMapValuesOperator(mapper, plan.name, step)
    return this.#derived('KTABLE-MAPVALUES-', options, plan, step, operator)
  }

  /**
   * Holds updates back: until the window they belong to closes, or for a time; of several of one key the last one goes on. Time is what the
   * records bring: without a record nothing is due.
   */
  suppress(suppression: Suppression<K>, options: Named = {}): KTable<K, V> {
    return suppressTable(this.parts, suppression, options)
  }

  /**
   * The table's updates as a stream of records; a deletion is a record with value null. With `selectKey` the records get another key, as
   * after `toStream().selectKey(…)`.
   */
  toStream(options?: Named): KStream<K, V>
  toStream<KOut>(options: Named & KeySelection<K, V, KOut>): KStream<KOut, V>
  toStream<KOut>(
    options: Named & Partial<KeySelection<K, V, KOut>> = {},
  ): KStream<K, V> | KStream<KOut, V> {
    const stream = this.#toStream(options)
    const { selectKey, key } = options
    return selectKey ? stream.selectKey(selectKey, key ? { key } : {}) : stream
  }

  /**
   * Groups rows by another key, each with the value that its group gets. A row for which the selector returns null, or a null among the
   * two, is in no group.
   */
  groupBy<KOut, VOut>(
    selector: GroupSelector<K, V, KOut, VOut>,
    options: GroupedOptions<KOut, VOut> = {},
  ): KGroupedTable<KOut, VOut> {
    const { graph, node, step } = this.parts
    const name = graph.nameOr(options.name, 'KTABLE-SELECT-')
    const grouping = new GraphNode(name, (topology, parents) => {
      const key = required(options.key, 'key', name)
      const isSame = (left: KOut, right: KOut): boolean =>
        left === right || key.serialize(left).equals(key.serialize(right))
      topology.addProcessor({ name, parents, supplier: tableRepartitionOperator(selector, isSame) })
    })
    graph.add([node], grouping)
    step.sendOldValues(true)
    return graph.make.groupedTable({
      graph,
      node: grouping,
      key: options.key,
      value: options.value,
      repartitionName: options.name,
    })
  }

  /** Rows that both tables have a value for, joined; updated with either table. */
  join<VOther, VOut>(
    other: KTable<K, VOther>,
    joiner: (value: V, other: VOther, key: K) => VOut | null,
    options: TableJoinOptions<K, VOut> = {},
  ): KTable<K, VOut> {
    return joinTables(
      this.parts,
      other.parts,
      joiner as (left: V | null, right: VOther | null, key: K) => VOut | null,
      'inner',
      options,
    )
  }

  /** Rows of this table, joined with what the other has, or with null. */
  leftJoin<VOther, VOut>(
    other: KTable<K, VOther>,
    joiner: (value: V, other: VOther | null, key: K) => VOut | null,
    options: TableJoinOptions<K, VOut> = {},
  ): KTable<K, VOut> {
    return joinTables(
      this.parts,
      other.parts,
      joiner as (left: V | null, right: VOther | null, key: K) => VOut | null,
      'left',
      options,
    )
  }

  /**
   * Rows joined with the row of another table that they name: updated with either. A row for which the extractor returns null names none, and
   * has no result. `name` also names the topics and the store that it takes.
   */
  joinByForeignKey<KForeign, VForeign, VOut>(
    other: KTable<KForeign, VForeign>,
    foreignKeyOf: (value: V, key: K) => KForeign | null,
    joiner: (value: V, foreignValue: VForeign, key: K) => VOut | null,
    options: ForeignKeyJoinOptions<K, KForeign, VOut> = {},
  ): KTable<K, VOut> {
    const join = joiner as (value: V | null, foreignValue: VForeign | null, key: K) => VOut | null
    const [left, right] = [this.parts, other.parts]
    return joinByForeignKey({ left, right, foreignKeyOf, joiner: join, isLeft: false, options })
  }

  /** As `joinByForeignKey`; rows that name none, or one that is not there, are joined with null. */
  leftJoinByForeignKey<KForeign, VForeign, VOut>(
    other: KTable<KForeign, VForeign>,
    foreignKeyOf: (value: V, key: K) => KForeign | null,
    joiner: (value: V, foreignValue: VForeign | null, key: K) => VOut | null,
    options: ForeignKeyJoinOptions<K, KForeign, VOut> = {},
  ): KTable<K, VOut> {
    const join = joiner as (value: V | null, foreignValue: VForeign | null, key: K) => VOut | null
    const [left, right] = [this.parts, other.parts]
    return joinByForeignKey({ left, right, foreignKeyOf, joiner: join, isLeft: true, options })
  }

  /** Rows that either table has a value for; where the other has none, its side is null. */
  outerJoin<VOther, VOut>(
    other: KTable<K, VOther>,
    joiner: (value: V | null, other: VOther | null, key: K) => VOut | null,
    options: TableJoinOptions<K, VOut> = {},
  ): KTable<K, VOut> {
    return joinTables(this.parts, other.parts, joiner, 'outer', options)
  }

  #toStream(options: Named): KStream<K, V> {
    const { graph, node, key, value, sources } = this.parts
    const name = graph.nameOr(options.name, 'KTABLE-TOSTREAM-')
    const step = new GraphNode(name, (topology, parents) => {
      topology.addProcessor({ name, parents, supplier: toStreamOperator() })
    })
    graph.add([node], step)
    return graph.make.stream({
      graph,
      node: step,
      name,
      key,
      value,
      sources,
      needsRepartition: false,
    })
  }

  #derived<VOut>(
    prefix: string,
    options: Named,
    plan: DerivedStorePlan<K, VOut>,
    step: UpstreamTable<K, VOut>,
    operator: () => OperatorSupplier,
  ): KTable<K, VOut> {
    const { graph, node, sources } = this.parts
    const name = graph.nameOr(options.name, prefix)
    const derived = new GraphNode(name, (topology, parents) => {
      topology.addProcessor({ name, parents, supplier: operator() })
      if (plan.store) topology.addStateStore(keyValueStoreOf(plan.store), [name])
    })
    graph.add([node], derived)
    const { key, value } = plan
    return graph.make.table({ graph, node: derived, name, key, value, sources, step })
  }
}
