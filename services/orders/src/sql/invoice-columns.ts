import type { Invoice } from '@millrace/contracts'

/** Invoices as arrays for `unnest`: external id, customer, country, total, time; of their lines external id, number, sku, quantity (above 0), price. */
export function columnsOf(invoices: readonly Invoice[]) {
  const lines = invoices.flatMap(({ externalId, items }) =>
    items.map((item, index) => ({ externalId, lineNo: index + 1, ...item })),
  )
  return {
    heads: [
      invoices.map((invoice) => invoice.externalId),
      invoices.map((invoice) => invoice.customerId),
      invoices.map((invoice) => invoice.country),
      invoices.map((invoice) => invoice.totalMills),
      invoices.map((invoice) => invoice.createdAt),
    ],
    lines: [
      lines.map((line) => line.externalId),
      lines.map((line) => line.lineNo),
      lines.map((line) => line.sku),
      lines.map((line) => Math.abs(line.quantity)),
      lines.map((line) => line.unitPriceMills),
    ],
  } as const
}
