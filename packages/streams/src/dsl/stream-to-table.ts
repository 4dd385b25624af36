import { tableSourceOperator } from '../operators/table.ts'
import type { KStream } from './k-stream.ts'
import type { KTable } from './k-table.ts'
import type { Named, Store } from './options.ts'
import { planRepartition, repartitionNode } from './repartition.ts'
import { keyValueStoreOf, planStore, refuseUnnamed } from './store-plan.ts'
import { GraphNode } from './stream-graph.ts'
import { TableNode } from './table-node.ts'

/** A stream's latest value for each key; through a repartition topic first if its key may have changed. */
export function streamToTable<K, V>(
  stream: KStream<K, V>,
  options: Named & { readonly store?: Store<K, V> },
): KTable<K, V> {
  const { graph, needsRepartition } = stream.parts
  const name = graph.nameOr(options.name, 'KSTREAM-TOTABLE-')
  const plan = planStore(graph, 'KSTREAM-TOTABLE-', options.store, stream.parts, 'later')
  const { key, value } = plan
  let { node: parent, sources } = stream.parts
  if (needsRepartition) {
    const isNamed = options.name !== undefined
    const repartition = { key, value, prefix: name, isNamed }
    const names = planRepartition(graph, repartition)
    parent = repartitionNode(names, repartition)
    graph.add([stream.parts.node], parent)
    sources = new Set([names.source])
  }
  const step = new TableNode<K, V>(plan.isNamed, plan.name, () => refuseUnnamed(graph, plan))
  const node = new GraphNode(name, (topology, parents) => {
    const storeName = step.isMaterialized ? plan.name : undefined
    topology.addProcessor({ name, parents, supplier: tableSourceOperator(() => storeName, step) })
    if (step.isMaterialized) topology.addStateStore(keyValueStoreOf(plan), [name])
  })
  graph.add([parent], node)
  return graph.make.table({ graph, node, name, key, value, sources, step })
}
