import { toStreamOperator } from '../operators/table.ts'
import type { Serde } from '../serde.ts'
import type { KStream } from './k-stream.ts'
import type { Named } from './options.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import type { UpstreamTable } from './table-node.ts'

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

/** For each key its latest value; null where it has none. */
export class KTable<K, V> {
  /** @internal */
  readonly parts: TableParts<K, V>

  constructor(parts: TableParts<K, V>) {
    this.parts = parts
  }

  /** The table's updates as a stream of records; a deletion is a record with value null. */
  toStream(options: Named = {}): KStream<K, V> {
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
}
