import type { Clock } from '@millrace/core'
import type { HttpIdempotency } from '@millrace/inbox'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { FastifyRequest, ServiceApp, ServiceContext } from '@millrace/runtime'
import type { PasswordHashes } from '../password-hash.ts'
import type { Sessions } from '../sessions.ts'
import type { SigningKeys } from '../signing-keys.ts'
import type { Tries } from '../tries.ts'

/** What routes work with. */
export interface RouteContext {
  readonly app: ServiceApp
  readonly database: Database
  readonly outbox: Outbox
  /** Answers to requests with an `Idempotency-Key`. */
  readonly idempotency: HttpIdempotency
  readonly hashes: PasswordHashes
  readonly sessions: Sessions
  readonly keys: SigningKeys
  readonly tries: Tries
  readonly clock: Clock
  /** Who is named by headers that another service hands on. */
  readonly identify: ServiceContext['identify']
  /** Scripts' people, `demo-<anything>`, come about when they are first asked for. */
  readonly hasScriptedPeople: boolean
}

export const usersPath = '/api/users'
export const sessionsPath = '/api/sessions'

/** Where a request comes from: the gateway says it, and overwrites what clients send. */
export function addressOf(request: FastifyRequest): string {
  const forwarded = request.headers['x-forwarded-for']
  return typeof forwarded === 'string' && forwarded !== '' ? forwarded.slice(0, 200) : request.ip
}
