import type { Cluster } from './cluster.ts'

/** The topics that a member of a group reads: those named, or all whose name matches a pattern or passes a function. Owner: the membership. */
export class Subscribed {
  readonly #cluster: Cluster
  readonly #matches: ((topic: string) => boolean) | undefined
  #topics: readonly string[]

  constructor(cluster: Cluster, wanted: readonly string[] | RegExp | ((topic: string) => boolean)) {
    this.#cluster = cluster
    this.#matches =
      typeof wanted === 'function' ? wanted : wanted instanceof RegExp ? matcher(wanted) : undefined
    this.#topics =
      typeof wanted === 'function' || wanted instanceof RegExp ? [] : [...new Set(wanted)]
  }

  /** As last resolved. */
  get topics(): readonly string[] {
    return this.#topics
  }

  /** Looks which topics match by now, internal ones left out. True when others do than before. @throws KafkaError */
  async resolve(): Promise<boolean> {
    const matches = this.#matches
    if (!matches) return false
    const all = await this.#cluster.allTopics()
    const matching = all.filter((name) => matches(name)).toSorted()
    const isSame =
      matching.length === this.#topics.length &&
      matching.every((name, index) => name === this.#topics[index])
    this.#topics = matching
    return !isSame
  }
}

/** Flags g and y would make `test` go on where it last stopped. */
function matcher({ source, flags }: RegExp): (topic: string) => boolean {
  const pattern = new RegExp(source, flags.replaceAll(/[gy]/g, ''))
  return (topic) => pattern.test(topic)
}
