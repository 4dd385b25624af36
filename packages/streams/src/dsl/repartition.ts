import { filterOperator } from '../operators/filter.ts'
import { required, type Serde } from '../serde.ts'
import type { StreamPartitioner } from '../topology/topology.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'

export interface Repartition<K, V> {
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  /** Of the topic, without `-repartition`. */
  readonly prefix: string
  readonly isNamed: boolean
  readonly partitioner?: StreamPartitioner<K, V> | undefined
  readonly partitions?: number | undefined
}

/** A name as the graph makes it. */
const generated = /KSTREAM.*-\d{10}/

/** Names of the three nodes of a repartition; takes three numbers whether or not they are shown. */
export function planRepartition<K, V>(graph: StreamGraph, repartition: Repartition<K, V>) {
  const { prefix } = repartition
  const topic = prefix.endsWith('-repartition') ? prefix : `${prefix}-repartition`
  if (!repartition.isNamed) graph.refuseAnonymous('repartition topic', topic, 'name')
  const sink = graph.newProcessorName('KSTREAM-SINK-')
  const filter = graph.newProcessorName('KSTREAM-FILTER-')
  const source = graph.newProcessorName('KSTREAM-SOURCE-')
  return new RegExp(`^(?:${generated.source})$`).test(prefix)
    ? { topic, sink, filter, source }
    : { topic, sink: `${topic}-sink`, filter: `${topic}-filter`, source: `${topic}-source` }
}

/** The node that sends records through a topic of the application's own, so that equal keys meet on one partition. */
export function repartitionNode<K, V>(
  names: ReturnType<typeof planRepartition>,
  repartition: Repartition<K, V>,
): GraphNode {
  const { topic, filter, sink, source } = names
  const node: GraphNode = new GraphNode(source, (topology, parents) => {
    const key = required(repartition.key, 'key', topic) as Serde<unknown>
    const value = required(repartition.value, 'value', topic) as Serde<unknown>
    topology.addInternalTopic({ name: topic, partitions: repartition.partitions })
    // Records without a key meet nobody there: they are left out and not counted (trap 33), unless a left or outer join comes after it.
    const keep = node.feedsNullKeyJoin ? () => true : (_: unknown, each: unknown) => each !== null
    topology.addProcessor({ name: filter, parents, supplier: filterOperator(keep) })
    topology.addSink({
      name: sink,
      parents: [filter],
      topic,
      key,
      value,
      partitioner: repartition.partitioner as StreamPartitioner | undefined,
      isInternal: true,
    })
    topology.addSource({
      name: source,
      topics: [topic],
      key,
      value,
      timestampExtractor: undefined,
      offsetReset: 'earliest',
      isInternal: true,
      isGlobal: false,
    })
  })
  return node
}
