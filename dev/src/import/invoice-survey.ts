import { guestCustomerId, parseInvoice, type Invoice, type InvoiceItem } from '@millrace/contracts'
import { DevError } from '../errors.ts'
import { readLines } from './line-reader.ts'

/** Most customers, and most skus, of one file: all are held in memory. */
const maxNames = 500_000

export interface SurveyedCustomer {
  /** Of the first invoice; null for the guest, whose invoices come from everywhere. */
  readonly country: string | null
  /** What the orders cost together. */
  readonly spentMills: number
}

export interface SurveyedProduct {
  /** The first description that anything bought or given back has; null: there is none. */
  readonly name: string | null
  /** The first price above 0; 0: there is none. */
  readonly unitPriceMills: number
  /** Units that must be there so that all orders can be served, whatever adjustments take off. */
  readonly neededQuantity: number
}

/** Who and what a file of invoices names. Lines that cannot be taken are left out: the import itself says why. */
export interface InvoiceSurvey {
  readonly customers: ReadonlyMap<string, SurveyedCustomer>
  readonly products: ReadonlyMap<string, SurveyedProduct>
  /** Time of the first invoice; null: the file has none. */
  readonly beginsAt: string | null
  /** What looks odd and is taken as it is. */
  readonly oddities: InvoiceOddities
}

export interface InvoiceOddities {
  /** Orders and cancellations that name no customer. */
  readonly guestInvoices: number
  /** Orders that cost nothing. */
  readonly freeOrders: number
  /** Items of orders and cancellations at price 0. */
  readonly freeItems: number
  /** Items of orders and cancellations without a description. */
  readonly namelessItems: number
  /** Items whose sku does not begin with a digit: postage, discounts, fees and the like. */
  readonly itemsOfOtherSkus: number
}

/** Reads the whole file once. @throws DevError `MR_DEV_IMPORT_FAILED` */
export async function surveyInvoices(path: string): Promise<InvoiceSurvey> {
  const survey = new Survey(path)
  for await (const { text } of readLines(path, () => {})) {
    const parsed = parseInvoice(jsonOf(text))
    if ('invoice' in parsed) survey.add(parsed.invoice)
  }
  return survey
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The import refuses the line by its number.
    return undefined
  }
}

class Survey implements InvoiceSurvey {
  readonly #path: string
  readonly customers = new Map<string, SurveyedCustomer>()
  readonly products = new Map<string, SurveyedProduct>()
  beginsAt: string | null = null
  readonly oddities = {
    guestInvoices: 0,
    freeOrders: 0,
    freeItems: 0,
    namelessItems: 0,
    itemsOfOtherSkus: 0,
  }

  constructor(path: string) {
    this.#path = path
  }

  add(invoice: Invoice): void {
    this.beginsAt ??= invoice.createdAt
    const isAdjustment = invoice.kind === 'stock-adjustment'
    if (!isAdjustment) this.#addCustomer(invoice)
    for (const item of invoice.items) {
      this.#addProduct(item, isAdjustment)
      if (!isAdjustment) this.#countOddities(item)
    }
    if (this.customers.size > maxNames || this.products.size > maxNames)
      throw new DevError(
        'MR_DEV_IMPORT_FAILED',
        `${this.#path} names more than ${maxNames} customers or skus. Divide it into several files and import them one after the other.`,
        { path: this.#path, maxNames },
      )
  }

  #addCustomer({ customerId, country, kind, totalMills }: Invoice): void {
    const isGuest = customerId === guestCustomerId
    const known = this.customers.get(customerId)
    this.customers.set(customerId, {
      country: isGuest ? null : (known?.country ?? country),
      spentMills: (known?.spentMills ?? 0) + (kind === 'order' ? totalMills : 0),
    })
    if (isGuest) this.oddities.guestInvoices++
    if (kind === 'order' && totalMills === 0) this.oddities.freeOrders++
  }

  /** Descriptions of adjustments tell what happened to the goods ("damaged"), not what they are. */
  #addProduct(item: InvoiceItem, isAdjustment: boolean): void {
    const { sku, quantity, unitPriceMills } = item
    const known = this.products.get(sku)
    // Orders sell what is above 0, adjustments take off what is below; what comes back from a customer does not go on sale again.
    const needed = isAdjustment ? Math.max(0, -quantity) : Math.max(0, quantity)
    this.products.set(sku, {
      name: known?.name ?? (isAdjustment ? null : item.description),
      unitPriceMills: known?.unitPriceMills || unitPriceMills,
      neededQuantity: (known?.neededQuantity ?? 0) + needed,
    })
  }

  #countOddities({ sku, description, unitPriceMills }: InvoiceItem): void {
    if (unitPriceMills === 0) this.oddities.freeItems++
    if (description === null) this.oddities.namelessItems++
    if (!/^\d/.test(sku)) this.oddities.itemsOfOtherSkus++
  }
}
