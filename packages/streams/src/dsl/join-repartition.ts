import type { Serde } from '../serde.ts'
import type { KStream, StreamParts } from './k-stream.ts'
import { planRepartition, repartitionNode } from './repartition.ts'
import type { GraphNode } from './stream-graph.ts'

/** How one side of a join gets to where its partners are. */
export interface JoinSide<K, V> {
  /** Of the repartition topic, without `-repartition`; undefined where the join has no name: then it is called after the stream. */
  readonly topic: string | undefined
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
}

/** The repartition last made for a join of a stream: one without a name takes it, so that a stream joined twice goes through its topic once. */
const lastMade = new WeakMap<object, { readonly node: GraphNode; readonly source: string }>()

/**
 * A stream whose equal keys lie on one partition: the stream itself, or what comes back from a repartition topic if its key may have
 * changed.
 * @throws StreamsError `MR_STREAMS_ANONYMOUS_STATE` where the topic would have no name of its own
 */
export function partitionedForJoin<K, V>(
  stream: KStream<K, V>,
  side: JoinSide<K, V>,
): StreamParts<K, V> {
  const { parts } = stream
  const key = side.key ?? parts.key
  const value = side.value ?? parts.value
  if (!parts.needsRepartition) return { ...parts, key, value }
  const repartition = {
    key,
    value,
    prefix: side.topic ?? parts.name,
    isNamed: side.topic !== undefined,
  }
  // Takes its numbers whether or not the node is a new one, as Java does.
  const names = planRepartition(parts.graph, repartition)
  let made = repartition.prefix === parts.name ? lastMade.get(stream) : undefined
  if (!made) {
    made = { node: repartitionNode(names, repartition), source: names.source }
    parts.graph.add([parts.node], made.node)
    lastMade.set(stream, made)
  }
  const { node, source } = made
  return {
    graph: parts.graph,
    node,
    name: source,
    key,
    value,
    sources: new Set([source]),
    needsRepartition: false,
  }
}
