import type { Clock, Logger } from '@millrace/core'
import type { HttpIdempotency, InboxConsumer } from '@millrace/inbox'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { ServiceApp } from '@millrace/runtime'
import type { Peer } from '../peers/peer.ts'
import type { PriceChecks } from '../peers/price-checks.ts'
import type { UserChecks } from '../peers/user-checks.ts'
import { ordersProblem } from '../errors.ts'
import type { ReadTables } from '../read-side/read-tables.ts'

/** What routes work with. */
export interface RouteContext {
  readonly app: ServiceApp
  /** The write model. */
  readonly database: Database
  readonly readDatabase: Database
  readonly tables: ReadTables
  readonly outbox: Outbox
  /** Answers to requests with an `Idempotency-Key`. */
  readonly keys: HttpIdempotency
  readonly users: Peer
  readonly catalog: Peer
  readonly userChecks: UserChecks
  readonly priceChecks: PriceChecks
  /** Ends orders, and notes people and products; undefined where Kafka is off. */
  readonly commands: InboxConsumer | undefined
  /** Builds the read model; undefined where Kafka is off. */
  readonly reader: InboxConsumer | undefined
  readonly mode: 'development' | 'production'
  readonly clock: Clock
  readonly logger: Logger
}

const maxOrderId = 2n ** 63n - 1n

/**
 * An id that the pattern lets pass and a bigint of Postgres does not hold is nobody's.
 * @throws ProblemError 404
 */
export function knownOrderId(orderId: string): string {
  if (BigInt(orderId) > maxOrderId) throw ordersProblem('MR_ORDERS_NOT_FOUND')
  return orderId
}

export const basePath = '/api/orders'
export const orderPath = `${basePath}/:orderId`
