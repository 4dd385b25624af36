import {
  productRemoved,
  productEventsTopic,
  userDeleted,
  userEventsTopic,
} from '@millrace/contracts'
import type { ReceivedEvent } from '@millrace/inbox'
import type { Queryable } from '@millrace/postgres'
import { noteProducts, type ProductNote } from '../sql/note-products.ts'
import { noteUsers, type UserNote } from '../sql/note-users.ts'

/** Keeps what users and the catalogue say of themselves, for when they do not answer. */
export async function notePeers(
  events: readonly ReceivedEvent[],
  { tx }: { readonly tx: Queryable },
): Promise<void> {
  // The last word about each counts: events of one key come in order.
  const users = new Map<string, UserNote>()
  const products = new Map<string, ProductNote>()
  for (const { event, topic } of events) {
    if (topic === userEventsTopic.name) {
      const { userId } = event.data as { readonly userId: string }
      users.set(userId, { userId, isDeleted: event.eventType === userDeleted.eventType })
    } else if (topic === productEventsTopic.name) {
      const { sku, unitPriceMills } = event.data as ProductNote
      const isRemoved = event.eventType === productRemoved.eventType
      products.set(sku, { sku, unitPriceMills: isRemoved ? null : unitPriceMills })
    }
  }
  if (users.size > 0) await noteUsers(tx, [...users.values()])
  if (products.size > 0) await noteProducts(tx, [...products.values()])
}
