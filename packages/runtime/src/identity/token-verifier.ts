import type { Clock } from '@millrace/core'
import { verifyJwt, type JwtExpectation, type JwtVerdict } from './jwt.ts'
import type { RemoteKeys } from './remote-keys.ts'

/** Tokens whose signature is remembered; beyond it the oldest is checked anew. */
const maxRemembered = 10_000

/** Checks tokens of one kind. A good one is remembered until it expires: a signature costs some 100 µs, and a token comes with each request. */
export class TokenVerifier {
  readonly #expected: JwtExpectation
  readonly #keys: RemoteKeys
  readonly #clock: Clock
  /** Good ones only, oldest first. */
  readonly #good = new Map<string, JwtVerdict & { readonly claims: { readonly exp: number } }>()

  constructor(expected: JwtExpectation, keys: RemoteKeys, clock: Clock) {
    this.#expected = expected
    this.#keys = keys
    this.#clock = clock
  }

  /** @throws RuntimeError `MR_RUNTIME_KEYS_UNAVAILABLE`: nothing can be said of the token */
  async verify(token: string): Promise<JwtVerdict> {
    const nowMs = this.#clock.now()
    const remembered = this.#good.get(token)
    if (remembered) {
      if (nowMs < remembered.claims.exp * 1000) return remembered
      this.#good.delete(token)
      return { refusal: 'expired' }
    }
    const verdict = await verifyJwt(token, this.#expected, nowMs, (kid) => this.#keys.find(kid))
    if ('claims' in verdict) this.#remember(token, verdict)
    return verdict
  }

  #remember(token: string, verdict: Extract<JwtVerdict, { readonly claims: object }>): void {
    if (this.#good.size >= maxRemembered) {
      const [oldest] = this.#good.keys()
      if (oldest !== undefined) this.#good.delete(oldest)
    }
    this.#good.set(token, verdict)
  }
}
