/** The shop's services on one broker and databases of their own, and whoever orders there and keeps a record of what was answered. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  orderEventsTopic,
  ordersTopic,
  paymentOrdersTopic,
  stockOrdersTopic,
  type Order,
} from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { testDatabase, type TestDatabase } from '@millrace/embedded/testing'
import { readToEnd } from '../read-to-end.ts'
import type {
  AccountFigures,
  AskedOrder,
  Ending,
  SeenEvent,
  ShopFigures,
  ShopTopicsSeen,
  StockFigures,
} from './shop-checker.ts'
import {
  inThisProcess,
  shopServices,
  type Launch,
  type ShopPart,
  type ShopService,
} from './shop-parts.ts'

const staff = { 'x-user-id': 'staff', 'x-user-roles': 'staff,admin' }

export interface Answered<T = unknown> {
  readonly status: number
  readonly body: T
}

export interface ShopOptions {
  /** How services run; default: in this process. */
  readonly launch?: Launch
  /** In the order in which they start; default: all. */
  readonly services?: readonly ShopService[]
  /** Default: on the Postgres that all tests of this process share. */
  readonly newDatabase?: () => Promise<TestDatabase>
}

export class Shop implements AsyncDisposable {
  /** What was asked and answered; the checker's truth. */
  readonly record = {
    deposits: new Map<string, number>(),
    receipts: new Map<string, number>(),
    orders: new Map<string, AskedOrder>(),
    cancelsAsked: new Set<string>(),
  }
  readonly #brokers: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  readonly #stateDir: string
  readonly #databases = new Map<string, TestDatabase>()
  readonly #running = new Map<ShopService, ShopPart>()
  readonly #launch: Launch

  private constructor(
    brokers: readonly string[],
    env: Readonly<Record<string, string>>,
    stateDir: string,
    launch: Launch,
  ) {
    this.#brokers = brokers
    this.#env = env
    this.#stateDir = stateDir
    this.#launch = launch
  }

