import { ProblemError, type FieldError } from '@millrace/runtime'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const ordersProblems = {
  MR_ORDERS_NOT_FOUND: 404,
  MR_ORDERS_ENDED_ALREADY: 409,
  MR_ORDERS_UNKNOWN_USER: 422,
  MR_ORDERS_UNKNOWN_SKU: 422,
  MR_ORDERS_TOTAL_TOO_LARGE: 422,
  MR_ORDERS_USER_UNCHECKED: 503,
  MR_ORDERS_PRODUCTS_UNCHECKED: 503,
  MR_ORDERS_READ_MODEL_AWAY: 503,
  MR_ORDERS_IMPORT_AHEAD: 503,
} as const

export type OrdersProblemCode = keyof typeof ordersProblems

const details: Record<OrdersProblemCode, string> = {
  MR_ORDERS_NOT_FOUND: 'You have no order with this id.',
  MR_ORDERS_ENDED_ALREADY:
    'The order has ended and cannot be cancelled any more. Nothing was changed.',
  MR_ORDERS_UNKNOWN_USER:
    'The account this order is for does not exist, or was removed. Nothing was stored.',
  MR_ORDERS_UNKNOWN_SKU:
    'Some of the products are not sold here. Take them out, and send the order again. Nothing was stored.',
  MR_ORDERS_TOTAL_TOO_LARGE: 'The sum of this order is too large. Nothing was stored.',
  MR_ORDERS_USER_UNCHECKED:
    'It cannot be checked just now whether your account exists: the users service does not answer, and has said nothing of it before. Nothing was stored; try again in a moment.',
  MR_ORDERS_PRODUCTS_UNCHECKED:
    'The price of some products cannot be found out just now: the catalogue does not answer, and has said nothing of them before. Nothing was stored; try again in a moment.',
  MR_ORDERS_READ_MODEL_AWAY:
    'Orders cannot be listed just now: the database of the list is away. Orders are taken all the same, and each can be looked up by its id.',
  MR_ORDERS_IMPORT_AHEAD:
    'The saga has to decide the orders that are open first, lest they run out of time. Nothing of this batch was stored; send it again in a moment.',
}

/** @param more added to the detail, for people */
export function ordersProblem(
  code: OrdersProblemCode,
  { errors, more }: { readonly errors?: readonly FieldError[]; readonly more?: string } = {},
): ProblemError {
  const status = ordersProblems[code]
  const detail = more === undefined ? details[code] : `${details[code]} ${more}`
  return new ProblemError(status, code, detail, {
    ...(errors && { errors }),
    ...(status === 503 && { headers: { 'retry-after': '2' } }),
  })
}
