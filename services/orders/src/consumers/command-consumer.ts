import {
  ordersTopic,
  productEvents,
  productEventsTopic,
  sagaOrderEvents,
  userEvents,
  userEventsTopic,
  type TopicDefinition,
} from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import type { BatchHandler } from '@millrace/inbox'
import type { EndOrders } from './end-orders.ts'
import { notePeers } from './note-peers.ts'

/** What the command side listens to. */
export const commandTopics: readonly TopicDefinition[] = [
  ordersTopic,
  userEventsTopic,
  productEventsTopic,
]

export const commandContracts = new ContractRegistry([
  ...sagaOrderEvents,
  ...userEvents,
  ...productEvents,
])

/** Batches are of one topic. */
export function handleCommandEvents(endOrders: EndOrders): BatchHandler {
  return async (events, context) => {
    if (events[0]?.topic === ordersTopic.name) await endOrders.handle(events, context)
    else await notePeers(events, context)
  }
}
