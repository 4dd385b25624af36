import { silentLogger } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem } from '@millrace/runtime'
import { ordersService } from '../src/service.ts'
import { startFakePeers, type FakePeers } from './fake-peers.ts'

export const importToken = 'a-token-of-tests-only'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown> & Problem
  readonly eventId: string | null
}

/** An event as it was written, and where it goes. */
export interface WrittenEvent extends EventEnvelope<Record<string, unknown>> {
  readonly topic: string
  readonly key: string
}

/** The service on databases of its own, without a broker unless one is named. */
export interface RunningOrders extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  readonly readDatabase: Database
  readonly peers: FakePeers
  call(
    method: string,
    path: string,
    options?: {
      readonly user?: string | null
      readonly roles?: string
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
    },
  ): Promise<Answer>
  /** All events of an order that were written, oldest first. */
  events(orderId: string): Promise<readonly WrittenEvent[]>
}

export interface Overrides {
  readonly kafkaEnabled?: boolean
  readonly kafkaBrokers?: readonly string[]
  /** In place of a database of the test's own. */
  readonly databaseUrl?: string
  readonly readDatabaseUrl?: string
  readonly checkTimeoutMs?: number
  readonly importToken?: string | null
}

/** Stand-ins are waited for so long, unless it is said otherwise, that no machine is too slow for them. */
export async function startOrders(overrides: Overrides = {}): Promise<RunningOrders> {
  const home = await testDatabase()
  const readHome = await testDatabase()
  const peers = await startFakePeers()
  const config = {
    databaseUrl: home.url,
    readDatabaseUrl: readHome.url,
    port: 0,
    kafkaEnabled: false,
    usersUrl: peers.url,
    catalogUrl: peers.url,
    checkTimeoutMs: 30_000,
    checkPauseMs: 10,
    importToken,
    ...overrides,
  }
  const service = await startService(ordersService, { overrides: config, logger: silentLogger })
  await service.ready
  const open = (url: string): Database =>
    openDatabase({ url, applicationName: 'test', maxConnections: 2 })
  const database = open(home.url)
  const readDatabase = open(readHome.url)
  return {
    url: service.url,
    database,
    readDatabase,
    peers,
    call: (method, path, options = {}) => call(`${service.url}/api/orders${path}`, method, options),
    async events(orderId) {
      const { rows } = await database.query<{ payload: string; topic: string; key: string }>(
        `select payload, topic, event_key as key
         from event_production_log
         where aggregate_id = $1::text
         order by id`,
        [orderId],
      )
      return rows.map(({ payload, topic, key }) => ({
        ...(JSON.parse(payload) as EventEnvelope<Record<string, unknown>>),
        topic,
        key,
      }))
    },
    async [Symbol.asyncDispose]() {
      await service.close()
      await Promise.all([database.close(), readDatabase.close()])
      await peers[Symbol.asyncDispose]()
      await Promise.all([home[Symbol.asyncDispose](), readHome[Symbol.asyncDispose]()])
    },
  }
}

async function call(
  url: string,
  method: string,
  { user = 'ada', roles, body, headers = {} }: Parameters<RunningOrders['call']>[2] & object,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(user === null ? {} : { 'x-user-id': user }),
      ...(roles === undefined ? {} : { 'x-user-roles': roles }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    eventId: response.headers.get('x-event-id'),
  }
}

/** Counts what an order leaves behind, of all orders. */
export async function storedRows(database: Database): Promise<Readonly<Record<string, number>>> {
  const { rows } = await database.query<{ orders: number; lines: number; events: number }>(
    `select (select count(*)::integer from customer_order) as orders,
       (select count(*)::integer from order_line) as lines,
       (select count(*)::integer from event_production_log) as events`,
  )
  return { ...rows[0] }
}
