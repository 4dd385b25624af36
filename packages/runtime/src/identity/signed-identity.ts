import type { Clock } from '@millrace/core'
import type { Caller } from './caller.ts'
import { signJwt, type JwtExpectation, type SigningKey } from './jwt.ts'

/** Header in which the gateway tells services, signed, who a request comes from. */
export const identityHeader = 'x-identity'

/** What an identity says of itself. */
export const signedIdentity: JwtExpectation = {
  type: 'identity+jwt',
  issuer: 'millrace-gateway',
  audience: 'millrace-services',
}

/** How long an identity is good, ms: it is of use for the one request, and whoever finds it later has nothing. */
const ttlMs = 60_000
/** Signed anew for the same caller when less than this is left, ms; so a service has at least this long to take it. */
const renewBeforeMs = 30_000
const maxRemembered = 10_000

/** Signs who a request comes from; one signature serves all requests of a caller for half a minute. */
export class IdentitySigner {
  readonly #key: SigningKey
  readonly #clock: Clock
  /** By caller, oldest first. */
  readonly #signed = new Map<string, { readonly token: string; readonly signedMs: number }>()

  constructor(key: SigningKey, clock: Clock) {
    this.#key = key
    this.#clock = clock
  }

  sign({ userId, roles }: Caller): string {
    const nowMs = this.#clock.now()
    const name = JSON.stringify([userId, roles])
    const known = this.#signed.get(name)
    // A clock that was set back must not make an old signature look new for ever.
    if (known && Math.abs(nowMs - known.signedMs) < ttlMs - renewBeforeMs) return known.token
    const claims = { roles }
    const token = signJwt(this.#key, { ...signedIdentity, subject: userId, nowMs, ttlMs, claims })
    this.#signed.delete(name)
    if (this.#signed.size >= maxRemembered) {
      const [oldest] = this.#signed.keys()
      if (oldest !== undefined) this.#signed.delete(oldest)
    }
    this.#signed.set(name, { token, signedMs: nowMs })
    return token
  }
}
