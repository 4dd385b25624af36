import { silentLogger, type Clock, type Logger } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem } from '@millrace/runtime'
import { usersService } from '../src/service.ts'

export const importToken = 'a-token-of-tests-only'
export const password = 'Bernoulli numbers 1843'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>> & Partial<Problem>
}

export interface CallOptions {
  readonly user?: string
  /** Parted by commas. */
  readonly roles?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The service on a database of its own. */
export interface RunningUsers extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  /** Sends JSON; a string goes out as it is. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  /** Registers with `password`. */
  register(email: string, name?: string): Promise<Answer>
  signIn(email: string, password?: string, headers?: CallOptions['headers']): Promise<Answer>
  refresh(refreshToken: unknown): Promise<Answer>
  /** All events, or those of one person, oldest first. */
  events(userId?: string): Promise<readonly EventEnvelope<Record<string, unknown>>[]>
}

/** Without a broker unless some are named; hashes are cheap. */
export async function startUsers(
  overrides: {
    readonly mode?: 'development' | 'production'
    readonly databaseUrl?: string
    readonly kafkaEnabled?: boolean
    readonly kafkaBrokers?: readonly string[]
    readonly scryptLogN?: number
    readonly adminEmail?: string
    readonly adminPassword?: string
    readonly importToken?: string | null
    readonly identityJwksUrls?: readonly string[]
    readonly accessTtlMs?: number
  } = {},
  parts: { readonly clock?: Clock; readonly logger?: Logger } = {},
): Promise<RunningUsers> {
  const home = overrides.databaseUrl === undefined ? await testDatabase() : undefined
  const databaseUrl = overrides.databaseUrl ?? home?.url ?? ''
  const service = await startService(usersService, {
    overrides: {
      databaseUrl,
      port: 0,
      kafkaEnabled: false,
      importToken,
      scryptLogN: 10,
      identityJwksUrls: ['http://127.0.0.1:1/jwks'],
      ...overrides,
    },
    logger: silentLogger,
    ...parts,
  })
  await service.ready
  const database = openDatabase({ url: databaseUrl, applicationName: 'test', maxConnections: 2 })
  const call: RunningUsers['call'] = async (method, path, options = {}) => {
    const { user, roles, body, headers = {} } = options
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        ...(user !== undefined && { 'x-user-id': user }),
        ...(roles !== undefined && { 'x-user-roles': roles }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    }
  }
  return {
    url: service.url,
    database,
    call,
    register: (email, name = 'Ada') =>
      call('POST', '/api/users', { body: { name, email, password } }),
    signIn: (email, given = password, headers = {}) =>
      call('POST', '/api/sessions', { body: { email, password: given }, headers }),
    refresh: (refreshToken) => call('POST', '/api/sessions/refresh', { body: { refreshToken } }),
    async events(userId) {
      const { rows } = await database.query<{ payload: string }>(
        `select payload
         from event_production_log
         where $1::text is null or aggregate_id = $1
         order by id`,
        [userId ?? null],
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