  /** @param env of the saga */
  static async open(
    brokers: readonly string[],
    env: Readonly<Record<string, string>> = {},
    {
      launch = inThisProcess(),
      services = shopServices,
      newDatabase = testDatabase,
    }: ShopOptions = {},
  ): Promise<Shop> {
    const stateDir = await mkdtemp(join(tmpdir(), 'millrace-test-shop-'))
    const shop = new Shop(brokers, env, stateDir, launch)
    try {
      for (const name of ['users', 'catalog', 'payments', 'stock', 'orders', 'read'])
        shop.#databases.set(name, await newDatabase())
      for (const name of services) await shop.start(name)
      return shop
    } catch (error) {
      await shop[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts a service, on what it left behind. */
  async start(name: ShopService, launch = this.#launch): Promise<void> {
    const service = await launch(name, this.environmentOf(name))
    this.#running.set(name, service)
    await service.ready
  }

  /** Where a service that runs is asked. */
  urlOf(name: ShopService): string {
    const running = this.#running.get(name)
    if (!running) throw new Error(`${name} does not run`)
    return running.url
  }

  async stop(name: ShopService): Promise<void> {
    await this.#running.get(name)?.close()
    this.#running.delete(name)
  }

  /** A new customer with money. */
  async customer(name: string, depositMills: number): Promise<string> {
    const person = await this.#post<{ id: string }>('users', '/api/users', {
      name,
      email: `${name}-${uuidv7()}@example.com`,
      password: `a long one ${uuidv7()}`,
    })
    const { id } = person.body
    await this.#post('payments', `/api/payments/accounts/${id}/deposits`, {
      amountMills: depositMills,
    })
    this.record.deposits.set(id, depositMills)
    return id
  }

  /** A new product with goods of it. */
  async product(sku: string, unitPriceMills: number, quantity: number): Promise<void> {
    const product = { sku, name: sku, unitPriceMills, stockUnit: 'piece' }
    await this.#post('catalog', '/api/products', product)
    await this.#post('stock', `/api/stock/${sku}/movements`, { quantity, reason: 'delivery' })
    this.record.receipts.set(sku, quantity)
  }

  async place(customerId: string, lines: AskedOrder['lines']): Promise<string> {
    const headers = { 'x-user-id': customerId, 'idempotency-key': uuidv7() }
    const { body } = await this.#post<Order>('orders', '/api/orders', { items: lines }, headers)
    const { orderId, totalMills } = body
    this.record.orders.set(orderId, { customerId, lines, totalMills })
    return orderId
  }

  /** Asks; an order that has ended stays as it is. */
  async cancel(orderId: string): Promise<void> {
    this.record.cancelsAsked.add(orderId)
    const customerId = this.record.orders.get(orderId)?.customerId ?? ''
    const path = `/api/orders/${orderId}/cancel`
    await this.request('orders', 'POST', path, {}, { 'x-user-id': customerId })
  }

  /** What the Lab does to payments, stock. */
  async setFaults(service: 'payments' | 'stock', fault: object): Promise<void> {
    const path = service === 'payments' ? '/api/payments/provider' : '/api/stock/faults'
    const { status, body } = await this.request(service, 'PUT', path, fault, staff)
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  }

  async topics(): Promise<ShopTopicsSeen> {
    return {
      orders: await this.#events(ordersTopic.name),
      paymentOrders: await this.#events(paymentOrdersTopic.name),
      stockOrders: await this.#events(stockOrdersTopic.name),
      orderEvents: await this.#events(orderEventsTopic.name),
    }
  }

  /** What decided each order (`join`, `late`, …), as its verdict says. */
  async verdictWays(): Promise<ReadonlyMap<string, string | undefined>> {
    const verdicts = (await this.#events(ordersTopic.name)).filter(
      ({ eventType }) => eventType === 'ORDER_DECIDED',
    )
    return new Map(verdicts.map(({ aggregateId, metadata }) => [aggregateId, metadata?.decidedBy]))
  }

  async figures(): Promise<ShopFigures> {
    const accounts = new Map<string, AccountFigures>()
    for (const id of this.record.deposits.keys())
      accounts.set(id, await this.#get('payments', `/api/payments/accounts/${id}`))
    const stock = new Map<string, StockFigures>()
    for (const sku of this.record.receipts.keys())
      stock.set(sku, await this.#get('stock', `/api/stock/${sku}`))
    return { accounts, stock, readModel: await this.#readModel(), table: await this.#table() }
  }

  async request<T>(
    service: ShopService,
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = staff,
    signal?: AbortSignal,
  ): Promise<Answered<T>> {
    const response = await fetch(this.urlOf(service) + path, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
    const text = await response.text()
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#running.keys()].toReversed()) await this.stop(name)
    for (const database of this.#databases.values()) await database[Symbol.asyncDispose]()
    await rm(this.#stateDir, { recursive: true, force: true })
  }

  /** What a service is started with. */
  environmentOf(name: ShopService): Readonly<Record<string, string>> {
    return { PORT: '0', KAFKA_BROKERS: this.#brokers.join(','), ...this.#ownEnvironmentOf(name) }
  }

  #ownEnvironmentOf(name: ShopService): Readonly<Record<string, string>> {
    const urlOf = (of: string): string => this.#databases.get(of)?.url ?? ''
    if (name === 'order-saga')
      return {
        STREAM_STATE_DIR: this.#stateDir,
        STREAM_COMMIT_INTERVAL: '100ms',
        STREAM_SESSION_TIMEOUT: '120s',
        STREAM_TRANSACTION_TIMEOUT: '60s',
        STREAM_QUERY_TIMEOUT: '10s',
        ...this.#env,
      }
    const database = { DATABASE_URL: urlOf(name) }
    if (name === 'payments') return { ...database, PAYMENTS_OPENING_BALANCE_MILLS: '0' }
    if (name !== 'orders') return database
    return {
      ...database,
      READ_DATABASE_URL: urlOf('read'),
      USERS_URL: this.#running.get('users')?.url ?? '',
      CATALOG_URL: this.#running.get('catalog')?.url ?? '',
      CHECK_TIMEOUT_MS: '30000',
    }
  }

  async #post<T>(
    service: ShopService,
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = staff,
  ): Promise<Answered<T>> {
    const answer = await this.request<T>(service, 'POST', path, body, headers)
    if (answer.status !== 201)
      throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }

  async #get<T>(service: ShopService, path: string): Promise<T> {
    const { status, body } = await this.request<T>(service, 'GET', path, undefined)
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
    return body
  }

  async #events(topic: string): Promise<SeenEvent[]> {
    const events: SeenEvent[] = []
    for await (const { value } of readToEnd(this.#brokers, topic))
      if (value !== null) events.push(JSON.parse(value.toString('utf8')) as SeenEvent)
    return events
  }

  async #readModel(): Promise<ReadonlyMap<string, Ending>> {
    const endings = new Map<string, Ending>()
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page: { items: (Ending & { orderId: string })[]; nextCursor: string | null } =
        await this.#get('orders', `/api/orders?all=true&limit=100${query}`)
      for (const { orderId, status, source } of page.items) endings.set(orderId, { status, source })
      cursor = page.nextCursor
    }
    return endings
  }

  async #table(): Promise<ReadonlyMap<string, Ending>> {
    const endings = new Map<string, Ending>()
    let after: string | null = '0'
    while (after !== null) {
      const page: { items: (Ending & { orderId: string })[]; nextAfter: string | null } =
        await this.#get('order-saga', `/api/orders/table?size=100&after=${after}`)
      for (const { orderId, status, source } of page.items) endings.set(orderId, { status, source })
      after = page.nextAfter
    }
    return endings
  }
}
