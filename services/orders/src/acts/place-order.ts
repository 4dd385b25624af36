import type { Order } from '@millrace/contracts'
import type { CausationContext } from '@millrace/events'
import type { OutboxTransaction } from '@millrace/outbox'
import { publishPlaced } from '../orders.ts'
import { insertOrder, type NewOrder } from '../sql/insert-order.ts'

export interface PlacedOrder {
  readonly order: Order
  readonly eventId: string
}

/** Takes an order: row, lines and both events, in the caller's transaction. */
export async function placeOrder(
  tx: OutboxTransaction,
  wanted: NewOrder,
  context: CausationContext,
): Promise<PlacedOrder> {
  const { orderId, createdAt } = await insertOrder(tx, wanted)
  const { customerId, items, totalMills, userCheck } = wanted
  const order: Order = {
    orderId: String(orderId),
    customerId,
    items: [...items],
    totalMills,
    userCheck,
    createdAt: createdAt.toISOString(),
    status: 'NEW',
    source: null,
  }
  return { order, eventId: publishPlaced(tx, order, context) }
}
