/**
 * The peer's orders: a saga over HTTP inside of the request, as one writes it without a log of events. The customer and the products are checked by the
 * same services as ours, at once; the order is stored as NEW; payments and stock are asked to reserve, at once; the row gets its verdict; both are told of
 * it, at once; then the request is answered.
 *
 * What it does not do, and ours does: a process that dies on the way leaves an order NEW and goods reserved for ever; payments or stock away is an
 * error for the customer; nothing is published.
 */
import { MillsSchema, SkuSchema, type OrderLine } from '@millrace/contracts'
import { openDatabase, type Database } from '@millrace/postgres'
import { callerHeadersOf, defineService, runService, userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { JsonClient } from '../json-client.ts'
import { databaseConfig } from './peer-config.ts'
import type { Answer } from './saga-calls.ts'

const insertOrder = {
  name: 'insert_order',
  text: `
    with placed as (
      insert into customer_order (customer_id, status, total_mills, user_check, price_check)
      values ($1::text, 'NEW', $2::bigint, 'checked', 'checked')
      returning order_id
    ), lines as (
      insert into order_line (order_id, line_no, sku, quantity, unit_price_mills)
      select p.order_id, l.line_no, l.sku, l.quantity, l.unit_price_mills
      from placed p,
        unnest($3::text[], $4::integer[], $5::bigint[]) with ordinality as l (sku, quantity, unit_price_mills, line_no)
    )
    select order_id::text as "orderId" from placed`,
}

const endOrder = {
  name: 'end_order',
  text: `
    update customer_order
    set status = $2::text, source = $3::text, decided_at = clock_timestamp()
    where order_id = $1::bigint and status = 'NEW'`,
}

const address = (env: string, doc: string) =>
  ({ type: 'url', env, protocols: ['http:'], doc }) as const

const config = {
  ...databaseConfig,
  usersUrl: address('USERS_URL', 'Where it is asked whether a customer exists.'),
  catalogUrl: address('CATALOG_URL', 'Where prices are asked for.'),
  paymentsUrl: address('PAYMENTS_URL', 'Where money is reserved.'),
  stockUrl: address('STOCK_URL', 'Where goods are reserved.'),
} as const

const NewOrder = Type.Object({
  items: Type.Array(
    Type.Object({ sku: SkuSchema, quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }),
    { minItems: 1, maxItems: 1_000 },
  ),
})
const PlacedOrder = Type.Object({
  orderId: Type.String(),
  status: Type.String(),
  source: Type.Union([Type.String(), Type.Null()]),
  totalMills: MillsSchema,
})

interface Verdict {
  readonly status: 'CONFIRMED' | 'REJECTED' | 'ROLLBACK'
  readonly source: 'PAYMENT' | 'INVENTORY' | null
}

/** Both no: REJECTED; one no: ROLLBACK by who said it. */
function verdictOf(payment: Answer['answer'], stock: Answer['answer']): Verdict {
  if (payment === 'ACCEPT' && stock === 'ACCEPT') return { status: 'CONFIRMED', source: null }
  if (payment === 'REJECT' && stock === 'REJECT') return { status: 'REJECTED', source: 'INVENTORY' }
  return { status: 'ROLLBACK', source: payment === 'REJECT' ? 'PAYMENT' : 'INVENTORY' }
}

/** What one order goes through. */
class HttpSaga {
  readonly #database: Database
  readonly #client: JsonClient
  readonly #urls: { readonly payments: string; readonly stock: string }

  constructor(
    database: Database,
    client: JsonClient,
    urls: { readonly payments: string; readonly stock: string },
  ) {
    this.#database = database
    this.#client = client
    this.#urls = urls
  }

  async run(
    customerId: string,
    items: readonly OrderLine[],
  ): Promise<Verdict & { readonly orderId: string; readonly totalMills: number }> {
    const totalMills = items.reduce((sum, line) => sum + line.quantity * line.unitPriceMills, 0)
    const { rows } = await this.#database.query<{ orderId: string }>(insertOrder, [
      customerId,
      totalMills,
      items.map(({ sku }) => sku),
      items.map(({ quantity }) => quantity),
      items.map(({ unitPriceMills }) => unitPriceMills),
    ])
    const orderId = rows[0]?.orderId ?? ''
    const lines = items.map(({ sku, quantity }) => ({ sku, quantity }))
    const [payment, stock] = await Promise.all([
      this.#post<Answer>(`${this.#urls.payments}/reserve`, { orderId, customerId, totalMills }),
      this.#post<Answer>(`${this.#urls.stock}/reserve`, { orderId, lines }),
    ])
    const verdict = verdictOf(payment.answer, stock.answer)
    await this.#database.query(endOrder, [orderId, verdict.status, verdict.source])
    const body = { orderId, isConfirmed: verdict.status === 'CONFIRMED' }
    await Promise.all([
      this.#post(`${this.#urls.payments}/finish`, body),
      this.#post(`${this.#urls.stock}/finish`, body),
    ])
    return { ...verdict, orderId, totalMills }
  }

  async #post<T>(url: string, body: object): Promise<T> {
    const answer = await this.#client.post<T>(url, body)
    if (answer.status !== 200)
      throw new Error(`${url}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
}

const service = defineService({
  name: 'peer-orders',
  version: '0.1.0',
  description: 'Orders as a saga over HTTP, inside of the request.',
  port: 0,
  config,
  setup({ app, config: settings, addReadiness, onClose }) {
    const { databaseUrl: url, maxConnections, usersUrl, catalogUrl } = settings
    const database = openDatabase({ url, applicationName: 'peer-orders', maxConnections })
    const client = new JsonClient(256)
    onClose(() => database.close())
    onClose(() => client[Symbol.dispose]())
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
    const urls = { payments: settings.paymentsUrl, stock: settings.stockUrl }
    const saga = new HttpSaga(database, client, urls)
    app.post(
      '/api/orders',
      { schema: { body: NewOrder, response: { 201: PlacedOrder } } },
      async (request, reply) => {
        const customerId = userOf(request)
        const headers = callerHeadersOf(request)
        const { items } = request.body
        const skus = [...new Set(items.map(({ sku }) => sku))]
        const [user, prices] = await Promise.all([
          client.get(`${usersUrl}/api/users/${encodeURIComponent(customerId)}`, headers),
          client.post<{ items: readonly Omit<OrderLine, 'quantity'>[] }>(
            `${catalogUrl}/api/products/prices`,
            { skus },
            headers,
          ),
        ])
        const isKnown = user.status === 200 && prices.body.items.length === skus.length
        if (!isKnown) throw new Error(`${customerId} or ${skus.join(', ')} is not known`)
        const priceOf = new Map(prices.body.items.map((item) => [item.sku, item.unitPriceMills]))
        const priced = items.map((line) => ({
          ...line,
          unitPriceMills: priceOf.get(line.sku) ?? 0,
        }))
        void reply.code(201)
        return saga.run(customerId, priced)
      },
    )
  },
})

await runService(service)
