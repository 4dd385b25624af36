import { toError, type Clock, type Logger } from '@millrace/core'
import type { Overview } from './overview.ts'
import { platformParts, StateTimes, type SeenPart } from './platform-parts.ts'
import { CounterRate, EventRate } from './rate-window.ts'
import { lookAtAll, statsOfAll, type ServiceProbes } from './service-probes.ts'
import { readShop, shopTopics } from './shop-stats.ts'
import { brokerSilentMs, readStats } from './service-stats.ts'
import type { StartStatus } from './start-status.ts'

/** Time from one overview to the next, ms. */
const pollMs = 1000

export interface OverviewPollerOptions {
  readonly probes: ServiceProbes
  readonly startStatus: StartStatus
  /** The gateway's own part. */
  readonly self: SeenPart
  readonly mode: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Takes overviews. One loop serves all listeners, and runs only while there are any: an idle platform is left alone.
 * A listener that is slow misses overviews in between and gets the newest.
 */
export class OverviewPoller {
  readonly #options: OverviewPollerOptions
  readonly #times: StateTimes
  readonly #requests: EventRate
  readonly #created = new CounterRate()
  readonly #published = new CounterRate()
  readonly #processed = new CounterRate()
  readonly #placed = new CounterRate()
  readonly #paymentAnswers = new CounterRate()
  readonly #stockAnswers = new CounterRate()
  readonly #decided = new CounterRate()
  #taking: Promise<Overview> | undefined
  #listenerCount = 0
  #loop: AbortController | undefined
  /** The newest overview of the running loop, and the promise of the one after it. */
  #latest: Overview | undefined
  #next = Promise.withResolvers<void>()

  constructor(options: OverviewPollerOptions) {
    this.#options = options
    this.#times = new StateTimes(options.clock)
    this.#requests = new EventRate(options.clock.monotonicMs())
  }

  /** One request was answered. */
  countRequest(): void {
    this.#requests.count(this.#options.clock.monotonicMs())
  }

  get listenerCount(): number {
    return this.#listenerCount
  }

  /** The platform now. Calls that come meanwhile share it. */
  take(): Promise<Overview> {
    this.#taking ??= this.#take().finally(() => (this.#taking = undefined))
    return this.#taking
  }

  /** Overviews from now on, one a second, until `signal` is aborted. */
  async *listen(signal: AbortSignal): AsyncGenerator<Overview> {
    if (++this.#listenerCount === 1) this.#startLoop()
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      let seen: Overview | undefined
      while (!signal.aborted) {
        if (this.#latest !== undefined && this.#latest !== seen) {
          seen = this.#latest
          yield seen
        } else await Promise.race([this.#next.promise, aborted])
      }
    } finally {
      if (--this.#listenerCount === 0) this.#loop?.abort()
    }
  }

  #startLoop(): void {
    const loop = new AbortController()
    this.#loop = loop
    this.#latest = undefined
    void this.#run(loop.signal)
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs()
      try {
        const overview = await this.take()
        if (signal.aborted) return
        this.#latest = overview
        const waiting = this.#next
        this.#next = Promise.withResolvers()
        waiting.resolve()
      } catch (error) {
        logger.error('overview failed', { error: toError(error) })
      }
      const restMs = Math.max(50, pollMs - (clock.monotonicMs() - startedMs))
      await clock.sleep(restMs, signal).catch(() => {})
    }
  }

  async #take(): Promise<Overview> {
    const { probes, startStatus, self, mode, clock } = this.#options
    const [start, looks, stats] = await Promise.all([
      startStatus.read(),
      lookAtAll(probes),
      statsOfAll(probes),
    ])
    const figures = readStats(stats.discussions, stats.analytics)
    const shop = readShop(stats)
    const nowMs = clock.monotonicMs()
    this.#created.read(nowMs, figures.totals.eventsCreated)
    this.#published.read(nowMs, figures.totals.published)
    this.#processed.read(nowMs, figures.totals.processed)
    this.#placed.read(nowMs, shop.totals.placed)
    this.#paymentAnswers.read(nowMs, shop.totals.paymentAnswers)
    this.#stockAnswers.read(nowMs, shop.totals.stockAnswers)
    this.#decided.read(nowMs, shop.totals.decided)
    const witnesses = {
      hasBeenReady: (part: string) => startStatus.hasBeenReady(part),
      brokerSilentMs: brokerSilentMs(stats),
    }
    const parts = [self, ...platformParts(looks, start?.parts ?? [], witnesses)]
    return {
      at: new Date(clock.now()).toISOString(),
      mode,
      parts: parts.map((part) => this.#times.stamp(part)),
      rates: {
        requestsPerSecond: this.#requests.perSecond(nowMs),
        eventsCreatedPerSecond: this.#created.perSecond(),
        publishedPerSecond: this.#published.perSecond(),
        processedPerSecond: this.#processed.perSecond(),
      },
      ...figures,
      topics: [...figures.topics, ...shopTopics(stats)],
      shop: {
        ...shop,
        rates: {
          placedPerSecond: this.#placed.perSecond(),
          paymentAnswersPerSecond: this.#paymentAnswers.perSecond(),
          stockAnswersPerSecond: this.#stockAnswers.perSecond(),
          decidedPerSecond: this.#decided.perSecond(),
        },
      },
      start,
    }
  }
}
