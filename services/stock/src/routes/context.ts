import type { HttpIdempotency, InboxConsumer } from '@millrace/inbox'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { FastifyRequest, ServiceApp } from '@millrace/runtime'

/** What routes work with. */
export interface RouteContext {
  readonly app: ServiceApp
  readonly database: Database
  readonly outbox: Outbox
  /** Answers to requests with an `Idempotency-Key`. */
  readonly keys: HttpIdempotency
  /** Who asks, if they may manage the shop: staff and admins; in development whoever is named. @throws ProblemError 401, 403 */
  readonly managerOf: (request: FastifyRequest) => string
}

/** What is known of the consumer of orders; undefined where it is switched off. */
export type Consuming = Pick<InboxConsumer, 'stats'> | undefined

export const basePath = '/api/stock'
