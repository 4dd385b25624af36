import { backoffMs, systemClock } from '@millrace/core'
import { DevError } from '../errors.ts'

export interface LineResult {
  readonly id: string | null
  readonly result: 'created' | 'exists' | 'refused'
  readonly reason?: string
}

/** Longest the platform may be away before the import gives up, ms. */
const patienceMs = 60_000
const requestTimeoutMs = 60_000

/** Sends batches of lines to the import route behind the gateway, patiently: an answer that says "later" or none at all is tried again. */
export class ImportClient {
  readonly #url: string
  readonly #token: string

  constructor(options: { readonly gatewayUrl: string; readonly token: string }) {
    this.#url = `${options.gatewayUrl}/api/discussions/import`
    this.#token = options.token
  }

  /** One result per line, in order. Safe to repeat: lines are keyed by their ids. */
  async send(lines: readonly unknown[]): Promise<readonly LineResult[]> {
    const startedAtMs = systemClock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#post(lines)
      if ('results' in outcome) return outcome.results
      if (!outcome.isTransient || systemClock.monotonicMs() - startedAtMs > patienceMs) {
        throw new DevError(
          'MR_DEV_IMPORT_FAILED',
          `${this.#url} ${outcome.reason}. Nothing of this batch is lost: run the same command again, it goes on from here.`,
          { url: this.#url },
        )
      }
      await systemClock.sleep(backoffMs(attempt, { baseMs: 200, maxMs: 5_000 }))
    }
  }

  async #post(
    lines: readonly unknown[],
  ): Promise<
    | { readonly results: readonly LineResult[] }
    | { readonly reason: string; readonly isTransient: boolean }
  > {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
        body: JSON.stringify({ lines }),
        signal: AbortSignal.timeout(requestTimeoutMs),
      })
      const body = (await response.json()) as {
        readonly results?: readonly LineResult[]
        readonly detail?: string
      }
      if (response.ok && body.results) return { results: body.results }
      return {
        reason: `answered ${response.status}: ${body.detail ?? 'no reason given'}`,
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
