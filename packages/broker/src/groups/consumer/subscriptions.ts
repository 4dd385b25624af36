import { createHash } from 'node:crypto'
import type { AssignorMember } from './assignors/server-assignor.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { TopicPattern } from './pattern/topic-pattern.ts'
import type { PartitionSets } from './partition-sets.ts'

/** A topic as an assignment needs it. */
export interface TopicFacts {
  readonly name: string
  readonly id: string
  readonly partitions: { readonly length: number }
}

/** The broker's topics. */
export interface TopicCatalog {
  /** Another one after every change of which topics there are, and of how many partitions. */
  readonly version: number
  readonly all: Iterable<TopicFacts>
  byName(name: string): TopicFacts | undefined
}

interface Resolved {
  readonly pattern: TopicPattern
  topics: readonly string[]
}

/**
 * What the members of a group read: topics by name, and patterns as they were last resolved against the broker's topics. A pattern is resolved
 * with the rights of the member whose heartbeat asks for it, as in Kafka.
 */
export class Subscriptions {
  readonly #catalog: TopicCatalog
  readonly #patterns = new Map<string, Resolved>()
  #version = -1

  constructor(catalog: TopicCatalog) {
    this.#catalog = catalog
  }

  /** The catalog has changed since `resolve`. */
  get isOutdated(): boolean {
    return this.#version !== this.#catalog.version
  }

  /** Resolves the members' patterns anew: those not known yet, and all of them after a change of the catalog. */
  resolve(members: Iterable<ConsumerMember>, maySee: (topic: string) => boolean): void {
    const wanted = new Set<string>()
    for (const { topicRegex } of members) if (topicRegex !== '') wanted.add(topicRegex)
    for (const text of this.#patterns.keys()) if (!wanted.has(text)) this.#patterns.delete(text)
    for (const text of wanted) {
      const known = this.#patterns.get(text)
      if (known !== undefined && !this.isOutdated) continue
      const pattern = known?.pattern ?? new TopicPattern(text)
      const topics = [...this.#catalog.all]
        .map(({ name }) => name)
        .filter((name) => pattern.matches(name) && maySee(name))
      this.#patterns.set(text, { pattern, topics })
    }
    this.#version = this.#catalog.version
  }

  /** @throws PatternFault */
  check(regex: string): void {
    if (!this.#patterns.has(regex)) void new TopicPattern(regex)
  }

  namesOf({ topicNames, topicRegex }: ConsumerMember): ReadonlySet<string> {
    return new Set([...topicNames, ...(this.#patterns.get(topicRegex)?.topics ?? [])])
  }

  /** What an assignor needs; topics that do not exist are left out. */
  assignorMember(member: ConsumerMember, current: PartitionSets): AssignorMember {
    const topics = new Set<string>()
    for (const name of this.namesOf(member)) {
      const topic = this.#catalog.byName(name)
      if (topic !== undefined) topics.add(topic.id)
    }
    return { id: member.id, instanceId: member.instanceId, topics, current }
  }

  /** Partitions of each topic that a member reads, by topic id, in order of names. */
  partitionCounts(members: Iterable<ConsumerMember>): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { id, partitions } of this.#topicsOf(members)) counts.set(id, partitions.length)
    return counts
  }

  /** Another one when a topic that members read came, went, or grew (Kafka: the group's metadata hash). */
  hashOf(members: Iterable<ConsumerMember>): string {
    const hash = createHash('sha256')
    for (const { name, id, partitions } of this.#topicsOf(members))
      hash.update(`${name} ${id} ${partitions.length}\n`)
    return hash.digest('base64').slice(0, 22)
  }

  #topicsOf(members: Iterable<ConsumerMember>): readonly TopicFacts[] {
    const names = new Set<string>()
    for (const member of members) for (const name of this.namesOf(member)) names.add(name)
    return [...names]
      .toSorted()
      .map((name) => this.#catalog.byName(name))
      .filter((topic) => topic !== undefined)
  }
}
