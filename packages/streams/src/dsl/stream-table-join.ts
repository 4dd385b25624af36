import { streamTableJoinOperator, type StreamTableJoin } from '../operators/stream-table-join.ts'
import type { Serde } from '../serde.ts'
import type { GlobalKTable } from './global-table.ts'
import { partitionedForJoin } from './join-repartition.ts'
import type { KStream } from './k-stream.ts'
import type { KTable } from './k-table.ts'
import type { Named } from './options.ts'
import { GraphNode } from './stream-graph.ts'

/** How a stream is joined with a table. `name` also names the repartition topic that the stream goes through if its key may have changed. */
export interface StreamTableJoinOptions<K, V, VOut> extends Named {
  readonly key?: Serde<K>
  /** Of the stream's values, for the repartition topic. */
  readonly leftValue?: Serde<V>
  /** Of the result. */
  readonly value?: Serde<VOut>
}

/** A stream with a table of the same partitions, by key. */
export function joinStreamWithTable<K, V, VTable, VOut>(
  stream: KStream<K, V>,
  table: KTable<K, VTable>,
  joiner: (value: V, tableValue: VTable | null, key: K) => VOut,
  isLeft: boolean,
  options: StreamTableJoinOptions<K, V, VOut>,
): KStream<K, VOut> {
  const { graph, node, key, sources } = partitionedForJoin(stream, {
    topic: options.name,
    key: options.key,
    value: options.leftValue,
  })
  const name = graph.nameOr(options.name, isLeft ? 'KSTREAM-LEFTJOIN-' : 'KSTREAM-JOIN-')
  const view = table.parts.step.view()
  const allSources = sources.union(table.parts.sources)
  const join: StreamTableJoin<K, V, K, VTable> = {
    table: view,
    keyOf: (_, each) => each,
    joiner,
    isLeft,
  }
  const joined = new GraphNode(
    name,
    (topology, parents) => {
      topology.addProcessor({ name, parents, supplier: streamTableJoinOperator(join) })
      topology.connectProcessorAndStores(name, view.stores)
      topology.addCopartitioned([...allSources])
    },
    { joinsNullKeys: isLeft },
  )
  graph.add([node], joined)
  return graph.make.stream({
    graph,
    node: joined,
    name,
    key,
    value: options.value,
    sources: allSources,
    needsRepartition: false,
  })
}

/** A stream with a table that every instance has whole, by any key. */
export function joinStreamWithGlobalTable<K, V, KGlobal, VGlobal, VOut>(
  stream: KStream<K, V>,
  table: GlobalKTable<KGlobal, VGlobal>,
  keyOf: (value: V, key: K) => KGlobal | null,
  joiner: (value: V, globalValue: VGlobal | null, key: K) => VOut,
  isLeft: boolean,
  options: GlobalJoinOptions<VOut>,
): KStream<K, VOut> {
  const { graph, node, key, sources, needsRepartition } = stream.parts
  // Java calls the inner join so too.
  const name = graph.nameOr(options.name, 'KSTREAM-LEFTJOIN-')
  const join: StreamTableJoin<K, V, KGlobal, VGlobal> = {
    table: table.parts.view,
    keyOf,
    joiner,
    isLeft,
  }
  const joined = new GraphNode(
    name,
    (topology, parents) =>
      void topology.addProcessor({ name, parents, supplier: streamTableJoinOperator(join) }),
    { joinsNullKeys: isLeft },
  )
  graph.add([node], joined)
  return graph.make.stream({
    graph,
    node: joined,
    name,
    key,
    value: options.value,
    sources,
    needsRepartition,
  })
}

export interface GlobalJoinOptions<VOut> extends Named {
  /** Of the result. */
  readonly value?: Serde<VOut>
}
