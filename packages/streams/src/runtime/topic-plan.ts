/**
 * Which topics a topology reads and makes for itself on a cluster, with how many partitions, and which tasks follow from that. Pure: what
 * exists on the cluster is told by the caller.
 */
import { StreamsError } from '../errors.ts'
import type { ChangelogCleanup } from '../state/store.ts'
import type { Topology } from '../topology/topology.ts'

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

/** Topics of others that the topology reads, global ones among them: they must exist before it starts. */
export function externalSourceTopics(topology: Topology): readonly string[] {
  const topics = new Set<string>()
  for (const node of topology.nodes.values())
    if (node.kind === 'source' && !node.isInternal)
      for (const topic of node.topics) topics.add(topic)
  return [...topics].toSorted()
}

/**
 * @param existing partition count of each external source topic that exists
 * @throws StreamsError `MR_STREAMS_MISSING_TOPIC`, `MR_STREAMS_PARTITION_MISMATCH`
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
  const nameOf = (topic: string): string => `${applicationId}-${topic}`
  countRepartitions(topology, nameOf, counts)
  enforceCopartitioning(topology, nameOf, counts)
  const subtopologies = topology.subtopologies
    .filter((group) => !group.isGlobal)
    .map((group) => subtopologyPlan(topology, group, nameOf, counts))
  return {
    subtopologies,
    partitionCounts: counts,
    repartitionTopics: new Set([...topology.internalTopics.keys()].map(nameOf)),
    internalTopics: [
      ...repartitionPlans(topology, nameOf, counts),
      ...subtopologies.flatMap((plan) => changelogPlans(topology, plan)),
    ],
  }
}

type NameOf = (topic: string) => string

function subtopologyPlan(
  topology: Topology,
  group: { readonly id: number; readonly nodes: ReadonlySet<string> },
  nameOf: NameOf,
  counts: ReadonlyMap<string, number>,
): SubtopologyPlan {
  const sourceTopics = topicsRead(topology, group.nodes, nameOf)
  const changelogs = new Map<string, string>()
  const sourceLogged = new Set<string>()
  for (const name of group.nodes) {
    const node = topology.nodes.get(name)
    if (node?.kind !== 'processor') continue
    for (const store of node.stores) {
      const source = topology.sourceChangelogs.get(store)
      if (source !== undefined) sourceLogged.add(store)
      if (source !== undefined) changelogs.set(store, source)
      else if (topology.stores.get(store)?.isLogged)
        changelogs.set(store, nameOf(`${store}-changelog`))
    }
  }
  // Trap 48: as many tasks as the largest of its sources has partitions.
  const taskCount = Math.max(0, ...sourceTopics.map((topic) => counts.get(topic) ?? 0))
  for (const store of sourceLogged) {
    const topic = changelogs.get(store) as string
    const count = counts.get(topic)
    if (count !== taskCount) throw notOfAllTasks(store, topic, count, taskCount)
  }
  return { id: group.id, nodes: group.nodes, sourceTopics, taskCount, changelogs, sourceLogged }
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
  nameOf: NameOf,
): readonly string[] {
  const topics = new Set<string>()
  for (const name of nodes) {
    const node = topology.nodes.get(name)
    if (node?.kind === 'source')
      for (const topic of node.topics) topics.add(node.isInternal ? nameOf(topic) : topic)
  }
  return [...topics].toSorted()
}

/** Trap 34: as told, else as many as the largest topic that the writing subtopology reads. Repeated, as those may be repartitions too. */
function countRepartitions(topology: Topology, nameOf: NameOf, counts: Map<string, number>): void {
  const open = new Set<string>()
  for (const { name, partitions } of topology.internalTopics.values())
    if (partitions === undefined) open.add(name)
    else counts.set(nameOf(name), partitions)
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
      const read = writers.flatMap(({ nodes }) => topicsRead(topology, nodes, nameOf))
      const known = read.flatMap((each) => counts.get(each) ?? [])
      if (known.length === 0 || (known.length < read.length && !isCycle)) continue
      counts.set(nameOf(topic), Math.max(...known))
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

/** Trap 34: topics whose records meet by key have equally many partitions; repartition topics follow the others of their group. */
function enforceCopartitioning(
  topology: Topology,
  nameOf: NameOf,
  counts: Map<string, number>,
): void {
  for (const group of topology.copartitioned) {
    const external = new Set<string>()
    const fixed = new Set<string>()
    const flexible = new Set<string>()
    for (const source of group) {
      const node = topology.nodes.get(source)
      if (node?.kind !== 'source') continue
      for (const topic of node.topics)
        if (!node.isInternal) external.add(topic)
        else if (topology.internalTopics.get(topic)?.partitions === undefined)
          flexible.add(nameOf(topic))
        else fixed.add(nameOf(topic))
    }
    const given = [...external, ...fixed]
    const wanted = new Set(given.map((topic) => counts.get(topic) as number))
    if (wanted.size > 1) throw notCopartitioned(given, counts)
    const count =
      [...wanted][0] ?? Math.max(...[...flexible].map((topic) => counts.get(topic) as number))
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
  nameOf: NameOf,
  counts: ReadonlyMap<string, number>,
): readonly InternalTopicPlan[] {
  return [...topology.internalTopics.keys()].map((topic) => ({
    name: nameOf(topic),
    partitions: counts.get(nameOf(topic)) as number,
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
