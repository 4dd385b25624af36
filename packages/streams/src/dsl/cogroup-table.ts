import { StreamsError } from '../errors.ts'
import { mergeOperator } from '../operators/peek.ts'
import type { OperatorSupplier } from '../operator.ts'
import type { StoreBuilder } from '../state/store.ts'
import type { Serde } from '../serde.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KTable } from './k-table.ts'
import type { Named } from './options.ts'
import { planRepartition, repartitionNode } from './repartition.ts'
import type { StorePlan } from './store-plan.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import type { UpstreamTable } from './table-node.ts'

/** Adds a record of one of the streams to what a key has. */
export type CogroupAggregator<K, A> = (aggregate: A | null, value: unknown, key: K) => A | null

/** Streams that are aggregated together, each with its own function. */
export interface Cogroup<K, A> {
  readonly graph: StreamGraph
  readonly groups: ReadonlyMap<KGroupedStream<K, unknown>, CogroupAggregator<K, A>>
  /** Repartitions that an aggregation of the same cogroup made: the next one takes them too, though it uses up numbers for its own. */
  readonly repartitions: Map<object, { readonly node: GraphNode; readonly source: string }>
}

/** How one aggregation of a cogroup differs from another. */
export interface CogroupTable<K, A, KOut> {
  readonly plan: StorePlan<K, A>
  /** Makes the store that all streams share; called once. */
  readonly store: () => StoreBuilder
  readonly supplier: (aggregator: CogroupAggregator<K, A>) => OperatorSupplier
  readonly key: Serde<KOut> | undefined
  readonly step: UpstreamTable<KOut, A>
  /** How late a record may come, ms; undefined where there are no windows. */
  readonly graceMs?: number
}

/** @see Kafka Streams `CogroupedStreamAggregateBuilder` */
export function cogroupTable<K, A, KOut>(
  cogroup: Cogroup<K, A>,
  { plan, store, supplier, key, step, graceMs }: CogroupTable<K, A, KOut>,
  options: Named,
): KTable<KOut, A> {
  const { graph, groups } = cogroup
  const inputs = [...groups].map(([grouped, aggregator]) => ({
    aggregator,
    ...partitioned(cogroup, grouped, plan),
  }))
  const given = (prefix: string, suffix: string): string =>
    graph.nameOr(options.name === undefined ? undefined : `${options.name}${suffix}`, prefix)
  let builder: StoreBuilder | undefined
  const nodes = inputs.map(({ aggregator, node: parent }, index) => {
    const name = given('COGROUPKSTREAM-AGGREGATE-', `-cogroup-agg-${index}`)
    const node = new GraphNode(
      name,
      (topology, parents) => {
        topology.addProcessor({ name, parents, supplier: supplier(aggregator) })
        topology.addStateStore((builder ??= store()), [name])
      },
      graceMs === undefined ? {} : { graceMs },
    )
    graph.add([parent], node)
    return node
  })
  const sources = inputs.reduce<ReadonlySet<string>>(
    (all, each) => all.union(each.sources),
    new Set(),
  )
  const name = given('COGROUPKSTREAM-MERGE-', '-cogroup-merge')
  const merge = new GraphNode(name, (topology, parents) => {
    topology.addProcessor({ name, parents, supplier: mergeOperator() })
    topology.addCopartitioned([...sources])
  })
  graph.add(nodes, merge)
  return graph.make.table({ graph, node: merge, name, key, value: plan.value, sources, step })
}

/** A stream of the cogroup, or what comes back from its repartition topic. */
function partitioned<K, A>(
  { graph, repartitions }: Cogroup<K, A>,
  grouped: KGroupedStream<K, unknown>,
  plan: StorePlan<K, A>,
): { readonly node: GraphNode; readonly sources: ReadonlySet<string> } {
  const { node, sources, needsRepartition, key, value, repartitionName } = grouped.parts
  if (!needsRepartition) return { node, sources }
  const repartition = {
    key,
    value,
    prefix: repartitionName ?? plan.name,
    isNamed: repartitionName !== undefined || plan.isNamed,
  }
  const names = planRepartition(graph, repartition)
  let made = repartitions.get(grouped)
  if (!made) {
    made = { node: repartitionNode(names, repartition), source: names.source }
    graph.add([node], made.node)
    repartitions.set(grouped, made)
  }
  return { node: made.node, sources: new Set([made.source]) }
}

/** @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where the streams are not of one builder */
export function checkSameBuilder(left: StreamGraph, right: StreamGraph): void {
  if (left === right) return
  throw new StreamsError(
    'MR_STREAMS_BAD_TOPOLOGY',
    'Streams of two StreamsBuilders cannot be grouped together. Make them with one.',
  )
}
