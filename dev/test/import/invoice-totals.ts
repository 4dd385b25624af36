import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import type { Database } from '@millrace/postgres'

export interface RawInvoice {
  readonly orderId: string
  readonly kind: 'order' | 'cancellation' | 'stock-adjustment'
  readonly customerId: string | null
  readonly createdAt: string
  readonly country: string
  readonly items: readonly {
    readonly sku: string
    readonly description: string | null
    readonly quantity: number
    readonly unitPrice: number
  }[]
  readonly likelyCancels?: string | null
}

/** Mills bought, given back, and what is left, by `day 2011-03-01`, `hour 2011-03-01T08`, `country …`, `customer …`. */
export type Totals = ReadonlyMap<
  string,
  { readonly gross: bigint; readonly cancelled: bigint; readonly net: bigint }
>

export async function readInvoices(path: string): Promise<readonly RawInvoice[]> {
  const bytes = await readFile(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RawInvoice)
}

/** From the file alone, without any code of the import: prices are read digit by digit. */
export function totalsOf(invoices: readonly RawInvoice[]): Totals {
  const totals = new Map<string, { gross: bigint; cancelled: bigint; net: bigint }>()
  for (const { kind, customerId, createdAt, country, items } of invoices) {
    if (kind === 'stock-adjustment') continue
    const signed = items.reduce(
      (sum, { quantity, unitPrice }) => sum + BigInt(quantity) * millsOf(unitPrice),
      0n,
    )
    for (const group of [
      `day ${createdAt.slice(0, 10)}`,
      `hour ${createdAt.slice(0, 13)}`,
      `country ${country}`,
      `customer ${customerId ?? 'guest'}`,
    ]) {
      const so = totals.get(group) ?? { gross: 0n, cancelled: 0n, net: 0n }
      totals.set(group, {
        gross: so.gross + (kind === 'order' ? signed : 0n),
        cancelled: so.cancelled - (kind === 'order' ? 0n : signed),
        net: so.net + signed,
      })
    }
  }
  return totals
}

function millsOf(pounds: number): bigint {
  const [whole = '', fraction = ''] = String(pounds).split('.')
  return BigInt(whole + fraction.padEnd(3, '0'))
}

/** From the order database: orders that were confirmed, and cancellations. */
export function totalsIn(database: Database): Promise<Totals> {
  return totalsBy(
    database,
    `select o.created_at, o.country, o.customer_id, l.quantity::numeric * l.unit_price_mills as gross, 0 as cancelled
     from customer_order o
     join order_line l using (order_id)
     where o.external_id is not null and o.status = 'CONFIRMED'
     union all
     select c.created_at, c.country, c.customer_id, 0, l.quantity::numeric * l.unit_price_mills
     from invoice_cancellation c
     join invoice_cancellation_line l using (external_id)`,
  )
}

/** The same from what the events of `order-events` told the read model. */
export function totalsInReadModel(database: Database): Promise<Totals> {
  const mills = `(l ->> 'quantity')::numeric * (l ->> 'unitPriceMills')::numeric`
  return totalsBy(
    database,
    `select o.created_at, o.country, o.customer_id, ${mills} as gross, 0 as cancelled
     from order_view o, jsonb_array_elements(o.items) l
     where o.external_id is not null and o.status = 'CONFIRMED'
     union all
     select c.created_at, c.country, c.customer_id, 0, ${mills}
     from cancellation_view c, jsonb_array_elements(c.items) l`,
  )
}

async function totalsBy(database: Database, records: string): Promise<Totals> {
  const { rows } = await database.query<{ group: string; gross: string; cancelled: string }>(
    `with record as (${records})
     select g.name as group, sum(r.gross)::text as gross, sum(r.cancelled)::text as cancelled
     from record r,
       unnest(array[
         to_char(r.created_at at time zone 'UTC', '"day "YYYY-MM-DD'),
         to_char(r.created_at at time zone 'UTC', '"hour "YYYY-MM-DD"T"HH24'),
         'country ' || r.country,
         'customer ' || r.customer_id
       ]) as g (name)
     group by g.name`,
  )
  return new Map(
    rows.map((row) => {
      const [gross, cancelled] = [BigInt(row.gross), BigInt(row.cancelled)]
      return [row.group, { gross, cancelled, net: gross - cancelled }]
    }),
  )
}
