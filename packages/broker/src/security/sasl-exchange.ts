import type { SaslMechanism } from './security-options.ts'
import {
  finishScram,
  isSameCredential,
  parseClientFirst,
  serverFirst,
  type ScramExchange,
  type ScramMechanism,
} from './scram.ts'
import type { UserStore } from './user-store.ts'

/** What follows a client's message. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly bytes: Buffer }
  | { readonly kind: 'done'; readonly username: string; readonly bytes: Buffer }
  | { readonly kind: 'failed'; readonly text: string }

/** The server's side of one authentication. An unknown user fails at the same message, in the same words, as a wrong password. */
export class SaslExchange {
  readonly #mechanism: SaslMechanism
  readonly #users: UserStore
  readonly #makeNonce: () => string
  #scram: ScramExchange | undefined

  constructor(mechanism: SaslMechanism, users: UserStore, makeNonce: () => string) {
    this.#mechanism = mechanism
    this.#users = users
    this.#makeNonce = makeNonce
  }

  async next(bytes: Buffer): Promise<SaslStep> {
    if (this.#mechanism === 'PLAIN') return this.#plain(bytes)
    return this.#scram === undefined
      ? this.#scramFirst(this.#mechanism, bytes)
      : this.#scramFinal(this.#scram, bytes)
  }

  /** RFC 4616: authorization id, user, password, each followed by NUL but the last. */
  async #plain(bytes: Buffer): Promise<SaslStep> {
    const parts = bytes.toString().split('\0')
    const [authorizationId, username = '', password = ''] = parts
    if (parts.length !== 3 || username === '' || password === '')
      return failed('Authentication failed: the message of SASL mechanism PLAIN is malformed')
    if (authorizationId !== '' && authorizationId !== username)
      return failed('Authentication failed: the authorization id differs from the user name')
    return (await this.#users.hasPassword(username, password))
      ? { kind: 'done', username, bytes: Buffer.alloc(0) }
      : failed('Authentication failed: Invalid username or password')
  }

  #scramFirst(mechanism: ScramMechanism, bytes: Buffer): SaslStep {
    const first = parseClientFirst(bytes)
    if (first === undefined) return this.#invalid()
    if (first.authorizationId !== '' && first.authorizationId !== first.username)
      return failed('Authentication failed: the authorization id differs from the user name')
    const nonce = first.nonce + this.#makeNonce()
    const credential = this.#users.credentialOrStranger(first.username, mechanism)
    this.#scram = { mechanism, first, nonce, credential }
    return { kind: 'challenge', bytes: Buffer.from(serverFirst(nonce, credential)) }
  }

  #scramFinal(exchange: ScramExchange, bytes: Buffer): SaslStep {
    const { username } = exchange.first
    const final = finishScram(exchange, bytes)
    // The credential may have been taken away or changed between the two messages.
    const now = this.#users.credentials(username)?.get(exchange.mechanism)
    const isCurrent = now !== undefined && isSameCredential(now, exchange.credential)
    return final !== undefined && isCurrent
      ? { kind: 'done', username, bytes: Buffer.from(final) }
      : this.#invalid()
  }

  #invalid(): SaslStep {
    return failed(
      `Authentication failed during authentication due to invalid credentials with SASL mechanism ${this.#mechanism}`,
    )
  }
}

function failed(text: string): SaslStep {
  return { kind: 'failed', text }
}
