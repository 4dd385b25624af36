import {
  joinedView,
  tableJoinMergeOperator,
  tableJoinOperator,
  type TableJoinSide,
} from '../operators/table-join.ts'
import type { Serde } from '../serde.ts'
import type { KTable, TableParts } from './k-table.ts'
import type { Named, Store } from './options.ts'
import { keyValueStoreOf, planStore } from './store-plan.ts'
import { GraphNode } from './stream-graph.ts'
import { JoinedTableNode } from './table-node.ts'

/** How the result of a join is named and kept. */
export interface TableJoinOptions<K, V> extends Named {
  /** Keeps the result; without it, it is computed where it is looked up. */
  readonly store?: Store<K, V>
  /** Of the result; that of the store where it has one. */
  readonly value?: Serde<V>
}

type Joiner<K, V, VOther, VOut> = (left: V | null, right: VOther | null, key: K) => VOut | null

/**
 * Two processors, one for the changes of each table, and one that takes both their results. Each side looks the other up, so both tables
 * get a store if what they are computed from has none.
 */
export function joinTables<K, V, VOther, VOut>(
  left: TableParts<K, V>,
  right: TableParts<K, VOther>,
  joiner: Joiner<K, V, VOther, VOut>,
  kind: 'inner' | 'left' | 'outer',
  options: TableJoinOptions<K, VOut>,
): KTable<K, VOut> {
  const { graph } = left
  const inherited = { key: left.key, value: options.value }
  const plan =
    options.store === undefined
      ? undefined
      : planStore(graph, 'KTABLE-MERGE-', options.store, inherited)
  const name = graph.nameOr(options.name, 'KTABLE-MERGE-')
  const suffixed = (suffix: string): string | undefined => options.name && options.name + suffix
  const thisName = graph.nameOr(suffixed('-join-this'), 'KTABLE-JOINTHIS-')
  const otherName = graph.nameOr(suffixed('-join-other'), 'KTABLE-JOINOTHER-')
  // Whether a deleted row had a result shows only in what it was.
  if (kind !== 'inner') left.step.sendOldValues(true)
  if (kind === 'outer') right.step.sendOldValues(true)
  const [leftSide, rightSide] = sidesOf(left, right, joiner, kind)
  const joined = joinedView(left.step.view(), leftSide)
  const step = new JoinedTableNode<K, VOut>([left.step, right.step], plan?.name, joined)
  const sources = left.sources.union(right.sources)
  const node = new GraphNode(name, (topology) => {
    topology.addProcessor({
      name: thisName,
      parents: [left.name],
      supplier: tableJoinOperator(leftSide, step),
    })
    topology.addProcessor({
      name: otherName,
      parents: [right.name],
      supplier: tableJoinOperator(rightSide, step),
    })
    topology.addProcessor({
      name,
      parents: [thisName, otherName],
      supplier: tableJoinMergeOperator(plan?.name, step),
    })
    if (plan) topology.addStateStore(keyValueStoreOf(plan), [name])
    topology.connectProcessorAndStores(thisName, leftSide.other.stores)
    topology.connectProcessorAndStores(otherName, rightSide.other.stores)
    topology.addCopartitioned([...sources])
  })
  graph.add([left.node, right.node], node)
  const { key, value } = plan ?? inherited
  return graph.make.table({ graph, node, name, key, value, sources, step })
}

function sidesOf<K, V, VOther, VOut>(
  left: TableParts<K, V>,
  right: TableParts<K, VOther>,
  joiner: Joiner<K, V, VOther, VOut>,
  kind: 'inner' | 'left' | 'outer',
): [TableJoinSide<K, V, VOther, VOut>, TableJoinSide<K, VOther, V, VOut>] {
  const isLeftRequired = kind !== 'outer'
  const isRightRequired = kind === 'inner'
  return [
    {
      other: right.step.view(),
      joiner,
      isRequired: isLeftRequired,
      isOtherRequired: isRightRequired,
    },
    {
      other: left.step.view(),
      joiner: (value, other, key) => joiner(other, value, key),
      isRequired: isRightRequired,
      isOtherRequired: isLeftRequired,
    },
  ]
}
