import type { JoinSideName } from '../state/unmatched-store.ts'
import { mergeOperator } from '../operators/peek.ts'
import type { KStream, StreamParts } from './k-stream.ts'
import { GraphNode } from './stream-graph.ts'

/** Streams of records that a join leaves out, by the side they came from: each function is given one. */
export interface JoinSideOutputs<K, L, R> {
  readonly left?: (records: KStream<K, L>) => void
  readonly right?: (records: KStream<K, R>) => void
}

/** What of a join goes to streams of its own. With any of it, the join's grace is a gate. */
export interface JoinOutputs<K, L, R> {
  /**
   * Records that were joined with none, each once, when their window and the grace are over, which a later record shows; with their own
   * timestamp, without headers. In a left or outer join they give their result with null as well.
   * @experimental
   */
  readonly unmatched?: JoinSideOutputs<K, L, R>
  /**
   * Records that came when their window and the grace were over: they are joined with none and counted as dropped.
   * @experimental
   */
  readonly late?: JoinSideOutputs<K, L, R>
}

export interface SideNames {
  readonly unmatched: Readonly<Record<JoinSideName, string | undefined>>
  readonly late: Readonly<Record<JoinSideName, string | undefined>>
}

/** Names of the nodes behind a join that give on what it leaves out; undefined where nothing is asked for. */
export function sideNames<K, L, R>(
  name: string,
  { unmatched, late }: JoinOutputs<K, L, R>,
): SideNames | undefined {
  if (!unmatched && !late) return undefined
  const of = (what: 'unmatched' | 'late', side: JoinSideName): string | undefined =>
    (what === 'unmatched' ? unmatched : late)?.[side] && `${name}-${what}-${side}`
  return {
    unmatched: { left: of('unmatched', 'left'), right: of('unmatched', 'right') },
    late: { left: of('late', 'left'), right: of('late', 'right') },
  }
}

/** A join as far as its side outputs see it. */
export interface JoinOfSides<K, L, R> {
  readonly node: GraphNode
  readonly sides: SideNames
  /** Names of the two nodes that join. */
  readonly joins: Readonly<Record<JoinSideName, string>>
  readonly left: StreamParts<K, L>
  readonly right: StreamParts<K, R>
  readonly sources: ReadonlySet<string>
}

/** Adds the streams of what a join leaves out, and gives them to whom they are for. */
export function addSideOutputs<K, L, R>(
  join: JoinOfSides<K, L, R>,
  { unmatched, late }: JoinOutputs<K, L, R>,
): void {
  const { sides, joins, left, right } = join
  const both = [joins.left, joins.right]
  // A row is given up by the side whose record shows that its time is over.
  addSide(join, sides.unmatched.left, both, left, unmatched?.left)
  addSide(join, sides.unmatched.right, both, right, unmatched?.right)
  addSide(join, sides.late.left, [joins.left], left, late?.left)
  addSide(join, sides.late.right, [joins.right], right, late?.right)
}

function addSide<K, V>(
  { node, sources }: Pick<JoinOfSides<K, never, never>, 'node' | 'sources'>,
  name: string | undefined,
  parents: readonly string[],
  { graph, key, value }: StreamParts<K, V>,
  take: ((records: KStream<K, V>) => void) | undefined,
): void {
  if (name === undefined || !take) return
  const side = new GraphNode(name, (topology) => {
    topology.addProcessor({ name, parents, supplier: mergeOperator() })
  })
  graph.add([node], side)
  take(graph.make.stream({ graph, node: side, name, key, value, sources, needsRepartition: false }))
}
