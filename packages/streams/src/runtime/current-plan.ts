import { hasPatterns, sourceMatching } from '../topology/matched-topics.ts'
import type { Topology } from '../topology/topology.ts'
import {
  externalSourceTopics,
  planTopics,
  type InternalTopicPlan,
  type SubtopologyPlan,
  type TopicPlan,
} from './topic-plan.ts'

/**
 * The plan of an application as its topics come and go: sources by pattern read what matches as the leader of the group last saw it and told, so
 * that all members go by the same topics. Without patterns it stays as it was made at the start. Owner: a stream thread for its tasks, the
 * application for its queries.
 */
export class CurrentPlan implements TopicPlan {
  /** Whether topics may come and go. */
  readonly isOpen: boolean
  readonly #topology: Topology
  readonly #applicationId: string
  /** Topics that are read by name, on the cluster. */
  readonly #named: ReadonlySet<string>
  #plan: TopicPlan
  #matched: ReadonlyMap<string, number>
  /** Internal topics that are there, as `described`. */
  readonly #made: Set<string>

  /** @param plan made at the start, whose internal topics are there */
  constructor(topology: Topology, applicationId: string, plan: TopicPlan) {
    this.#topology = topology
    this.#applicationId = applicationId
    this.#plan = plan
    this.isOpen = hasPatterns(topology)
    this.#made = new Set(plan.internalTopics.map(described))
    this.#matched = this.#matching(plan.partitionCounts)
    this.#named = new Set(
      plan.subtopologies
        .flatMap(({ sourceTopics }) => sourceTopics)
        .filter((topic) => !this.#matched.has(topic)),
    )
  }

  /** As it is now, as plain data. */
  get plain(): TopicPlan {
    return this.#plan
  }

  get subtopologies(): readonly SubtopologyPlan[] {
    return this.#plan.subtopologies
  }

  get internalTopics(): readonly InternalTopicPlan[] {
    return this.#plan.internalTopics
  }

  get repartitionTopics(): ReadonlySet<string> {
    return this.#plan.repartitionTopics
  }

  get partitionCounts(): ReadonlyMap<string, number> {
    return this.#plan.partitionCounts
  }

  /** Topics that are read because they match a pattern, with their partition counts. */
  get matched(): ReadonlyMap<string, number> {
    return this.#matched
  }

  /** What a consumer of the group subscribes to. */
  get subscription(): readonly string[] | ((topic: string) => boolean) {
    if (!this.isOpen) return [...this.#named]
    return (topic) =>
      this.#named.has(topic) ||
      sourceMatching(this.#topology, this.#applicationId, topic) !== undefined
  }

  /**
   * Goes by these topics from now on.
   * @param counts of topics that exist; those that match no pattern do not count
   * @throws StreamsError `MR_STREAMS_PARTITION_MISMATCH` where topics that are joined differ, `MR_STREAMS_BAD_TOPOLOGY` where one matches two patterns
   */
  follow(counts: ReadonlyMap<string, number>): void {
    if (!this.isOpen) return
    const matched = this.#matching(counts)
    if (areEqual(matched, this.#matched)) return
    const before = this.#plan.partitionCounts
    const fixed = [...before].filter(([topic]) => !this.#matched.has(topic))
    const named = externalSourceTopics(this.#topology).map(
      (topic) => [topic, before.get(topic) as number] as const,
    )
    const plan = planTopics(this.#topology, this.#applicationId, new Map([...named, ...matched]))
    this.#plan = { ...plan, partitionCounts: new Map([...fixed, ...plan.partitionCounts]) }
    this.#matched = matched
  }

  /** Internal topics that came up since the start: to be made, and noted, before a task that writes to them runs. */
  get unmade(): readonly InternalTopicPlan[] {
    return this.internalTopics.filter((topic) => !this.#made.has(described(topic)))
  }

  noteMade(topics: readonly InternalTopicPlan[]): void {
    for (const topic of topics) this.#made.add(described(topic))
  }

  #matching(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    if (!this.isOpen) return new Map()
    return new Map(
      [...counts].filter(([topic]) => sourceMatching(this.#topology, this.#applicationId, topic)),
    )
  }
}

function described({ name, partitions }: InternalTopicPlan): string {
  return `${name}/${partitions}`
}

function areEqual(left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>): boolean {
  return left.size === right.size && [...left].every(([name, count]) => right.get(name) === count)
}
