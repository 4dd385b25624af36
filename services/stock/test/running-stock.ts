import { silentLogger } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem } from '@millrace/runtime'
import { stockService } from '../src/service.ts'

export const importToken = 'a-token-of-tests-only'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>> & Partial<Problem>
}

/** The service on a database of its own. */
export interface RunningStock extends AsyncDisposable {
  readonly database: Database
  /** Sends JSON as `user`. */
  call(
    method: string,
    path: string,
    options?: {
      readonly user?: string | null
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
    },
  ): Promise<Answer>
  /** Takes goods in. */
  receive(sku: string, quantity: number): Promise<void>
  /** on hand, reserved, sold. */
  figures(sku: string): Promise<readonly number[]>
  /** Answers to an order that were written, oldest first. */
  answers(orderId: string): Promise<readonly EventEnvelope<Record<string, unknown>>[]>
}

/** Without a broker unless some are named. */
export async function startStock(
  overrides: {
    readonly mode?: 'development' | 'production'
    readonly kafkaEnabled?: boolean
    readonly kafkaBrokers?: readonly string[]
    readonly databaseUrl?: string
    readonly importToken?: string | null
  } = {},
): Promise<RunningStock> {
  const home = overrides.databaseUrl === undefined ? await testDatabase() : undefined
  const databaseUrl = overrides.databaseUrl ?? home?.url ?? ''
  const service = await startService(stockService, {
    overrides: {
      databaseUrl,
      port: 0,
      kafkaEnabled: false,
      importToken,
      // Nobody answers there: in production mode only public routes can be asked.
      identityJwksUrls: ['http://127.0.0.1:1/jwks'],
      ...overrides,
    },
    logger: silentLogger,
  })
  await service.ready
  const database = openDatabase({ url: databaseUrl, applicationName: 'test', maxConnections: 4 })
  const call: RunningStock['call'] = async (
    method,
    path,
    { user = 'ada', body, headers = {} } = {},
  ) => {
    const response = await fetch(`${service.url}/api/stock${path}`, {
      method,
      headers: {
        ...(user === null ? {} : { 'x-user-id': user }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    }
  }
  return {
    database,
    call,
    async receive(sku, quantity) {
      const body = { quantity, reason: 'test' }
      const { status } = await call('POST', `/${sku}/movements`, { body })
      if (status !== 201) throw new Error(`${sku} could not be taken in: ${status}`)
    },
    async figures(sku) {
      const { onHand, reserved, sold } = (await call('GET', `/${sku}`)).body
      return [onHand, reserved, sold].map(Number)
    },
    async answers(orderId) {
      const { rows } = await database.query<{ payload: string }>(
        'select payload from event_production_log where aggregate_id = $1 order by id',
        [orderId],
      )
      return rows.map((row) => JSON.parse(row.payload) as EventEnvelope<Record<string, unknown>>)
    },
    async [Symbol.asyncDispose]() {
      await service.close()
      await database.close()
      await home?.[Symbol.asyncDispose]()
    },
  }
}
