import type { FieldError } from '@millrace/runtime'
import { priceOrder, type AskedLine } from '../domain/price-order.ts'
import { ordersProblem } from '../errors.ts'
import type { PriceChecks } from '../peers/price-checks.ts'
import type { UserChecks, UserToCheck } from '../peers/user-checks.ts'
import type { NewOrder } from '../sql/insert-orders.ts'

export interface OrderChecks {
  readonly userChecks: UserChecks
  readonly priceChecks: PriceChecks
}

/**
 * Finds out whether the customer exists and what the lines cost, both at once and before any transaction.
 * @throws ProblemError 422 for what is wrong with the order, 503 where nobody can tell
 */
export async function checkOrder(
  { userChecks, priceChecks }: OrderChecks,
  customer: UserToCheck,
  lines: readonly AskedLine[],
): Promise<NewOrder> {
  const { userId: customerId, journey } = customer
  const skus = lines.map((line) => line.sku)
  const [userCheck, prices] = await Promise.all([
    userChecks.check(customer),
    priceChecks.find(skus, journey),
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
