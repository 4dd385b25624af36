import { parseInvoice, type Invoice } from '@millrace/contracts'
import type { ImportDoor } from './import-client.ts'
import type { LineResult, LineSender } from './import-file.ts'

export type OrdersMode = 'history' | 'live'

/** What became of invoices of one kind in this run. */
export interface KindCount {
  created: number
  exists: number
}

/** Movements of one request to stock. */
const movementsAtOnce = 1_000
/** Characters of one request to orders, well below the 8 MB that it takes; a longer line goes alone. */
const charactersAtOnce = 2_000_000

interface OrderResult extends LineResult {
  readonly orderId?: string
}

/** Invoices, each to the service whose it is: orders and cancellations to orders, adjustments to stock. */
export class InvoiceLines implements LineSender {
  readonly #client: ImportDoor
  readonly #as: OrdersMode
  readonly counts: Readonly<Record<Invoice['kind'], KindCount>> = {
    order: { created: 0, exists: 0 },
    cancellation: { created: 0, exists: 0 },
    'stock-adjustment': { created: 0, exists: 0 },
  }
  /** Cancellations of this run whose order is here. */
  linked = 0

  constructor(client: ImportDoor, as: OrdersMode) {
    this.#client = client
    this.#as = as
  }

  async send(lines: readonly unknown[]): Promise<readonly LineResult[]> {
    const parsed = lines.map(parseInvoice)
    const kindAt = (index: number) => {
      const each = parsed[index]
      return each && 'invoice' in each ? each.invoice.kind : undefined
    }
    const forOrders = lines.filter((_, index) =>
      ['order', 'cancellation'].includes(kindAt(index) ?? ''),
    )
    const adjustments = parsed.flatMap((each) =>
      'invoice' in each && each.invoice.kind === 'stock-adjustment' ? [each.invoice] : [],
    )
    const ofOrders = (await this.#sendOrders(forOrders)).values()
    const ofStock = (await this.#sendAdjustments(adjustments)).values()
    return parsed.map((each): LineResult => {
      if (!('invoice' in each)) return { id: each.id, result: 'refused', reason: each.reason }
      const { kind, externalId: id } = each.invoice
      const { value } = kind === 'stock-adjustment' ? ofStock.next() : ofOrders.next()
      const result: OrderResult = value ?? { id, result: 'refused', reason: 'no answer for it' }
      this.#count(kind, result)
      return result
    })
  }

  #count(kind: Invoice['kind'], { result, orderId }: OrderResult): void {
    if (result === 'refused') return
    this.counts[kind][result]++
    if (kind === 'cancellation' && orderId !== undefined) this.linked++
  }

  async #sendOrders(lines: readonly unknown[]): Promise<readonly OrderResult[]> {
    const results: OrderResult[] = []
    let chunk: unknown[] = []
    let characters = 0
    const flush = async (): Promise<void> => {
      if (chunk.length === 0) return
      const body = { as: this.#as, lines: chunk }
      results.push(...(await this.#client.send<OrderResult>('/api/orders/import', body)))
      chunk = []
      characters = 0
    }
    for (const line of lines) {
      const length = JSON.stringify(line).length
      if (characters + length > charactersAtOnce) await flush()
      chunk.push(line)
      characters += length
    }
    await flush()
    return results
  }

  /** Each item is a movement, known by the invoice and its place in it. */
  async #sendAdjustments(invoices: readonly Invoice[]): Promise<readonly LineResult[]> {
    const movements = invoices.flatMap(({ externalId, items, createdAt: at }) =>
      items.map(({ sku, quantity, description }, index) => {
        const reason = (description ?? `Adjustment ${externalId}`).slice(0, 200)
        return { id: `${externalId}:${index + 1}`, sku, quantity, at, reason }
      }),
    )
    const created = new Set<string>()
    for (let start = 0; start < movements.length; start += movementsAtOnce) {
      const chunk = movements.slice(start, start + movementsAtOnce)
      const results = await this.#client.send<LineResult>('/api/stock/import', { lines: chunk })
      for (const { id, result } of results) if (id !== null && result === 'created') created.add(id)
    }
    return invoices.map(({ externalId: id, items }) => {
      const isNew = items.some((_, index) => created.has(`${id}:${index + 1}`))
      return { id, result: isNew ? 'created' : 'exists' }
    })
  }
}
