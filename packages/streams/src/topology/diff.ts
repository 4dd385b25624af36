import { externalSourceTopics, planTopics } from '../runtime/topic-plan.ts'
import type { StoreBuilder } from '../state/store.ts'
import type { Topology } from './topology.ts'

/**
 * What becomes of a store or a topic of the application's own: `reused` has its content after the change as before; `added` is new and
 * begins empty; `orphaned` is used no more, and its content stays behind; `incompatible` has the same name and cannot be used as it is.
 */
export type DifferenceVerdict = 'reused' | 'added' | 'orphaned' | 'incompatible'

export interface TopologyDifference {
  readonly of: 'store' | 'changelog' | 'repartition'
  /** Of the store; of the topic without the application's id in front. */
  readonly name: string
  readonly verdict: DifferenceVerdict
  /** Why, and what to do; what to watch for where it is reused. */
  readonly notes: readonly string[]
}

export interface TopologyDiff {
  readonly differences: readonly TopologyDifference[]
  /** Nothing is orphaned or incompatible. Whether serdes are the same cannot be told. */
  readonly isSafe: boolean
  /** One line each, those first that need someone's attention. */
  readonly text: string
}

export interface DiffOptions {
  /** Partition counts of the topics that the topologies read: with them those of internal topics are compared too. */
  readonly partitions?: number | Readonly<Record<string, number>>
}

/**
 * Compares an application's topology with the one that is to take its place, before that is started: which state goes on, which would be
 * left behind under another name, and what would not fit. Bytes are not looked at: a changed serde is not seen.
 * @throws StreamsError `MR_STREAMS_MISSING_TOPIC` where `partitions` leaves out a topic
 */
export function diffTopologies(
  before: Topology,
  after: Topology,
  options: DiffOptions = {},
): TopologyDiff {
  const [old, next] = [shapeOf(before, options), shapeOf(after, options)]
  const differences = [
    ...compare('store', old.stores, next.stores, compareStores),
    ...compare('changelog', old.changelogs, next.changelogs, compareTopics),
    ...compare('repartition', old.repartitions, next.repartitions, compareTopics),
  ]
  const sorted = differences.toSorted((left, right) => rank[left.verdict] - rank[right.verdict])
  return {
    differences: sorted,
    isSafe: sorted.every(({ verdict }) => verdict === 'reused' || verdict === 'added'),
    text: sorted.map(lineOf).join(''),
  }
}

const rank: Readonly<Record<DifferenceVerdict, number>> = {
  incompatible: 0,
  orphaned: 1,
  added: 2,
  reused: 3,
}

interface TopicShape {
  /** Undefined where it follows from topics whose counts were not given. */
  readonly partitions: number | undefined
  readonly store: StoreBuilder | undefined
}

interface StoreShape {
  readonly store: StoreBuilder
  /** Undefined for global stores. */
  readonly subtopology: number | undefined
}

interface Shape {
  readonly stores: ReadonlyMap<string, StoreShape>
  readonly changelogs: ReadonlyMap<string, TopicShape>
  readonly repartitions: ReadonlyMap<string, TopicShape>
}

function shapeOf(topology: Topology, { partitions }: DiffOptions): Shape {
  const counts = partitions === undefined ? undefined : internalCounts(topology, partitions)
  const stores = new Map<string, StoreShape>()
  const changelogs = new Map<string, TopicShape>()
  for (const [name, store] of [...topology.stores, ...topology.globalStores]) {
    const group = topology.subtopologies.find(
      ({ isGlobal, nodes }) =>
        !isGlobal && [...nodes].some((node) => usesStore(topology, node, name)),
    )
    stores.set(name, { store, subtopology: group?.id })
    const changelog = `${name}-changelog`
    if (store.isLogged && topology.stores.has(name))
      changelogs.set(changelog, { partitions: counts?.get(changelog), store })
  }
  const repartitions = new Map<string, TopicShape>()
  for (const { name, partitions: given } of topology.internalTopics.values())
    repartitions.set(name, { partitions: counts?.get(name) ?? given, store: undefined })
  return { stores, changelogs, repartitions }
}

function usesStore(topology: Topology, name: string, store: string): boolean {
  const node = topology.nodes.get(name)
  return node?.kind === 'processor' && node.stores.has(store)
}

