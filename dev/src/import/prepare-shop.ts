import { createHash } from 'node:crypto'
import { guestCustomerId } from '@millrace/contracts'
import type { ImportDoor } from './import-client.ts'
import type { InvoiceSurvey } from './invoice-survey.ts'

/** As many as fit into a request of each route, the smallest of which takes 500. */
const chunkSize = 500

export interface PreparedShop {
  readonly customersCreated: number
  readonly productsCreated: number
}

interface Created {
  readonly result: 'created' | 'exists'
}

/** Customers and products that invoices name; those that are there stay as they are. */
export async function introduce(
  client: ImportDoor,
  { customers, products }: InvoiceSurvey,
): Promise<PreparedShop> {
  const users = [...customers].map(([id, { country }]) => ({
    id,
    name: id === guestCustomerId ? 'Guest' : `Customer ${id}`,
    country,
  }))
  const goods = [...products].map(([sku, { name, unitPriceMills }]) => ({
    sku,
    name: name ?? sku,
    unitPriceMills,
    stockUnit: 'piece',
  }))
  return {
    customersCreated: await sendAll(client, '/api/users/import', 'users', users),
    productsCreated: await sendAll(client, '/api/products/import', 'products', goods),
  }
}

/**
 * Money and goods for all orders of a file, to the penny and the piece, booked at the time of the first invoice.
 * @param fileName says of which file they are: for one file they are given once, however often it is imported
 */
export async function fund(
  client: ImportDoor,
  { customers, products, beginsAt: at }: InvoiceSurvey,
  fileName: string,
): Promise<void> {
  if (at === null) return
  const reason = 'For imported orders'
  const deposits = [...customers]
    .filter(([, { spentMills }]) => spentMills > 0)
    .map(([customerId, { spentMills: amountMills }]) => {
      const id = idOf(fileName, 'funds', customerId)
      return { id, customerId, amountMills, reason, at }
    })
  const receipts = [...products]
    .filter(([, { neededQuantity }]) => neededQuantity > 0)
    .map(([sku, { neededQuantity: quantity }]) => {
      const id = idOf(fileName, 'goods', sku)
      return { id, sku, quantity, reason, at }
    })
  await sendAll(client, '/api/payments/import', 'lines', deposits)
  await sendAll(client, '/api/stock/import', 'lines', receipts)
}

/** Short enough for any route, whatever the customer is called. */
function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)
}

/** @returns how many were not there */
async function sendAll(
  client: ImportDoor,
  path: string,
  field: string,
  things: readonly object[],
): Promise<number> {
  let created = 0
  for (let start = 0; start < things.length; start += chunkSize) {
    const chunk = things.slice(start, start + chunkSize)
    const results = await client.send<Created>(path, { [field]: chunk })
    created += results.filter(({ result }) => result === 'created').length
  }
  return created
}
