import type { KeyObject } from 'node:crypto'
import { backoffMs, toError, type Clock, type Logger } from '@millrace/core'
import { RuntimeError } from '../errors.ts'
import { publicKeyOf } from './jwt.ts'

/** After this time known keys are read again in the background, ms: so a key that was withdrawn is forgotten. */
const refreshAfterMs = 5 * 60_000
/** Least time between two readings, ms: whoever sends made-up key names must not make us ask for each. */
const minIntervalMs = 1_000
const defaultTimeoutMs = 2_000
const maxBodyBytes = 64 * 1024
const maxKeys = 64

export interface RemoteKeysOptions {
  /** Who has the keys, named in errors. */
  readonly owner: string
  /** JWKS documents (RFC 7517), taken together: one per instance where each has a key of its own. */
  readonly urls: readonly string[]
  /** True: all of them have the same keys, and one that answers is enough. Default false. */
  readonly areShared?: boolean
  /** Longest wait for one document, ms. Default 2 s. */
  readonly timeoutMs?: number
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Public keys of an issuer, read over HTTP when first needed and when a name is unknown. Keys once read stay while the issuer does not answer:
 * its tokens are still checked then.
 */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  #keys: ReadonlyMap<string, KeyObject> = new Map()
  /** By the monotonic clock; when the last reading began. */
  #readMs = -Infinity
  #isWhole = false
  #failures = 0
  #reading: Promise<void> | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
  }

  /**
   * Undefined when the issuer has no such key.
   * @throws RuntimeError `MR_RUNTIME_KEYS_UNAVAILABLE` when it is not known here and the issuer could not be asked
   */
  async find(kid: string): Promise<KeyObject | undefined> {
    const known = this.#keys.get(kid)
    if (known) {
      if (this.#ageMs() > refreshAfterMs) void this.#read()
      return known
    }
    if (this.#reading || this.#ageMs() >= this.#waitMs()) await this.#read()
    const found = this.#keys.get(kid)
    if (found || this.#isWhole) return found
    const { owner, urls } = this.#options
    throw new RuntimeError(
      'MR_RUNTIME_KEYS_UNAVAILABLE',
      `The public keys of ${owner} could not be read, so a token cannot be checked. Look whether it runs, and whether the address is right: ${urls.join(', ')}.`,
      { owner, urls },
    )
  }

  #ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#readMs
  }

  /** An issuer that does not answer is asked less often, so that requests do not each wait for it. */
  #waitMs(): number {
    return this.#failures === 0
      ? minIntervalMs
      : backoffMs(this.#failures, { baseMs: 50, maxMs: minIntervalMs })
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined))
    return this.#reading
  }

  /** Never rejects. */
  async #readAll(): Promise<void> {
    const { urls, areShared = false, timeoutMs = defaultTimeoutMs } = this.#options
    const { clock, logger, owner } = this.#options
    this.#readMs = clock.monotonicMs()
    const read = await Promise.allSettled(urls.map((url) => readDocument(url, timeoutMs)))
    const failed = read.filter((result) => result.status === 'rejected')
    const fresh = read.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    this.#isWhole = areShared ? failed.length < read.length : failed.length === 0
    this.#failures = this.#isWhole ? 0 : this.#failures + 1
    // While one of the issuers is silent its keys, and whichever else were known, stay.
    this.#keys = new Map([...(this.#isWhole ? [] : this.#keys), ...fresh].slice(-maxKeys))
    // Said once per outage, not per request.
    if (this.#failures === 1)
      logger.warn('public keys not readable', { owner, urls, error: toError(failed[0]?.reason) })
  }
}

async function readDocument(
  url: string,
  timeoutMs: number,
): Promise<readonly (readonly [string, KeyObject])[]> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  if (text.length > maxBodyBytes) throw new Error(`${url} sent more than ${maxBodyBytes} bytes`)
  const { keys } = JSON.parse(text) as { readonly keys?: unknown }
  if (!Array.isArray(keys)) throw new Error(`${url} sent no JWKS`)
  return (keys as readonly { readonly kid?: unknown }[]).slice(0, maxKeys).flatMap((jwk) => {
    const key = publicKeyOf(jwk)
    return key && typeof jwk.kid === 'string' ? [[jwk.kid, key] as const] : []
  })
}