/** Names without the application's id, which is empty here. */
function internalCounts(
  topology: Topology,
  partitions: NonNullable<DiffOptions['partitions']>,
): ReadonlyMap<string, number> {
  const existing = new Map<string, number>()
  for (const topic of externalSourceTopics(topology)) {
    const count = typeof partitions === 'number' ? partitions : partitions[topic]
    if (count !== undefined) existing.set(topic, count)
  }
  if (typeof partitions !== 'number')
    for (const [topic, count] of Object.entries(partitions)) existing.set(topic, count)
  return new Map(
    planTopics(topology, '', existing).internalTopics.map(({ name, partitions: count }) => [
      name.slice(1),
      count,
    ]),
  )
}

/** What two of one name have: faults make them incompatible, notes do not. */
interface Comparison {
  readonly faults: readonly string[]
  readonly notes: readonly string[]
}

function compare<S>(
  of: TopologyDifference['of'],
  before: ReadonlyMap<string, S>,
  after: ReadonlyMap<string, S>,
  both: (before: S, after: S) => Comparison,
): TopologyDifference[] {
  const gone = [...before.keys()].filter((name) => !after.has(name))
  const added = [...after.keys()].filter((name) => !before.has(name))
  const differences: TopologyDifference[] = []
  for (const [name, old] of before) {
    const next = after.get(name)
    if (next === undefined) continue
    const { faults, notes } = both(old, next)
    const verdict = faults.length > 0 ? 'incompatible' : 'reused'
    differences.push({ of, name, verdict, notes: [...faults, ...notes] })
  }
  for (const name of gone) {
    const fits = added.filter((each) => {
      const found = both(before.get(name) as S, after.get(each) as S)
      return found.faults.length === 0
    })
    const hint = fits.map((each) => `if "${each}" is to go on with it, give that the old name`)
    differences.push({ of, name, verdict: 'orphaned', notes: hint })
  }
  for (const name of added) differences.push({ of, name, verdict: 'added', notes: [] })
  return differences
}

function compareStores(before: StoreShape, after: StoreShape): Comparison {
  const [old, next] = [before.store, after.store]
  const faults: string[] = []
  const notes: string[] = []
  if (old.kind !== next.kind)
    faults.push(
      `it was a store of kind ${old.kind} and is to be one of kind ${next.kind}: give it another name, or reset the application`,
    )
  if (before.subtopology !== after.subtopology)
    notes.push(
      `it moves from subtopology ${shown(before.subtopology)} to ${shown(after.subtopology)}: its tasks have other ids, and restore it from the changelog`,
    )
  return { faults, notes }
}

function compareTopics(before: TopicShape, after: TopicShape): Comparison {
  const faults: string[] = []
  const [old, next] = [before.partitions, after.partitions]
  if (old !== undefined && next !== undefined && old !== next)
    faults.push(
      `it has ${old} partitions and would need ${next}: keep the count, or reset the application, which deletes the topic`,
    )
  else if (old !== next)
    faults.push(
      `it has ${old ?? 'as many partitions as its sources'} and would need ${next ?? 'as many as its sources'}: see whether these are the same`,
    )
  return { faults: [...faults, ...cleanupFaults(before.store, after.store)], notes: [] }
}

function cleanupFaults(before?: StoreBuilder, after?: StoreBuilder): string[] {
  if (!before || !after) return []
  if (before.kind !== after.kind)
    return [`it holds a store of kind ${before.kind}, which one of kind ${after.kind} cannot read`]
  const [old, next] = [before.changelog, after.changelog]
  const [oldMs, nextMs] = [old, next].map((each) =>
    each.policy === 'compact' ? undefined : each.retentionMs,
  )
  return oldMs === nextMs
    ? []
    : [
        `its store's retention changes from ${oldMs} to ${nextMs} ms, and the topic keeps the retention.ms it was made with: alter that on the cluster`,
      ]
}

function shown(subtopology: number | undefined): string {
  return subtopology === undefined ? 'none' : String(subtopology)
}

function lineOf({ of, name, verdict, notes }: TopologyDifference): string {
  const why = notes.length > 0 ? `: ${notes.join('; ')}` : ''
  return `${verdict.padEnd(13)} ${of.padEnd(12)} ${name}${why}\n`
}
