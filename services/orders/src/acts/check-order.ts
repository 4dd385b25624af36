import type { Queryable } from '@millrace/postgres'
import type { FieldError } from '@millrace/runtime'
import { priceOrder, type AskedLine } from '../domain/price-order.ts'
import { ordersProblem } from '../errors.ts'
import { checkUser } from '../peers/check-user.ts'
import { findPrices } from '../peers/find-prices.ts'
import type { Peer } from '../peers/peer.ts'
import type { NewOrder } from '../sql/insert-order.ts'

export interface OrderChecks {
  readonly users: Peer
  readonly catalog: Peer
  /** What the services' events have said. */
  readonly database: Queryable
}

/**
 * Finds out whether the customer exists and what the lines cost, both at once and before any transaction.
 * @throws ProblemError 422 for what is wrong with the order, 503 where nobody can tell
 */
export async function checkOrder(
  { users, catalog, database }: OrderChecks,
  asked: { readonly customerId: string; readonly lines: readonly AskedLine[] },
  headers: Readonly<Record<string, string>>,
): Promise<NewOrder> {
  const { customerId, lines } = asked
  const skus = lines.map((line) => line.sku)
  const [userCheck, prices] = await Promise.all([
    checkUser(users, database, customerId, headers),
    findPrices(catalog, database, skus, headers),
  ])
  if (userCheck === 'unknown') throw ordersProblem('MR_ORDERS_UNKNOWN_USER')
  if (userCheck === 'cannot-tell') throw ordersProblem('MR_ORDERS_USER_UNCHECKED')
  const priced = priceOrder(lines, prices.priceOf)
  if (priced.kind === 'too-much') throw ordersProblem('MR_ORDERS_TOTAL_TOO_LARGE')
  if (priced.kind === 'unknown-skus') {
    const code = prices.isComplete ? 'MR_ORDERS_UNKNOWN_SKU' : 'MR_ORDERS_PRODUCTS_UNCHECKED'
    throw ordersProblem(code, { errors: priced.at.map((at) => errorOf(at, prices.isComplete)) })
  }
  const { items, totalMills } = priced
  return { customerId, items, totalMills, userCheck, priceCheck: prices.priceCheck }
}

function errorOf(at: number, isKnown: boolean): FieldError {
  const reason = isKnown ? 'is not sold here' : 'cannot be looked up just now'
  return { field: `items[${at}].sku`, reason, in: 'body' }
}
