import { parseInvoice, type Invoice, type Order, type OrderLine } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import type { CausationContext } from '@millrace/events'
import type { Outbox, OutboxTransaction } from '@millrace/outbox'
import { ordersProblem } from './errors.ts'
import { publishConfirmed, publishInvoiceCancelled, publishPlaced } from './orders.ts'
import { beginImport } from './sql/begin-import.ts'
import { countOpenOrders } from './sql/count-open-orders.ts'
import { importCancellations, type ImportedCancellation } from './sql/import-cancellations.ts'
import { importOrders } from './sql/import-orders.ts'

/** What becomes of imported orders: `history` has ended, `live` goes through the saga. */
export type ImportMode = 'history' | 'live'

/**
 * Open orders beyond which no live ones are imported: an import is faster than the saga, and an order that waits for its turn until the saga's
 * final time-out (a minute) is rolled back. At 50 decisions a second these are decided in 20 s.
 */
export const openOrdersAtImport = 1_000

/** What became of one line. */
export interface LineResult {
  readonly id: string | null
  readonly result: 'created' | 'exists' | 'refused'
  readonly reason?: string
  /** Of an order that was created its own id, of a cancellation that of the order it takes back, if that is here. */
  readonly orderId?: string
}

/**
 * Takes invoices in one transaction: orders with the events that a public request would have led to, cancellations as records of their
 * own, each with its event. An invoice that is here is known by its number and left alone; one that cannot be taken is refused without harm to the others.
 * @returns one result per line, in order
 * @throws ProblemError 503 for `live` while the saga is behind
 */
export async function importBatch(
  outbox: Outbox,
  context: CausationContext,
  as: ImportMode,
  values: readonly unknown[],
): Promise<readonly LineResult[]> {
  const parsed = values.map(parseInvoice)
  const fresh = new Map<string, Invoice>()
  for (const each of parsed)
    if ('invoice' in each && !fresh.has(each.invoice.externalId))
      fresh.set(each.invoice.externalId, each.invoice)
  const created = await outbox.transaction((tx) => take(tx, [...fresh.values()], as, context))
  return parsed.map((each): LineResult => {
    if (!('invoice' in each)) return { id: each.id, result: 'refused', reason: each.reason }
    const { externalId: id, kind } = each.invoice
    if (kind === 'stock-adjustment')
      return { id, result: 'refused', reason: 'stock adjustments go to the stock service' }
    const result = created.get(id)
    // The same number a second time in one batch finds the first.
    created.delete(id)
    return result ?? { id, result: 'exists' }
  })
}

async function take(
  tx: OutboxTransaction,
  invoices: readonly Invoice[],
  as: ImportMode,
  context: CausationContext,
): Promise<Map<string, LineResult>> {
  const ordersHere = new Map(
    invoices.filter(({ kind }) => kind === 'order').map((order) => [order.externalId, order]),
  )
  const cancellations = invoices.filter(({ kind }) => kind === 'cancellation')
  await beginImport(tx)
  if (as === 'live' && (await countOpenOrders(tx)).count >= openOrdersAtImport)
    throw ordersProblem('MR_ORDERS_IMPORT_AHEAD')
  const status = as === 'history' ? 'CONFIRMED' : 'NEW'
  const results = new Map<string, LineResult>()
  for (const { externalId, orderId } of await importOrders(tx, status, [...ordersHere.values()])) {
    const invoice = ordersHere.get(externalId)
    if (invoice) publish(tx, invoice, orderId, as, context)
    results.set(externalId, { id: externalId, result: 'created', orderId })
  }
  const cancelling = new Map(cancellations.map((invoice) => [invoice.externalId, invoice]))
  for (const taken of await importCancellations(tx, cancellations)) {
    const { externalId, cancelsOrderId } = taken
    const invoice = cancelling.get(externalId)
    if (invoice) publishCancellation(tx, invoice, taken, context)
    results.set(externalId, {
      id: externalId,
      result: 'created',
      ...(cancelsOrderId === null ? {} : { orderId: cancelsOrderId }),
    })
  }
  return results
}

/** Each order is a journey of its own, not the batch. */
function publish(
  tx: OutboxTransaction,
  invoice: Invoice,
  orderId: string,
  as: ImportMode,
  { traceparent }: CausationContext,
): void {
  const context = { correlationId: uuidv7(), causationId: null, traceparent }
  const { externalId, country, customerId, totalMills, createdAt } = invoice
  const order: Order = {
    orderId,
    customerId,
    items: linesOf(invoice),
    totalMills,
    userCheck: 'checked',
    createdAt,
    status: 'NEW',
    source: null,
  }
  const origin = { externalId, country }
  if (as === 'live') publishPlaced(tx, order, context, origin)
  else publishConfirmed(tx, order, context, origin)
}

/** So is each cancellation. */
function publishCancellation(
  tx: OutboxTransaction,
  invoice: Invoice,
  { cancellationId, cancelsOrderId }: ImportedCancellation,
  { traceparent }: CausationContext,
): void {
  const { externalId, customerId, country, totalMills, cancels, createdAt } = invoice
  const cancellation = {
    cancellationId,
    externalId,
    customerId,
    country,
    items: linesOf(invoice),
    totalMills,
    cancelsExternalId: cancels,
    cancelsOrderId,
    createdAt,
  }
  const context = { correlationId: uuidv7(), causationId: null, traceparent }
  publishInvoiceCancelled(tx, cancellation, context)
}

/** As an order has them: those of a cancellation say what came back. */
function linesOf({ items }: Invoice): OrderLine[] {
  return items.map(({ sku, quantity, unitPriceMills }) => ({
    sku,
    quantity: Math.abs(quantity),
    unitPriceMills,
  }))
}
