import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ImportDoor } from '../../src/import/import-client.ts'
import { importOrders, tellOrders } from '../../src/import/import-orders.ts'
import { startImportShop, type ImportShop } from './import-shop.ts'
import { real, sample, whyNotReal } from './invoice-files.ts'
import { readInvoices, totalsIn, totalsOf, type RawInvoice } from './invoice-totals.ts'

/** Everything that the file has is in the databases, and nothing twice. */
async function assertImported(shop: ImportShop, invoices: readonly RawInvoice[]): Promise<void> {
  const { orders, stock } = shop.databases
  assert.deepEqual(await totalsIn(orders), totalsOf(invoices))
  const of = (kind: RawInvoice['kind']) => invoices.filter((invoice) => invoice.kind === kind)
  const sold = await orders.query<{ externalId: string; lines: number; events: number }>(
    `select o.external_id as "externalId",
       (select count(*)::integer from order_line l where l.order_id = o.order_id) as lines,
       (select count(*)::integer from event_production_log e where e.aggregate_id = o.order_id::text) as events
     from customer_order o
     order by o.order_id`,
  )
  assert.deepEqual(
    sold.rows,
    of('order').map(({ orderId, items }) => ({
      externalId: orderId,
      lines: items.length,
      events: 2,
    })),
  )
  const back = await orders.query<{ externalId: string; cancels: string | null }>(
    `select c.external_id as "externalId", o.external_id as cancels
     from invoice_cancellation c
     left join customer_order o on o.order_id = c.cancels_order_id
     order by c.created_at, c.external_id`,
  )
  const expected = of('cancellation').map(({ orderId, likelyCancels = null }) => ({
    externalId: orderId,
    cancels: likelyCancels,
  }))
  assert.deepEqual(byId(back.rows), byId(expected))
  const moved = await stock.query<{ externalId: string; sku: string; quantity: number }>(
    `select external_id as "externalId", sku, on_hand_change::integer as quantity
     from stock_movement
     where external_id like '%:%' and external_id not like 'demo:%'`,
  )
  const adjustments = of('stock-adjustment').flatMap(({ orderId, items }) =>
    items.map(({ sku, quantity }, at) => ({ externalId: `${orderId}:${at + 1}`, sku, quantity })),
  )
  assert.deepEqual(byId(moved.rows), byId(adjustments))
}

function byId<Row extends { readonly externalId: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1))
}

test('history: an own sample with lines of all kinds comes to the same totals as the file, also when it is imported twice', async () => {
  await using shop = await startImportShop()
  const { client, databases } = shop
  const invoices = await readInvoices(sample)
  const first = await importOrders({ path: sample, client, as: 'history' })
  // A batch whose answer was lost on the way is there already when it is sent again.
  assert.deepEqual([first.refusedLines, first.created + first.exists], [[], invoices.length])
  await assertImported(shop, invoices)
  const counts = {
    order: { created: 7, exists: 0 },
    cancellation: { created: 5, exists: 0 },
    'stock-adjustment': { created: 2, exists: 0 },
  }
  const all = { ...first, counts, linked: 3, customersCreated: 5, productsCreated: 13 }
  assert.deepEqual(tellOrders(all), [
    'Orders: 7 imported, 0 there already. Cancellations: 5 imported, 0 there already; of the imported, 3 are linked to their order. Stock adjustments: 2 imported, 0 there already.',
    'Customers: 5, 5 of them new. Products: 13, 13 of them new.',
    'Taken as they are, in the whole file: 3 invoices of nobody (now of "guest"), 1 orders that cost nothing, 2 items at price 0, 1 without a description, 6 of skus that begin with a letter (postage, discounts, fees and the like).',
  ])

  const again = await importOrders({ path: sample, client, as: 'history' })
  assert.deepEqual([again.created, again.exists, again.refused], [0, invoices.length, 0])
  assert.deepEqual([again.customersCreated, again.productsCreated], [0, 0])
  await assertImported(shop, invoices)

  // Names and prices: the first that say something, and no more than what happened to the goods.
  const { rows: products } = await databases.catalog.query(
    `select sku, name, unit_price_mills::integer as price from product
     where sku in ('10004', '10006', '10002A', '10002a') order by sku collate "C"`,
  )
  assert.deepEqual(products, [
    { sku: '10002A', name: 'STRIPED TEA TOWEL', price: 1_950 },
    { sku: '10002a', name: 'TEA TOWEL, STRIPED', price: 2_100 },
    { sku: '10004', name: 'WOODEN STAR', price: 1_040 },
    { sku: '10006', name: '10006', price: 0 },
  ])
})

test('history: a run that broke off goes on after its last batch; lines that cannot be taken are told with their number', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-test-import-'))
  try {
    await using shop = await startImportShop()
    const { client } = shop
    const invoices = await readInvoices(sample)
    const path = join(folder, 'orders.jsonl')
    const lines: string[] = invoices.map((invoice) => JSON.stringify(invoice))
    lines.splice(3, 0, '{"orderId": ', '{"orderId": "900099", "kind": "refund"}')
    await writeFile(path, lines.join('\n'))
    const positionFolder = join(folder, 'positions')
    const options = { path, positionFolder, batchLines: 4, as: 'history' } as const

    let batches = 0
    const plug: ImportDoor = {
      send: <Result>(to: string, body: unknown) =>
        to === '/api/orders/import' && ++batches > 2
          ? Promise.reject(new Error('pulled the plug'))
          : client.send<Result>(to, body),
    }
    await assert.rejects(importOrders({ ...options, client: plug }), /pulled the plug/)
    const rest = await importOrders({ ...options, client })
    assert.equal(rest.resumedAfterLine, 8)
    assert.equal(rest.created + rest.exists, lines.length - 8)
    await assertImported(shop, invoices)
    assert.deepEqual(await readdir(positionFolder), [])

    const all = await importOrders({ ...options, client })
    assert.deepEqual([all.created, all.exists, all.refused], [0, invoices.length, 2])
    assert.deepEqual(
      all.refusedLines.map(({ lineNumber }) => lineNumber),
      [4, 5],
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test(
  'history: the real invoices come to the same totals as their file, by day, hour, country and customer',
  { skip: whyNotReal },
  async () => {
    await using shop = await startImportShop()
    const invoices = await readInvoices(real)
    const result = await importOrders({ path: real, client: shop.client, as: 'history' })
    assert.deepEqual([result.refusedLines, result.created + result.exists], [[], invoices.length])
    assert.deepEqual(
      Object.values(result.counts).map(({ created, exists }) => created + exists),
      [3_875, 805, 214],
    )
    await assertImported(shop, invoices)
  },
)
