import type { Cluster } from './cluster.ts'

/** The topics that a member of a group reads: those named, or all whose name matches a pattern. Owner: the membership. */
export class Subscribed {
  readonly #cluster: Cluster
  readonly #pattern: RegExp | undefined
  #topics: readonly string[]

  constructor(cluster: Cluster, wanted: readonly string[] | RegExp) {
    this.#cluster = cluster
    // Flags g and y would make `test` go on where it last stopped.
    this.#pattern =
      wanted instanceof RegExp
        ? new RegExp(wanted.source, wanted.flags.replaceAll(/[gy]/g, ''))
        : undefined
    this.#topics = wanted instanceof RegExp ? [] : [...new Set(wanted)]
  }

  /** As last resolved. */
  get topics(): readonly string[] {
    return this.#topics
  }

  /** Looks which topics match by now, internal ones left out. True when others do than before. @throws KafkaError */
  async resolve(): Promise<boolean> {
    const pattern = this.#pattern
    if (!pattern) return false
    const all = await this.#cluster.allTopics()
    const matching = all.filter((name) => pattern.test(name)).toSorted()
    const isSame =
      matching.length === this.#topics.length &&
      matching.every((name, index) => name === this.#topics[index])
    this.#topics = matching
    return !isSame
  }
}
