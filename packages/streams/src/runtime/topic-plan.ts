/**
 * Which topics a topology reads and makes for itself on a cluster, with how many partitions, and which tasks follow from that. Pure: what
 * exists on the cluster is told by the caller.
 */
import { StreamsError } from '../errors.ts'
import type { ChangelogCleanup } from '../state/store.ts'
import { hasPatterns, sourceMatching } from '../topology/matched-topics.ts'
import type { SourceNode, Topology } from '../topology/topology.ts'

/** A topic to be made: its name on the cluster and Kafka's settings. */
export interface InternalTopicPlan {
  readonly name: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

/** One subtopology: a task for each of `taskCount` partitions. */
export interface SubtopologyPlan {
  readonly id: number
  readonly nodes: ReadonlySet<string>
  /** Patterns of its sources, as text: topics that match come and go while it runs. */
  readonly patterns: readonly string[]
  /** Names on the cluster, sorted. */
  readonly sourceTopics: readonly string[]
  readonly taskCount: number
  /** Changelog topic by store, for those that have one. */
  readonly changelogs: ReadonlyMap<string, string>
  /** Stores whose changelog is a topic that the subtopology reads, and nobody here writes (KIP-813). */
  readonly sourceLogged: ReadonlySet<string>
}

export interface TopicPlan {
  readonly subtopologies: readonly SubtopologyPlan[]
  readonly internalTopics: readonly InternalTopicPlan[]
  /** Names on the cluster. */
  readonly repartitionTopics: ReadonlySet<string>
  /** Partition count of every source topic. */
  readonly partitionCounts: ReadonlyMap<string, number>
}

/** Topics of others that the topology reads and names, global ones among them: they must exist before it starts. */
export function externalSourceTopics(topology: Topology): readonly string[] {
  const topics = new Set<string>()
  for (const node of topology.nodes.values())
    if (node.kind === 'source' && !node.isInternal)
      for (const topic of node.topics) topics.add(topic)
  return [...topics].toSorted()
}

/**
 * @param existing partition count of each external source topic that exists; of others too, where a pattern of the topology may match them
 * @throws StreamsError `MR_STREAMS_MISSING_TOPIC`, `MR_STREAMS_PARTITION_MISMATCH`; `MR_STREAMS_BAD_TOPOLOGY` where a topic matches two patterns
 */
export function planTopics(
  topology: Topology,
  applicationId: string,
  existing: ReadonlyMap<string, number>,
): TopicPlan {
  const missing = externalSourceTopics(topology).filter((topic) => !existing.has(topic))
  if (missing.length > 0)
    throw new StreamsError(
      'MR_STREAMS_MISSING_TOPIC',
      `The topology reads ${missing.map((topic) => `"${topic}"`).join(', ')}, which the cluster does not have. Create ${missing.length > 1 ? 'them' : 'it'} before the application starts.`,
      { topics: missing },
    )
  const counts = new Map(existing)
  const names = namesOnCluster(topology, applicationId, existing)
  countRepartitions(topology, names, counts)
  enforceCopartitioning(topology, names, counts)
  const subtopologies = topology.subtopologies
    .filter((group) => !group.isGlobal)
    .map((group) => subtopologyPlan(topology, group, names, counts))
  const internalTopics = [
    ...repartitionPlans(topology, names, counts),
    ...subtopologies.flatMap((plan) => changelogPlans(topology, plan)),
  ]
  return {
    subtopologies,
    partitionCounts: counts,
    repartitionTopics: new Set(
      [...topology.internalTopics.keys()].map((topic) => names.internal(topic)),
    ),
    // What is behind a pattern that no topic matches yet is made with the first that does.
    internalTopics: internalTopics.filter(({ partitions }) => partitions > 0),
  }
}

interface ClusterNames {
  /** Of a topic of the application's own. */
  internal(topic: string): string
  /** What a source reads, as far as it is known. */
  read(source: SourceNode): readonly string[]
}

function namesOnCluster(
  topology: Topology,
  applicationId: string,
  existing: ReadonlyMap<string, number>,
): ClusterNames {
  const internal = (topic: string): string => `${applicationId}-${topic}`
  const matched = hasPatterns(topology)
    ? Map.groupBy(existing.keys(), (topic) => sourceMatching(topology, applicationId, topic))
    : new Map<SourceNode | undefined, string[]>()
  return {
    internal,
    read(source) {
      if (source.pattern) return matched.get(source) ?? []
      return source.isInternal ? source.topics.map(internal) : source.topics
    },
  }
}

function subtopologyPlan(
  topology: Topology,
  group: { readonly id: number; readonly nodes: ReadonlySet<string> },
  names: ClusterNames,
  counts: ReadonlyMap<string, number>,
): SubtopologyPlan {
  const sourceTopics = topicsRead(topology, group.nodes, names)
  const patterns: string[] = []
  const changelogs = new Map<string, string>()
  const sourceLogged = new Set<string>()
  for (const name of group.nodes) {
    const node = topology.nodes.get(name)
    if (node?.kind === 'source' && node.pattern) patterns.push(node.pattern.id)
    if (node?.kind !== 'processor') continue
    for (const store of node.stores) {
      const source = topology.sourceChangelogs.get(store)
      if (source !== undefined) sourceLogged.add(store)
      if (source !== undefined) changelogs.set(store, source)
      else if (topology.stores.get(store)?.isLogged)
        changelogs.set(store, names.internal(`${store}-changelog`))
    }
  }
  // Trap 48: as many tasks as the largest of its sources has partitions.
  const taskCount = Math.max(0, ...sourceTopics.map((topic) => counts.get(topic) ?? 0))
  for (const store of sourceLogged) {
    const topic = changelogs.get(store) as string
    const count = counts.get(topic)
    if (count !== taskCount) throw notOfAllTasks(store, topic, count, taskCount)
  }
  const { id, nodes } = group
  return { id, nodes, patterns, sourceTopics, taskCount, changelogs, sourceLogged }
}

function notOfAllTasks(
  store: string,
  topic: string,
  partitions: number | undefined,
  taskCount: number,
): StreamsError {
  return new StreamsError(
    'MR_STREAMS_PARTITION_MISMATCH',
    `The store "${store}" is filled from "${topic}" (${partitions} partitions), and what uses it has ${taskCount} tasks, as many as the largest of its topics has partitions. Give the topics equal counts.`,
    { store, topic, partitions, taskCount },
  )
}

function topicsRead(
  topology: Topology,
  nodes: ReadonlySet<string>,
  names: ClusterNames,
): readonly string[] {
  const topics = new Set<string>()
  for (const name of nodes) {
    const node = topology.nodes.get(name)
    if (node?.kind === 'source') for (const topic of names.read(node)) topics.add(topic)
  }
  return [...topics].toSorted()
}

/**
 * Trap 34: as told, else as many as the largest topic that the writing subtopology reads. Repeated, as those may be repartitions too. Behind a pattern
 * that no topic matches yet: none.
 */
function countRepartitions(
  topology: Topology,
  names: ClusterNames,
  counts: Map<string, number>,
): void {
  const open = new Set<string>()
  for (const { name, partitions } of topology.internalTopics.values())
    if (partitions === undefined) open.add(name)
    else counts.set(names.internal(name), partitions)
  const groups = topology.subtopologies
  // Topics that lead back to where they come from (joins by foreign key) are counted without each other; co-partitioning then settles them.
  let isCycle = false
  while (open.size > 0) {
    const before = open.size
    for (const topic of open) {
      const writers = groups.filter(({ nodes }) =>
        [...nodes].some((name) => {
          const node = topology.nodes.get(name)
          return node?.kind === 'sink' && node.isInternal && node.topic === topic
        }),
      )
      const read = writers.flatMap(({ nodes }) => topicsRead(topology, nodes, names))
      const known = read.flatMap((each) => counts.get(each) ?? [])
      if (read.length === 0 && writers.some(({ nodes }) => readsPattern(topology, nodes)))
        known.push(0)
      if (known.length === 0 || (known.length < read.length && !isCycle)) continue
      counts.set(names.internal(topic), Math.max(...known))
      open.delete(topic)
      isCycle = false
    }
    if (open.size === before && !isCycle) isCycle = true
    else if (open.size === before)
      throw new StreamsError(
        'MR_STREAMS_BAD_TOPOLOGY',
        `How many partitions ${[...open].map((name) => `"${name}"`).join(', ')} should have cannot be told: nothing that has partitions writes there. Give the repartition step a count.`,
        { topics: [...open] },
      )
  }
}

function readsPattern(topology: Topology, nodes: ReadonlySet<string>): boolean {
  return [...nodes].some((name) => {
    const node = topology.nodes.get(name)
    return node?.kind === 'source' && node.pattern !== undefined
  })
}

/** Trap 34: topics whose records meet by key have equally many partitions; repartition topics follow the others of their group. */
function enforceCopartitioning(
  topology: Topology,
  names: ClusterNames,
  counts: Map<string, number>,
): void {
  for (const group of topology.copartitioned) {
    const external = new Set<string>()
    const fixed = new Set<string>()
    const flexible = new Set<string>()
    for (const source of group) {
      const node = topology.nodes.get(source)
      if (node?.kind !== 'source') continue
      if (!node.isInternal) for (const topic of names.read(node)) external.add(topic)
      else
        for (const topic of node.topics)
          if (topology.internalTopics.get(topic)?.partitions === undefined)
            flexible.add(names.internal(topic))
          else fixed.add(names.internal(topic))
    }
    const given = [...external, ...fixed]
    const wanted = new Set(given.map((topic) => counts.get(topic) as number))
    if (wanted.size > 1) throw notCopartitioned(given, counts)
    const count =
      [...wanted][0] ?? Math.max(0, ...[...flexible].map((topic) => counts.get(topic) as number))
    for (const topic of flexible) counts.set(topic, count)
  }
}

function notCopartitioned(
  topics: readonly string[],
  counts: ReadonlyMap<string, number>,
): StreamsError {
  const listed = topics.map((topic) => `"${topic}" (${counts.get(topic)})`).join(', ')
  return new StreamsError(
    'MR_STREAMS_PARTITION_MISMATCH',
    `These topics are joined, so that equal keys must lie on equal partitions, and have different partition counts: ${listed}. Send one of them through repartition() with the other's count.`,
    { partitionCounts: Object.fromEntries(topics.map((topic) => [topic, counts.get(topic)])) },
  )
}

/** Trap 35. Records of a repartition topic are deleted once they are committed, never by age. */
function repartitionPlans(
  topology: Topology,
  names: ClusterNames,
  counts: ReadonlyMap<string, number>,
): readonly InternalTopicPlan[] {
  return [...topology.internalTopics.keys()].map((topic) => ({
    name: names.internal(topic),
    partitions: counts.get(names.internal(topic)) as number,
    configs: {
      'cleanup.policy': 'delete',
      'segment.bytes': '52428800',
      'retention.ms': '-1',
      'message.timestamp.type': 'CreateTime',
    },
  }))
}

/** Trap 35. A windowed changelog is kept a day longer than its store, since clocks and timestamps differ. */
const additionalRetentionMs = 86_400_000

function changelogPlans(topology: Topology, plan: SubtopologyPlan): readonly InternalTopicPlan[] {
  const own = [...plan.changelogs].filter(([store]) => !plan.sourceLogged.has(store))
  return own.map(([store, name]) => {
    const builder = topology.stores.get(store)
    return {
      name,
      partitions: plan.taskCount,
      configs: {
        'message.timestamp.type': 'CreateTime',
        ...cleanup(builder?.changelog ?? { policy: 'compact' }),
        ...builder?.topicConfig,
      },
    }
  })
}

function cleanup(changelog: ChangelogCleanup): Record<string, string> {
  return changelog.policy === 'compact'
    ? { 'cleanup.policy': 'compact' }
    : {
        'cleanup.policy': changelog.policy,
        'retention.ms': String(changelog.retentionMs + additionalRetentionMs),
      }
}
