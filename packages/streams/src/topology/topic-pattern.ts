import { StreamsError } from '../errors.ts'

/**
 * Which topics a source reads: those whose whole name matches, as with Java's `Pattern.matcher(name).matches()`.
 * @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where flags other than `i` were given: of names of topics they would say nothing
 */
export class TopicPattern {
  /** As it was written, and shown by `describe()`. */
  readonly source: string
  /** Equal for equal patterns, and no name of a topic, in which a slash cannot be. */
  readonly id: string
  readonly #whole: RegExp

  constructor(pattern: RegExp) {
    const { source, flags } = pattern
    if (flags !== '' && flags !== 'i')
      throw new StreamsError(
        'MR_STREAMS_BAD_TOPOLOGY',
        `The pattern of topics ${String(pattern)} has the flags "${flags}"; only "i" may be there. A topic is read where the whole of its name matches.`,
        { pattern: String(pattern) },
      )
    this.source = source
    this.id = String(pattern)
    this.#whole = new RegExp(`^(?:${source})$`, flags)
  }

  matches(topic: string): boolean {
    return this.#whole.test(topic)
  }
}
