import type { HttpIdempotency } from '@millrace/inbox'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { ServiceApp } from '@millrace/runtime'

/** What routes work with. */
export interface RouteContext {
  readonly app: ServiceApp
  readonly database: Database
  readonly outbox: Outbox
  /** Answers to requests with an `Idempotency-Key`. */
  readonly keys: HttpIdempotency
}

export const basePath = '/api/discussions'
