import { backoffMs, systemClock } from '@millrace/core'
import { DevError } from '../errors.ts'

/** Longest the platform may be away, or busy with what came before, until the import gives up, ms. */
const defaultPatienceMs = 60_000
const requestTimeoutMs = 60_000

/** The import routes of a platform. */
export interface ImportDoor {
  /**
   * One result for each thing sent, in order. Safe to repeat: all that is imported is known by an id.
   * @param path of the import route
   * @throws DevError `MR_DEV_IMPORT_FAILED`
   */
  send<Result>(path: string, body: unknown): Promise<readonly Result[]>
}

/** Speaks to the import routes behind the gateway, patiently: an answer that says "later" or none at all is tried again. */
export class ImportClient implements ImportDoor {
  readonly #gatewayUrl: string
  readonly #token: string
  readonly #patienceMs: number

  constructor(options: {
    readonly gatewayUrl: string
    readonly token: string
    readonly patienceMs?: number
  }) {
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs
    this.#gatewayUrl = options.gatewayUrl
    this.#token = options.token
  }

  async send<Result>(path: string, body: unknown): Promise<readonly Result[]> {
    const url = `${this.#gatewayUrl}${path}`
    const text = JSON.stringify(body)
    const startedAtMs = systemClock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#post(url, text)
      if ('results' in outcome) return outcome.results as readonly Result[]
      if (!outcome.isTransient || systemClock.monotonicMs() - startedAtMs > this.#patienceMs) {
        throw new DevError(
          'MR_DEV_IMPORT_FAILED',
          `${url} ${outcome.reason.replace(/\.$/, '')}. Nothing of this batch is lost: run the same command again, it goes on from here.`,
          { url },
        )
      }
      await systemClock.sleep(backoffMs(attempt, { baseMs: 200, maxMs: 5_000 }))
    }
  }

  async #post(
    url: string,
    text: string,
  ): Promise<
    | { readonly results: readonly unknown[] }
    | { readonly reason: string; readonly isTransient: boolean }
  > {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
        body: text,
        signal: AbortSignal.timeout(requestTimeoutMs),
      })
      const body = (await response.json()) as {
        readonly results?: readonly unknown[]
        readonly detail?: string
      }
      if (response.ok && body.results) return { results: body.results }
      const isForToken = response.status === 401 || response.status === 403
      const hint = isForToken ? ' Give its IMPORT_TOKEN, in that variable or with --token' : ''
      return {
        reason: `answered ${response.status}: ${body.detail ?? 'no reason given.'}${hint}`,
        isTransient: response.status >= 500 || response.status === 429,
      }
    } catch (error) {
      const cause = (error as Error).cause
      return {
        reason: `cannot be reached: ${cause instanceof Error ? cause.message : (error as Error).message}`,
        isTransient: true,
      }
    }
  }
}
