import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem } from '@millrace/runtime'
import { silentLogger } from '@millrace/core'
import { discussionsService } from '../src/service.ts'

export const importToken = 'a token for tests only'.replaceAll(' ', '-')

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, never> & Problem
  readonly eventId: string | null
}

/** The service on a database of its own, without a broker unless one is named. */
export interface RunningDiscussions extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  /** Sends JSON as `user`; a string or bytes go out as they are. */
  call(
    method: string,
    path: string,
    options?: {
      readonly user?: string | null
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
    },
  ): Promise<Answer>
  /** All events that were written, oldest first. */
  events(threadId?: string): Promise<readonly EventEnvelope<Record<string, unknown>>[]>
}

export async function startDiscussions(
  overrides: {
    readonly kafkaEnabled?: boolean
    readonly kafkaBrokers?: readonly string[]
    /** Where an earlier one has run; it stays. */
    readonly databaseUrl?: string
    readonly archiveDirectory?: string
  } = {},
): Promise<RunningDiscussions> {
  const home = overrides.databaseUrl === undefined ? await testDatabase() : undefined
  const databaseUrl = overrides.databaseUrl ?? home?.url ?? ''
  const service = await startService(discussionsService, {
    overrides: {
      databaseUrl,
      port: 0,
      kafkaEnabled: false,
      importToken,
      ...overrides,
    },
    logger: silentLogger,
  })
  await service.ready
  const database = openDatabase({ url: databaseUrl, applicationName: 'test', maxConnections: 2 })
  return {
    url: service.url,
    database,
    async call(method, path, { user = 'ada', body, headers = {} } = {}) {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array
      const response = await fetch(`${service.url}/api/discussions${path}`, {
        method,
        headers: {
          ...(user === null ? {} : { 'x-user-id': user }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
        eventId: response.headers.get('x-event-id'),
      }
    },
    async events(threadId) {
      const { rows } = await database.query<{ payload: string }>(
        `select payload
         from event_production_log
         where $1::text is null or aggregate_id = $1
         order by id`,
        [threadId ?? null],
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
