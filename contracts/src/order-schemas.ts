import { Type, type Static } from 'typebox'

/** Thousandths of a pound: the invoices' prices have up to three decimals, and sums of integers are exact. */
export const MillsSchema = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const SkuSchema = Type.String({ minLength: 1, maxLength: 50 })

/** A bigint of the order database, written in decimal; on topics the key is the same number in 8 bytes, big-endian, as Java's Long. */
export const OrderIdSchema = Type.String({ pattern: '^[1-9][0-9]{0,18}$' })

/** Most lines of one order. */
export const maxOrderLines = 1_000

export const OrderLineSchema = Type.Object({
  sku: SkuSchema,
  quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** The price at order time. */
  unitPriceMills: MillsSchema,
})

/** NEW is the only status that another follows. */
export const OrderStatusSchema = Type.Union([
  Type.Literal('NEW'),
  Type.Literal('CONFIRMED'),
  Type.Literal('REJECTED'),
  Type.Literal('ROLLBACK'),
])

/** What ended an order that was not confirmed. */
export const OrderSourceSchema = Type.Union([
  Type.Literal('PAYMENT'),
  Type.Literal('INVENTORY'),
  Type.Literal('TIMEOUT'),
  Type.Literal('CUSTOMER'),
])

const order = {
  orderId: OrderIdSchema,
  customerId: Type.String({ minLength: 1, maxLength: 100 }),
  items: Type.Array(OrderLineSchema, { minItems: 1, maxItems: maxOrderLines }),
  /** Sum over the lines of quantity × price. */
  totalMills: MillsSchema,
  /** `projected`: the users service did not answer, and its events said that the customer exists. */
  userCheck: Type.Union([Type.Literal('checked'), Type.Literal('projected')]),
  /** When the order was taken, ISO 8601 in UTC. */
  createdAt: Type.String({ minLength: 20, maxLength: 35 }),
}

/** An order as it travels on `orders`: who it is for, what is in it and how it stands. */
export const OrderSchema = Type.Object({
  ...order,
  status: OrderStatusSchema,
  /** Null while NEW and when CONFIRMED. REJECTED (both said no) names the side whose answer came second. */
  source: Type.Union([OrderSourceSchema, Type.Null()]),
})

/** One side's answer to a new order. */
export const OrderAnswerSchema = Type.Object({
  ...order,
  status: Type.Union([Type.Literal('ACCEPT'), Type.Literal('REJECT')]),
  source: Type.Union([Type.Literal('PAYMENT'), Type.Literal('INVENTORY')]),
  /** Of a REJECT, in plain words for the customer; null for ACCEPT. */
  reason: Type.Union([Type.String({ maxLength: 500 }), Type.Null()]),
})

export type Order = Static<typeof OrderSchema>
export type OrderAnswer = Static<typeof OrderAnswerSchema>
export type OrderLine = Static<typeof OrderLineSchema>
export type OrderStatus = Static<typeof OrderStatusSchema>
export type OrderSource = Static<typeof OrderSourceSchema>
