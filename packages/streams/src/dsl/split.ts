import { StreamsError } from '../errors.ts'
import { branchOperator } from '../operators/branch.ts'
import { mergeOperator } from '../operators/peek.ts'
import type { KStream } from './k-stream.ts'
import type { Named } from './options.ts'
import { GraphNode } from './stream-graph.ts'

export type Branches<K, V> = Readonly<Record<string, (value: V, key: K) => boolean>>

export interface SplitOptions<B, Rest extends string> extends Named {
  /** By name, in the order in which they are asked; a record goes to the first that takes it. */
  readonly branches: B
  /** The branch of records that no other takes; without it they are left out, and not counted as dropped (trap 29). */
  readonly default?: Rest
}

/** Streams by the names of their branches; where a predicate narrows the value's type, the branch has that type. */
export type SplitStreams<K, V, B, Rest extends string> = {
  readonly [Name in keyof B]: KStream<K, BranchValue<V, B[Name]>>
} & { readonly [Name in Rest]: KStream<K, V> }

type BranchValue<V, Predicate> = Predicate extends ((
  value: V,
  ...rest: never[]
) => value is infer Narrowed extends V)
  ? Narrowed
  : V

/**
 * The node that splits and one per branch, whose names are the splitter's with the branch's behind it, as Java's `Branched.as` makes them.
 * @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` for names that JavaScript would put in another order, or that are there twice
 */
export function splitStream<K, V, B extends Branches<K, V>, Rest extends string>(
  { parts }: KStream<K, V>,
  { name, branches, default: rest }: SplitOptions<B, Rest>,
): SplitStreams<K, V, B, Rest> {
  const { graph, node } = parts
  const splitter = graph.nameOr(name, 'KSTREAM-BRANCH-')
  const all = Object.entries<(value: V, key: K) => boolean>(branches)
  if (rest !== undefined) all.push([rest, () => true])
  checkNames(splitter, all)
  const supplier = branchOperator(
    all.map(([branch, predicate]) => ({ child: splitter + branch, predicate })),
  )
  const split = new GraphNode(splitter, (topology, parents) => {
    topology.addProcessor({ name: splitter, parents, supplier })
  })
  graph.add([node], split)
  const streams = all.map(([branch]) => {
    const child = splitter + branch
    // Java takes a number per branch and does not show it.
    graph.newProcessorName('')
    const inlet = new GraphNode(child, (topology, parents) => {
      topology.addProcessor({ name: child, parents, supplier: mergeOperator() })
    })
    graph.add([split], inlet)
    return [branch, graph.make.stream({ ...parts, node: inlet, name: child })]
  })
  return Object.fromEntries(streams) as SplitStreams<K, V, B, Rest>
}

function checkNames(splitter: string, branches: readonly (readonly [string, unknown])[]): void {
  const names = branches.map(([name]) => name)
  const bad = names.find((name, at) => /^\d+$/.test(name) || names.indexOf(name) !== at)
  if (bad === undefined && names.length > 0) return
  throw new StreamsError(
    'MR_STREAMS_BAD_TOPOLOGY',
    bad === undefined
      ? `"${splitter}" splits into no branches; name at least one.`
      : `"${splitter}" cannot have a branch "${bad}": each needs a name of its own that is not a number, since JavaScript would put those first.`,
    { splitter, branch: bad },
  )
}
