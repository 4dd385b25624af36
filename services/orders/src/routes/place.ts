import {
  answerOnce,
  callerHeadersOf,
  causationOf,
  keyedRequestOf,
  sendKept,
  userOf,
  type FastifyRequest,
  type KeptAnswer,
} from '@millrace/runtime'
import { checkOrder } from '../acts/check-order.ts'
import { placeOrder } from '../acts/place-order.ts'
import { waitsFor } from '../domain/order-state.ts'
import { basePath, type RouteContext } from './context.ts'
import { NewOrderBody, PlacedOrder } from './schemas.ts'

/** Takes orders. */
export function registerPlace(context: RouteContext): void {
  const { app, database, outbox, keys } = context
  app.post(
    basePath,
    {
      schema: {
        tags: ['orders'],
        summary: 'Place an order',
        description:
          'The order is NEW until payments and stock have answered. Send an Idempotency-Key, and repeat the request with it when no answer came.',
        body: NewOrderBody,
        response: { 201: PlacedOrder },
      },
    },
    async (request, reply) => {
      const customerId = userOf(request)
      // First of all: what was taken once is answered so, whatever has become of customer and products since.
      const kept = await keptAnswer(request)
      if (kept) return sendKept(reply, kept, true)
      const { items: lines } = request.body
      const wanted = await checkOrder(context, { customerId, lines }, callerHeadersOf(request))
      await answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => {
          const { order, eventId } = await placeOrder(tx, wanted, causationOf(request))
          return {
            status: 201,
            headers: { location: `${basePath}/${order.orderId}`, 'x-event-id': eventId },
            body: {
              ...order,
              priceCheck: wanted.priceCheck,
              waitsFor: waitsFor(order.status, { payment: false, stock: false }),
            },
          }
        },
      })
    },
  )

  async function keptAnswer(request: FastifyRequest): Promise<KeptAnswer | undefined> {
    const asked = keyedRequestOf(request)
    if (!asked) return undefined
    const claim = await database.transaction((tx) => keys.claim(tx, asked))
    return claim.kind === 'answered' ? claim.response : undefined
  }
}
