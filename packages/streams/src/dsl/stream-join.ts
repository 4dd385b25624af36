import { StreamsError } from '../errors.ts'
import { sharedJoinTime } from '../operators/join-time.ts'
import { joinWindowOperator } from '../operators/join-window.ts'
import { gatedStreamJoinOperator, sharedGatedJoinTime } from '../operators/gated-stream-join.ts'
import { streamJoinOperator, type StreamJoiner } from '../operators/stream-join.ts'
import { mergeOperator } from '../operators/peek.ts'
import type { JoinWindows } from '../join-windows.ts'
import type { OperatorSupplier } from '../operator.ts'
import { required, type Serde } from '../serde.ts'
import { joinWindowStore } from '../state/join-window-store.ts'
import type { StoreBuilder } from '../state/store.ts'
import { unmatchedStore } from '../state/unmatched-store.ts'
import type { Topology } from '../topology/topology.ts'
import { partitionedForJoin } from './join-repartition.ts'
import type { KStream, StreamParts } from './k-stream.ts'
import { addSideOutputs, sideNames, type JoinOutputs, type SideNames } from './join-side-outputs.ts'
import type { Named } from './options.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'

/** The stores of a join: two, and a third for a left or outer one. `name` is what their names begin with. */
export interface JoinStoreOptions {
  readonly name?: string
  /** false: no changelog, and nothing to restore from. An object gives the changelog topics settings of Kafka's. Default true. */
  readonly logging?: boolean | Readonly<Record<string, string>>
  /** As of other stores: `memory`, or `persistent` (the default), with a journal on disk. */
  readonly type?: 'memory' | 'persistent'
}

/** How two streams are joined. `name` is that of the steps, and of the repartition topics where some are needed. */
export interface StreamJoinOptions<K, L, R, Out> extends Named, JoinOutputs<K, L, R> {
  readonly windows: JoinWindows
  readonly key?: Serde<K>
  readonly leftValue?: Serde<L>
  readonly rightValue?: Serde<R>
  /** Of the result, for the steps after it. */
  readonly value?: Serde<Out>
  /** What the names of the stores begin with, or their options. */
  readonly store?: string | JoinStoreOptions
}

export type StreamJoinKind = 'inner' | 'left' | 'outer'

/** Each side's names, kept apart from those of the others. */
interface JoinNames {
  readonly thisWindow: string
  readonly otherWindow: string
  readonly thisJoin: string
  readonly otherJoin: string
  readonly merge: string
  readonly thisStore: string
  readonly otherStore: string
  /** Of the records that wait for a partner; undefined for an inner join none of whose records has to wait. */
  readonly unmatchedStore: string | undefined
  /** Of the nodes with what the join leaves out; undefined where that is nobody's business, as in Java. */
  readonly sides: SideNames | undefined
}

/**
 * Joins two streams by key and time. Their records meet on one partition, each side behind a window that keeps it.
 * @see Kafka Streams `KStreamImplJoin`
 */
export function joinStreams<K, L, R, Out>(
  leftStream: KStream<K, L>,
  rightStream: KStream<K, R>,
  kind: StreamJoinKind,
  joiner: (left: L, right: R, key: K) => Out,
  options: StreamJoinOptions<K, L, R, Out>,
): KStream<K, Out> {
  const { graph } = leftStream.parts
  if (graph !== rightStream.parts.graph)
    throw new StreamsError(
      'MR_STREAMS_BAD_TOPOLOGY',
      `"${leftStream.parts.name}" cannot be joined with "${rightStream.parts.name}" of another StreamsBuilder. Make both with one.`,
    )
  const topicOf = (side: 'left' | 'right'): string | undefined =>
    options.name === undefined ? undefined : `${options.name}-${side}`
  const left = partitionedForJoin(leftStream, {
    topic: topicOf('left'),
    key: options.key ?? leftStream.parts.key ?? rightStream.parts.key,
    value: options.leftValue,
  })
  const right = partitionedForJoin(rightStream, {
    topic: topicOf('right'),
    key: options.key ?? rightStream.parts.key ?? leftStream.parts.key,
    value: options.rightValue,
  })
  const names = joinNames(graph, kind, options)
  const { isCompatible } = graph
  const stores = joinStores(names, left, right, { ...options, isCompatible })
  graph.add([left.node], windowNode(names.thisWindow, stores.left))
  graph.add([right.node], windowNode(names.otherWindow, stores.right))
  const sources = left.sources.union(right.sources)
  const node = new GraphNode(
    names.merge,
    (topology) => {
      const join = { names, stores, kind, options, isCompatible }
      const whole = { ...join, joiner: joiner as StreamJoiner<unknown> }
      if (names.sides) writeGatedJoin(topology, whole, names.sides)
      else writeJoin(topology, whole)
      topology.addCopartitioned([...sources])
    },
    { joinsNullKeys: kind !== 'inner' },
  )
  graph.add([left.node, right.node], node)
  if (names.sides) {
    const joins = { left: names.thisJoin, right: names.otherJoin }
    addSideOutputs({ node, sides: names.sides, joins, left, right, sources }, options)
  }
  return graph.make.stream({
    graph,
    node,
    name: names.merge,
    key: left.key,
    value: options.value,
    sources,
    needsRepartition: false,
  })
}

