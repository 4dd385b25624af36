import {
  causationOf,
  contextOf,
  identityOf,
  keepableAnswer,
  keyedRequestOf,
  sendKept,
  userOf,
  type FastifyRequest,
  type KeptAnswer,
} from '@millrace/runtime'
import { checkOrder } from '../acts/check-order.ts'
import { OrderDesk } from '../acts/order-desk.ts'
import { waitsFor } from '../domain/order-state.ts'
import { basePath, type RouteContext } from './context.ts'
import { NewOrderBody, PlacedOrder } from './schemas.ts'

/** Takes orders. */
export function registerPlace(context: RouteContext): void {
  const { app, database, outbox, keys } = context
  const desk = new OrderDesk(outbox, keys)
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
      const { correlationId, traceparent } = contextOf(request)
      const customer = {
        userId: customerId,
        identity: identityOf(request),
        journey: { 'x-correlation-id': correlationId, traceparent },
      }
      const wanted = await checkOrder(context, customer, request.body.items)
      const { answer, isReplayed } = await desk.take({
        wanted,
        context: causationOf(request),
        key: keyedRequestOf(request),
        answerOf: (order, eventId) =>
          keepableAnswer(reply, {
            status: 201,
            headers: { location: `${basePath}/${order.orderId}`, 'x-event-id': eventId },
            body: {
              ...order,
              priceCheck: wanted.priceCheck,
              waitsFor: waitsFor(order.status, { payment: false, stock: false }),
            },
          }),
      })
      return sendKept(reply, answer, isReplayed)
    },
  )

  async function keptAnswer(request: FastifyRequest): Promise<KeptAnswer | undefined> {
    const asked = keyedRequestOf(request)
    if (!asked) return undefined
    const claim = await database.transaction((tx) => keys.claim(tx, asked))
    return claim.kind === 'answered' ? claim.response : undefined
  }
}
