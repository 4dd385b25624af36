/** What the peer's orders service asks payments and stock. */
import { OrderIdSchema } from '@millrace/contracts'
import { Type, type Static } from 'typebox'

export const Answer = Type.Object({
  answer: Type.Union([Type.Literal('ACCEPT'), Type.Literal('REJECT')]),
})
export type Answer = Static<typeof Answer>

export const FinishBody = Type.Object({ orderId: OrderIdSchema, isConfirmed: Type.Boolean() })
