import { toError, type Clock, type Logger, type Meter } from '@millrace/core'
import { CircuitBreaker } from './circuit-breaker.ts'
import { jsonRequest } from './json-request.ts'

export interface PeerOptions {
  /** For logs and metrics. */
  readonly name: string
  readonly baseUrl: string
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number
  /** How long nobody is asked after five failures in a row, ms. */
  readonly openMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

export interface PeerRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent as JSON by POST; by GET without one. */
  readonly body?: unknown
  /** Since when an answer is waited for, monotonic ms; now by default. */
  readonly askedMs?: number | undefined
}

/** What a service answered; bodies are JSON. */
export interface PeerAnswer {
  readonly status: number
  readonly body: unknown
}

/** What whoever asks needs of a service. */
export type Asking = Pick<Peer, 'ask'>

const failuresToOpen = 5

/** Another service that is asked while a request waits: within a time limit, and not at all for a while after it failed repeatedly. */
export class Peer {
  readonly #options: PeerOptions
  readonly #breaker: CircuitBreaker
  readonly #unanswered

  constructor(options: PeerOptions) {
    this.#options = options
    const { clock, openMs, meter, name } = options
    this.#breaker = new CircuitBreaker({ clock, failuresToOpen, openMs })
    this.#unanswered = meter.counter({
      name: 'mr_orders_unanswered_checks_total',
      help: 'Checks that another service did not answer, so that its events were asked instead.',
      labelNames: ['peer'],
    })
    this.#unanswered.add(0, { peer: name })
  }

  /** `closed` while the service answers. */
  get state(): CircuitBreaker['state'] {
    return this.#breaker.state
  }

  /**
   * What the service says; undefined when it did not answer in time, said that it has a fault of its own (5xx, 429), or is not asked because it
   * has failed before. Never rejects.
   */
  async ask(request: PeerRequest): Promise<PeerAnswer | undefined> {
    const answer = await this.#breaker.run(() => this.#ask(request))
    if (!answer) this.#unanswered.add(1, { peer: this.#options.name })
    return answer
  }

  async #ask({ path, headers, body, askedMs }: PeerRequest): Promise<PeerAnswer> {
    const { name, baseUrl, timeoutMs, clock, logger } = this.#options
    const waitedMs = askedMs === undefined ? 0 : clock.monotonicMs() - askedMs
    try {
      const { status, text } = await jsonRequest(`${baseUrl.replace(/\/$/, '')}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        timeoutMs: Math.max(1, Math.ceil(timeoutMs - waitedMs)),
      })
      if (status >= 500 || status === 429) throw new Error(`${name} answered ${status}`)
      return { status, body: JSON.parse(text) as unknown }
    } catch (error) {
      logger.debug('A service did not answer', { peer: name, path, error: toError(error) })
      throw error
    }
  }
}
