import { silentLogger } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem } from '@millrace/runtime'
import { paymentsService } from '../src/service.ts'

export const importToken = 'a-token-of-tests-only'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>> & Partial<Problem>
}

/** The service on a database of its own. */
export interface RunningPayments extends AsyncDisposable {
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
  deposit(customerId: string, amountMills: number): Promise<void>
  /** balance, reserved, spent, thousandths of a pound. */
  figures(customerId: string): Promise<readonly number[]>
  /** State of what payments has of an order; undefined: nothing. */
  stateOf(orderId: string): Promise<string | undefined>
  /** Answers to an order that were written, oldest first. */
  answers(orderId: string): Promise<readonly EventEnvelope<Record<string, unknown>>[]>
}

/** Without a broker unless some are named. */
export async function startPayments(
  overrides: {
    readonly mode?: 'development' | 'production'
    readonly kafkaEnabled?: boolean
    readonly kafkaBrokers?: readonly string[]
    readonly databaseUrl?: string
    readonly importToken?: string | null
    readonly openingBalanceMills?: number
    readonly providerTimeoutMs?: number
    readonly providerMaxAttempts?: number
  } = {},
): Promise<RunningPayments> {
  const home = overrides.databaseUrl === undefined ? await testDatabase() : undefined
  const databaseUrl = overrides.databaseUrl ?? home?.url ?? ''
  const service = await startService(paymentsService, {
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
  const call: RunningPayments['call'] = async (
    method,
    path,
    { user = 'ada', body, headers = {} } = {},
  ) => {
    const response = await fetch(`${service.url}/api/payments${path}`, {
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
    async deposit(customerId, amountMills) {
      const path = `/accounts/${customerId}/deposits`
      const { status } = await call('POST', path, { body: { amountMills } })
      if (status !== 201) throw new Error(`${customerId} could not be given money: ${status}`)
    },
    async figures(customerId) {
      const { balanceMills, reservedMills, spentMills } = (
        await call('GET', `/accounts/${customerId}`)
      ).body
      return [balanceMills, reservedMills, spentMills].map(Number)
    },
    async stateOf(orderId) {
      const { body } = await call('GET', `/reservations?orderId=${orderId}`)
      return (body['items'] as readonly { readonly state: string }[])[0]?.state
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
