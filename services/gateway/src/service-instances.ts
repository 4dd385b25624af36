import type { Clock } from '@millrace/core'

/** How long an instance that did not answer is passed over, ms; then one request tries it again. */
const restMs = 1000

/** The instances of one service, taken in turn. Owner of what is known about which of them answer. */
export class ServiceInstances {
  readonly name: string
  readonly urls: readonly string[]
  readonly #clock: Clock
  readonly #restsUntilMs = new Map<string, number>()
  #next = 0

  /** @param urls origins, at least one */
  constructor(name: string, urls: readonly string[], clock: Clock) {
    this.name = name
    this.urls = urls.map((url) => new URL(url).origin)
    this.#clock = clock
  }

  /**
   * The next instance, passing over those that rest. When all rest, one is tried all the same: a request that fails fast is better
   * than one refused on old news.
   * @param tried instances this request has been to already
   */
  pick(tried: readonly string[] = []): string {
    const count = this.urls.length
    let fallback: string | undefined
    for (let step = 0; step < count; step++) {
      const url = this.urls[(this.#next + step) % count] ?? ''
      if (tried.includes(url)) continue
      fallback ??= url
      if (this.#isResting(url)) continue
      this.#next = (this.#next + step + 1) % count
      return url
    }
    this.#next = (this.#next + 1) % count
    return fallback ?? this.urls[this.#next] ?? ''
  }

  /** True while some instance has not been tried. */
  hasOther(tried: readonly string[]): boolean {
    return this.urls.some((url) => !tried.includes(url))
  }

  markDown(url: string): void {
    this.#restsUntilMs.set(url, this.#clock.monotonicMs() + restMs)
  }

  markUp(url: string): void {
    this.#restsUntilMs.delete(url)
  }

  #isResting(url: string): boolean {
    return (this.#restsUntilMs.get(url) ?? 0) > this.#clock.monotonicMs()
  }
}
