import { answerOnce, causationOf, userOf } from '@millrace/runtime'
import { inWords } from '../domain/order-state.ts'
import { ordersProblem } from '../errors.ts'
import { publishCancelAsked } from '../orders.ts'
import { askToCancel } from '../sql/ask-to-cancel.ts'
import { knownOrderId, orderPath, type RouteContext } from './context.ts'
import { CancelAnswer, OrderParams } from './schemas.ts'

/** Takes the wish to cancel; whether it is granted is the saga's to say, since it alone knows whether it has decided. */
export function registerCancel({ app, outbox, keys }: RouteContext): void {
  app.post(
    `${orderPath}/cancel`,
    {
      schema: {
        tags: ['orders'],
        summary: 'Ask to cancel an order of your own that is not decided yet',
        description: 'Asking again changes nothing.',
        params: OrderParams,
        response: { 202: CancelAnswer },
      },
    },
    async (request, reply) => {
      const customerId = userOf(request)
      const orderId = knownOrderId(request.params.orderId)
      await answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => {
          const order = await askToCancel(tx, orderId, customerId)
          if (!order) throw ordersProblem('MR_ORDERS_NOT_FOUND')
          if (order.status !== 'NEW')
            throw ordersProblem('MR_ORDERS_ENDED_ALREADY', { more: `It is ${inWords(order)}.` })
          const eventId = order.isFirst
            ? publishCancelAsked(tx, orderId, causationOf(request))
            : undefined
          return {
            status: 202,
            headers: {
              location: orderPath.replace(':orderId', orderId),
              ...(eventId !== undefined && { 'x-event-id': eventId }),
            },
            body: { orderId, status: order.status, cancel: 'asked' },
          }
        },
      })
    },
  )
}
