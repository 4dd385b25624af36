import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ImportDoor } from './import-client.ts'
import { importFile, type ImportOptions, type ImportResult } from './import-file.ts'
import { InvoiceLines, type KindCount, type OrdersMode } from './invoice-lines.ts'
import { surveyInvoices, type InvoiceOddities } from './invoice-survey.ts'
import { fund, introduce, type PreparedShop } from './prepare-shop.ts'
import { fileSizeBytes } from './line-reader.ts'

export interface OrdersImportOptions extends Omit<ImportOptions, 'sender' | 'purpose'> {
  readonly client: ImportDoor
  readonly as: OrdersMode
}

export interface OrdersImportResult extends ImportResult, PreparedShop {
  readonly customers: number
  readonly products: number
  /** Of this run, by kind. */
  readonly counts: InvoiceLines['counts']
  /** Cancellations of this run whose order is here. */
  readonly linked: number
  /** Of the whole file. */
  readonly oddities: InvoiceOddities
}

/** Smaller than the route's 100: an invoice may have a thousand items. */
const batchLines = 50

/**
 * Imports a file of invoices: reads it once for who and what it names, introduces them, and for `live` gives them money and goods; then sends
 * the invoices in their order. All of it may be run again.
 */
export async function importOrders(options: OrdersImportOptions): Promise<OrdersImportResult> {
  const { client, as, ...rest } = options
  const { path } = options
  await fileSizeBytes(path)
  const survey = await surveyInvoices(path)
  const prepared = await introduce(client, survey)
  if (as === 'live') await fund(client, survey, await digestOf(path))
  const sender = new InvoiceLines(client, as)
  const result = await importFile({ batchLines, ...rest, sender, purpose: as })
  const { counts, linked } = sender
  return {
    ...result,
    ...prepared,
    customers: survey.customers.size,
    products: survey.products.size,
    counts,
    linked,
    oddities: survey.oddities,
  }
}

/** The result in lines for people; nothing of the file is left unmentioned. */
export function tellOrders(result: OrdersImportResult): readonly string[] {
  const { counts, oddities } = result
  const told = ({ created, exists }: KindCount) => `${created} imported, ${exists} there already`
  return [
    `Orders: ${told(counts.order)}. Cancellations: ${told(counts.cancellation)}; of the imported, ${result.linked} are linked to their order. Stock adjustments: ${told(counts['stock-adjustment'])}.`,
    `Customers: ${result.customers}, ${result.customersCreated} of them new. Products: ${result.products}, ${result.productsCreated} of them new.`,
    `Taken as they are, in the whole file: ${oddities.guestInvoices} invoices of nobody (now of "guest"), ${oddities.freeOrders} orders that cost nothing, ${oddities.freeItems} items at price 0, ${oddities.namelessItems} without a description, ${oddities.itemsOfOtherSkus} of skus that begin with a letter (postage, discounts, fees and the like).`,
  ]
}

/** Names the file by its content. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
