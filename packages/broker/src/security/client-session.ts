import { randomBytes } from 'node:crypto'
import { assert, type Clock } from '@millrace/core'
import {
  apiVersionsApi,
  errorCodes,
  saslAuthenticateApi,
  saslHandshakeApi,
  type SaslAuthenticateResponseInput,
  type SaslHandshakeResponseInput,
} from '@millrace/protocol'
import { ConnectionFault } from '../connection-fault.ts'
import { limits } from '../limits.ts'
import type { Authentication } from '../net/listener-options.ts'
import type { Access } from './access.ts'
import { SaslExchange } from './sasl-exchange.ts'
import type { SaslMechanism } from './security-options.ts'
import type { SecurityState } from './security-state.ts'

/** Principal of whoever did not say who it is. */
export const ANONYMOUS = 'User:ANONYMOUS'

/**
 * - UNAUTHENTICATED: nothing was shown yet. - CHOSEN: a mechanism was agreed on, its messages follow.
 * - AUTHENTICATED: everything is served. - RECHOSEN: as CHOSEN, by a client that is authenticated and goes on as who it was (KIP-368).
 * - REFUSED: the connection is about to close.
 */
export const SessionState = {
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  CHOSEN: 'CHOSEN',
  AUTHENTICATED: 'AUTHENTICATED',
  RECHOSEN: 'RECHOSEN',
  REFUSED: 'REFUSED',
} as const
export type SessionState = (typeof SessionState)[keyof typeof SessionState]
const { UNAUTHENTICATED, CHOSEN, AUTHENTICATED, RECHOSEN, REFUSED } = SessionState

export const sessionMoves = {
  UNAUTHENTICATED: [CHOSEN, REFUSED],
  CHOSEN: [AUTHENTICATED, REFUSED],
  AUTHENTICATED: [RECHOSEN, REFUSED],
  RECHOSEN: [AUTHENTICATED, REFUSED],
  REFUSED: [],
} as const satisfies Record<SessionState, readonly SessionState[]>

export interface ClientSessionOptions {
  readonly security: SecurityState
  /** What the listener asks of its clients. */
  readonly authentication: Authentication
  readonly clock: Clock
  readonly clientHost: string
  /** Of the client's certificate, when it showed one. */
  readonly certificatePrincipal?: string | undefined
  /** Aborted when the connection closes. */
  readonly closed: AbortSignal
  /** Closes the connection. */
  readonly close: (reason: string) => void
}

/** Who the client of one connection is, and what it may ask for. Owned by its connection; requests of SASL come one after the other. */
export class ClientSession {
  readonly #options: ClientSessionOptions
  #state: SessionState
  #principal: string
  #access: Access | undefined
  #mechanism: SaslMechanism | undefined
  #exchange: SaslExchange | undefined
  /** On the monotonic clock; undefined: the session does not end. */
  #endsMs: number | undefined

  constructor(options: ClientSessionOptions) {
    this.#options = options
    const isAsked = options.authentication.mechanisms.length > 0
    this.#state = isAsked ? UNAUTHENTICATED : AUTHENTICATED
    this.#principal = isAsked ? ANONYMOUS : (options.certificatePrincipal ?? ANONYMOUS)
    this.#access = this.#accessNow()
    if (isAsked) this.#limitTime()
  }

  /** For example `User:anna`. */
  get principal(): string {
    return this.#principal
  }

  /** What it may do; undefined where there is no authorization. */
  get access(): Access | undefined {
    return this.#access
  }

  /** A client that is not authenticated gets little memory. */
  get maxFrameBytes(): number {
    return this.#isUnauthenticated ? limits.unauthenticatedFrameBytes : limits.frameBytes
  }

