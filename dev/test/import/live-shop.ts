import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { orderEventsTopic } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import type { KafkaBackend } from '@millrace/testkit'
import { importOrders } from '../../src/import/import-orders.ts'
import { startImportShop, type ImportShop } from './import-shop.ts'
import {
  readInvoices,
  totalsIn,
  totalsInReadModel,
  totalsOf,
  type RawInvoice,
  type Totals,
} from './invoice-totals.ts'

const limit = { timeoutMs: 600_000, everyMs: 500 }

/** What is not done yet, in figures that all become 0. */
interface Left {
  readonly orders: number
  readonly money: number
  readonly goods: number
  readonly read: number
}

async function leftIn(shop: ImportShop, orderCount: number): Promise<Left> {
  const { orders, payments, stock } = shop.databases
  const count = async (database: typeof orders, text: string): Promise<number> => {
    const { rows } = await database.query<{ count: number }>(text)
    return rows[0]?.count ?? -1
  }
  const { byStatus } = await shop.get<{ byStatus: Readonly<Record<string, number>> }>(
    '/api/orders/stats',
  )
  return {
    orders: await count(
      orders,
      `select count(*)::integer as count from customer_order where status <> 'CONFIRMED'`,
    ),
    // All was given to the penny and the piece, so nothing is left of it.
    money: await count(
      payments,
      `select count(*)::integer as count
       from account
       where balance_mills <> 0 or reserved_mills <> 0`,
    ),
    goods: await count(
      stock,
      `select count(*)::integer as count
       from stock_item
       where (on_hand <> 0 or reserved <> 0) and sku not like 'MR-%'`,
    ),
    read: orderCount - (byStatus['CONFIRMED'] ?? 0),
  }
}

/** Imports, waits for the saga, and compares with the file. */
export async function assertLive(shop: ImportShop, path: string): Promise<void> {
  const invoices: readonly RawInvoice[] = await readInvoices(path)
  const sold = invoices.filter(({ kind }) => kind === 'order')
  const result = await importOrders({ path, client: shop.client, as: 'live' })
  assert.deepEqual(result.refusedLines, [])
  let left: Left | undefined
  const done: Left = { orders: 0, money: 0, goods: 0, read: 0 }
  try {
    await eventually(
      'every order confirmed, and all money and goods spent',
      async () => {
        left = await leftIn(shop, sold.length)
        return Object.values(left).every((figure) => figure === 0)
      },
      limit,
    )
  } catch (error) {
    assert.deepEqual(left, done, 'what was left to do in the end')
    throw error
  }
  const { orders, payments, stock } = shop.databases
  const totals = totalsOf(invoices)
  assert.deepEqual(await totalsIn(orders), totals)
  await assertRead(shop, totals)

  const spent = await payments.query<{ customer: string; mills: string }>(
    `select customer_id as customer, spent_mills::text as mills from account where spent_mills > 0`,
  )
  const expectedSpent = [...totals].flatMap(([group, { gross }]) =>
    group.startsWith('customer ') && gross > 0n ? [[group.slice(9), String(gross)] as const] : [],
  )
  assert.deepEqual(
    new Map(spent.rows.map(({ customer, mills }) => [customer, mills])),
    new Map(expectedSpent),
  )

  const pieces = new Map<string, number>()
  for (const { sku, quantity } of sold.flatMap(({ items }) => items))
    pieces.set(sku, (pieces.get(sku) ?? 0) + quantity)
  const gone = await stock.query<{ sku: string; sold: number }>(
    `select sku, sold::integer as sold from stock_item where sold > 0`,
  )
  assert.deepEqual(new Map(gone.rows.map((row) => [row.sku, row.sold])), pieces)
}

/** Imports what has ended long ago, and compares what its events have told with the file. */
export async function assertHistory(shop: ImportShop, path: string): Promise<void> {
  const totals = totalsOf(await readInvoices(path))
  const result = await importOrders({ path, client: shop.client, as: 'history' })
  assert.deepEqual(result.refusedLines, [])
  const { orders } = shop.databases
  assert.deepEqual(await totalsIn(orders), totals)
  await assertRead(shop, totals)
  const { rows } = await orders.query<{ topic: string }>(
    'select distinct topic from event_production_log',
  )
  assert.deepEqual(rows, [{ topic: orderEventsTopic.name }], 'the saga was told nothing')
}

/** Waits until the read model has all of the file. */
async function assertRead(shop: ImportShop, totals: Totals): Promise<void> {
  let read: Totals | undefined
  await eventually(
    'the read model comes to the totals of the file',
    async () => {
      read = await totalsInReadModel(shop.databases['orders-read'])
      return isDeepStrictEqual(read, totals)
    },
    limit,
  ).catch((error: unknown) => {
    assert.deepEqual(read, totals)
    throw error
  })
}

/** On a broker of its own: ids of orders begin anew with each database. */
export async function withLiveShop(
  backend: KafkaBackend,
  work: (shop: ImportShop) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const kafka = await backend.start()
  stack.defer(() => kafka.stop())
  const stateDir = await mkdtemp(join(tmpdir(), 'millrace-test-import-'))
  stack.defer(() => rm(stateDir, { recursive: true, force: true }))
  await work(stack.use(await startImportShop({ brokers: kafka.brokers, stateDir })))
}