/** Takes Java's numbers, in its order. */
function joinNames<K, L, R, Out>(
  graph: StreamGraph,
  kind: StreamJoinKind,
  options: StreamJoinOptions<K, L, R, Out>,
): JoinNames {
  const { name, store } = options
  const isOuter = kind === 'outer'
  const given = (prefix: string, suffix: string): string =>
    graph.nameOr(name === undefined ? undefined : `${name}${suffix}`, prefix)
  const thisSuffix = isOuter ? '-outer-this-join' : '-this-join'
  const otherSuffix = kind === 'inner' ? '-other-join' : '-outer-other-join'
  const thisWindow = given('KSTREAM-WINDOWED-', '-this-windowed')
  const otherWindow = given('KSTREAM-WINDOWED-', '-other-windowed')
  const thisPrefix = isOuter ? 'KSTREAM-OUTERTHIS-' : 'KSTREAM-JOINTHIS-'
  const thisMade = graph.newProcessorName(thisPrefix)
  const otherMade = graph.newProcessorName(
    kind === 'inner' ? 'KSTREAM-JOINOTHER-' : 'KSTREAM-OUTEROTHER-',
  )
  const base = typeof store === 'string' ? store : store?.name
  const sharedSuffix = {
    inner: '-unmatched',
    left: '-left-shared-join',
    outer: '-outer-shared-join',
  }[kind]
  const shared =
    base === undefined
      ? `KSTREAM-OUTERSHARED-${thisMade.slice(thisPrefix.length)}`
      : `${base}${sharedSuffix}`
  const thisStore = `${base === undefined ? thisMade : `${base}${thisSuffix}`}-store`
  if (base === undefined) graph.refuseAnonymous('state store', thisStore, 'store')
  const merge = given('KSTREAM-MERGE-', '-merge')
  const sides = sideNames(name ?? merge, options)
  const hasWaiting = kind !== 'inner' || sides?.unmatched.left || sides?.unmatched.right
  return {
    thisWindow,
    otherWindow,
    thisJoin: name === undefined ? thisMade : `${name}${thisSuffix}`,
    otherJoin: name === undefined ? otherMade : `${name}${otherSuffix}`,
    merge,
    sides,
    thisStore,
    otherStore: `${base === undefined ? otherMade : `${base}${otherSuffix}`}-store`,
    unmatchedStore: hasWaiting ? `${shared}-store` : undefined,
  }
}

/** A store is made once for all nodes that are connected to it, when the first of them is written. */
interface JoinStores {
  readonly left: () => StoreBuilder
  readonly right: () => StoreBuilder
  readonly unmatched: (() => StoreBuilder) | undefined
}