  /**
   * Lets a request pass, or says why its connection is closed, as Kafka closes it without an answer.
   * @throws ConnectionFault
   */
  admit(apiKey: number): void {
    const isOfSasl = apiKey === saslHandshakeApi.key || apiKey === saslAuthenticateApi.key
    switch (this.#state) {
      case UNAUTHENTICATED:
        if (apiKey === saslHandshakeApi.key || apiKey === apiVersionsApi.key) return
        throw new ConnectionFault(`key ${apiKey} was sent before a SaslHandshake`)
      case CHOSEN:
        if (isOfSasl || apiKey === apiVersionsApi.key) return
        throw new ConnectionFault(`key ${apiKey} was sent before authentication`)
      case AUTHENTICATED:
      case RECHOSEN:
        if (!isOfSasl && apiKey !== apiVersionsApi.key && this.#isOver())
          throw new ConnectionFault('the session is over and was not renewed')
        return
      case REFUSED:
        throw new ConnectionFault('authentication had failed')
    }
  }

  /** SaslHandshake: agrees on a mechanism. */
  handshake(version: number, mechanism: string): SaslHandshakeResponseInput {
    const mechanisms = this.#options.authentication.mechanisms
    const refuse = (errorCode: number): SaslHandshakeResponseInput => ({ errorCode, mechanisms })
    const isIllegal =
      this.#state === AUTHENTICATED ? !this.#mayRenew() : this.#state !== UNAUTHENTICATED
    if (isIllegal) {
      // Kafka answers an authenticated client that has no session to renew, and ends the others.
      if (this.#state !== AUTHENTICATED) this.#end()
      return { errorCode: errorCodes.ILLEGAL_SASL_STATE, mechanisms: [] }
    }
    const chosen = mechanisms.find((one) => one === mechanism)
    // After version 0 bare tokens would follow, without any frame that can be checked.
    if (version === 0) return this.#endWith(refuse(errorCodes.UNSUPPORTED_VERSION))
    if (chosen === undefined) return this.#endWith(refuse(errorCodes.UNSUPPORTED_SASL_MECHANISM))
    // KIP-368: who renews a session goes on with the mechanism it began with.
    if (this.#mechanism !== undefined && this.#mechanism !== chosen)
      return this.#endWith(refuse(errorCodes.UNSUPPORTED_SASL_MECHANISM))
    this.#mechanism = chosen
    this.#exchange = new SaslExchange(chosen, this.#options.security.users, randomNonce)
    this.#move(this.#state === AUTHENTICATED ? RECHOSEN : CHOSEN)
    return { errorCode: errorCodes.NONE, mechanisms }
  }

  /** SaslAuthenticate: one round of the mechanism. */
  async authenticate(version: number, bytes: Buffer): Promise<SaslAuthenticateResponseInput> {
    const exchange = this.#exchange
    if (exchange === undefined) return answerWithoutExchange()
    const step = await exchange.next(bytes)
    if (step.kind === 'challenge')
      return { errorCode: errorCodes.NONE, errorMessage: '', authBytes: step.bytes }
    if (step.kind === 'failed') return this.#refuse(step.text)
    const principal = `User:${step.username}`
    if (this.#state === RECHOSEN && principal !== this.#principal)
      return this.#refuse('Cannot change principals during re-authentication.')
    this.#exchange = undefined
    this.#principal = principal
    this.#access = this.#accessNow()
    this.#move(AUTHENTICATED)
    const lifetimeMs = this.#options.authentication.maxReauthMs
    if (lifetimeMs > 0) this.#endsMs = this.#options.clock.monotonicMs() + lifetimeMs
    return {
      errorCode: errorCodes.NONE,
      errorMessage: '',
      authBytes: step.bytes,
      sessionLifetimeMs: version >= 1 ? BigInt(lifetimeMs) : 0n,
    }
  }

  get #isUnauthenticated(): boolean {
    return this.#state === UNAUTHENTICATED || this.#state === CHOSEN
  }

  #limitTime(): void {
    const { clock, close, closed } = this.#options
    const timer = clock.setTimer(limits.authenticationMs, () => {
      if (this.#isUnauthenticated) close('authentication took too long')
    })
    closed.addEventListener('abort', () => timer.cancel(), { once: true })
  }

  #accessNow(): Access | undefined {
    const { security, clientHost } = this.#options
    return security.accessOf({ principal: this.#principal, host: clientHost })
  }

  #mayRenew(): boolean {
    return this.#endsMs !== undefined
  }

  #isOver(): boolean {
    return this.#endsMs !== undefined && this.#options.clock.monotonicMs() >= this.#endsMs
  }

  #refuse(errorMessage: string): SaslAuthenticateResponseInput {
    const errorCode = errorCodes.SASL_AUTHENTICATION_FAILED
    return this.#endWith({ errorCode, errorMessage, authBytes: Buffer.alloc(0) })
  }

  #endWith<T>(answer: T): T {
    this.#end()
    return answer
  }

  /** The answer goes out, nothing more is taken, and a moment later the connection closes [connection.failed.authentication.delay.ms]. */
  #end(): void {
    this.#exchange = undefined
    this.#move(REFUSED)
    this.#options.clock.setTimer(limits.failedAuthenticationMs, () =>
      this.#options.close('authentication failed'),
    )
  }

  #move(to: SessionState): void {
    const moves: readonly SessionState[] = sessionMoves[this.#state]
    assert(moves.includes(to), `a session does not go from ${this.#state} to ${to}`)
    this.#state = to
  }
}

/** To an authenticated client: nobody else gets past `admit` without an exchange. */
function answerWithoutExchange(): SaslAuthenticateResponseInput {
  const errorMessage = 'SaslAuthenticate request received after successful authentication'
  return { errorCode: errorCodes.ILLEGAL_SASL_STATE, errorMessage, authBytes: Buffer.alloc(0) }
}

function randomNonce(): string {
  return randomBytes(24).toString('base64url')
}