function joinStores<K, L, R, Out>(
  names: JoinNames,
  left: StreamParts<K, L>,
  right: StreamParts<K, R>,
  {
    windows,
    store,
    isCompatible,
  }: StreamJoinOptions<K, L, R, Out> & { readonly isCompatible: boolean },
): JoinStores {
  const logging = typeof store === 'object' ? store.logging : undefined
  const isLogged = logging !== false
  const topicConfig = typeof logging === 'object' ? logging : {}
  const type = typeof store === 'object' ? store.type : undefined
  const retentionMs = windows.beforeMs + windows.afterMs + windows.graceMs
  const keyOf = (name: string): Serde<K> => required(left.key, 'key', name)
  const leftOf = (name: string): Serde<L> => required(left.value, 'value', name, 'leftValue')
  const rightOf = (name: string): Serde<R> => required(right.value, 'value', name, 'rightValue')
  const window = <V>(name: string, valueOf: (name: string) => Serde<V>) =>
    once(() =>
      joinWindowStore({
        name,
        key: keyOf(name),
        value: valueOf(name),
        retentionMs,
        isCompatible,
        isLogged,
        topicConfig,
        type,
      }),
    )
  const name = names.unmatchedStore
  return {
    left: window(names.thisStore, leftOf),
    right: window(names.otherStore, rightOf),
    unmatched:
      name === undefined
        ? undefined
        : once(() =>
            unmatchedStore({
              name,
              key: keyOf(name),
              leftValue: leftOf(name),
              rightValue: rightOf(name),
              isLogged,
              topicConfig,
              type,
            }),
          ),
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

function windowNode(name: string, store: () => StoreBuilder): GraphNode {
  return new GraphNode(name, (topology, parents) => {
    topology.addProcessor({ name, parents, supplier: joinWindowOperator(store().name) })
    topology.addStateStore(store(), [name])
  })
}

interface JoinToWrite<K, L, R, Out> {
  readonly names: JoinNames
  readonly stores: JoinStores
  readonly kind: StreamJoinKind
  readonly joiner: StreamJoiner<unknown>
  readonly options: StreamJoinOptions<K, L, R, Out>
  readonly isCompatible: boolean
}

function writeJoin<K, L, R, Out>(topology: Topology, join: JoinToWrite<K, L, R, Out>): void {
  const { names, kind } = join
  const timeOf = sharedJoinTime()
  const side = (name: 'left' | 'right') => ({
    side: name,
    windows: join.options.windows,
    otherStore: name === 'left' ? names.otherStore : names.thisStore,
    unmatchedStore: names.unmatchedStore,
    isOuter: kind === 'outer' || (kind === 'left' && name === 'left'),
    joiner: join.joiner,
    timeOf,
    isCompatible: join.isCompatible,
  })
  writeJoinNodes(topology, join, (which) => streamJoinOperator(side(which)))
}

/** A join with side outputs, whose grace is a gate. */
function writeGatedJoin<K, L, R, Out>(
  topology: Topology,
  join: JoinToWrite<K, L, R, Out>,
  sides: SideNames,
): void {
  const { names, kind, joiner } = join
  const timeOf = sharedGatedJoinTime()
  const isOuter = { left: kind !== 'inner', right: kind === 'outer' }
  writeJoinNodes(topology, join, (which) =>
    gatedStreamJoinOperator({
      side: which,
      windows: join.options.windows,
      otherStore: which === 'left' ? names.otherStore : names.thisStore,
      unmatchedStore: names.unmatchedStore,
      isOuter,
      joiner,
      outlets: { results: names.merge, unmatched: sides.unmatched, late: sides.late[which] },
      timeOf,
    }),
  )
}

function writeJoinNodes<K, L, R, Out>(
  topology: Topology,
  { names, stores }: JoinToWrite<K, L, R, Out>,
  operatorOf: (side: 'left' | 'right') => OperatorSupplier,
): void {
  for (const [name, parent, other, which] of [
    [names.thisJoin, names.thisWindow, stores.right, 'left'],
    [names.otherJoin, names.otherWindow, stores.left, 'right'],
  ] as const) {
    topology.addProcessor({ name, parents: [parent], supplier: operatorOf(which) })
    topology.addStateStore(other(), [name])
    if (stores.unmatched) topology.addStateStore(stores.unmatched(), [name])
  }
  topology.addProcessor({
    name: names.merge,
    parents: [names.thisJoin, names.otherJoin],
    supplier: mergeOperator(),
  })
}
