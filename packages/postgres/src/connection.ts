import { systemClock } from '@millrace/core'
import {
  Client,
  types,
  type ClientConfig,
  type CustomTypesConfig,
  type QueryConfig,
  type QueryResult as DriverResult,
} from 'pg'
import { toPostgresError } from './errors.ts'
import { parseDatabaseUrl } from './url.ts'
import type { Database, QueryResult, Statement } from './types.ts'

/** Object ids of built-in types, fixed for ever (pg_type.dat). */
const oids: Record<'int8' | 'int8Array' | 'textArray' | 'date' | 'dateArray', number> = {
  int8: 20,
  int8Array: 1016,
  textArray: 1009,
  date: 1082,
  dateArray: 1182,
}

const parseTextArray = types.getTypeParser(oids.textArray) as (text: string) => (string | null)[]

/** Where we differ from the driver. A calendar day has no time zone: the driver would make it midnight of the machine's. */
const parsers = new Map<number, (text: string) => unknown>([
  [oids.int8, BigInt],
  [oids.int8Array, (text) => parseTextArray(text).map((each) => each && BigInt(each))],
  [oids.date, String],
  [oids.dateArray, parseTextArray],
])

export const ourTypes: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) ||
    types.getTypeParser(oid, format)) as typeof types.getTypeParser,
}

export interface ConnectionOptions {
  readonly url: string
  readonly applicationName: string
  readonly connectTimeoutMs: number
  /** 0 is none. */
  readonly statementTimeoutMs: number
  /** `false` for a connection that copies: the driver has no COPY in a pipeline. */
  readonly isPipelined?: boolean
}

/**
 * A statement may answer this much later than the server's own limit, ms; then the connection is given up. The server's limit
 * cannot fire when the server hangs or the network swallows packets.
 */
const answerGraceMs = 5_000

/**
 * The server's keepalives for our connections. When our machine dies or is cut off, nobody tells the server: the transaction under way
 * keeps its locks, such as a partition's position in the inbox, until TCP finds out, by default after two hours. So it is one minute.
 * `options` in the URL wins.
 */
const serverKeepalives =
  '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3'

/** The driver's settings for one connection. `pipeline`: statements are sent without waiting for the answer of the one before. */
export function clientConfig(options: ConnectionOptions): ClientConfig {
  // Parsed here, so that a wrong URL is an error of ours at once and not at the first query.
  parseDatabaseUrl(options.url)
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: serverKeepalives,
    pipeline: options.isPipelined ?? true,
    types: ourTypes,
    ...(options.statementTimeoutMs > 0 && {
      statement_timeout: options.statementTimeoutMs,
      query_timeout: options.statementTimeoutMs + answerGraceMs,
    }),
  }
}

/** A statement as the driver wants it. */
export function toQueryConfig(
  statement: Statement,
  values: readonly unknown[] | undefined,
): QueryConfig {
  const text = typeof statement === 'string' ? { text: statement } : statement
  return values === undefined ? { ...text } : { ...text, values: values as unknown[] }
}

/** The driver's result as ours; of several statements in one text, the last one's. */
export function toResult<Row>(result: DriverResult | DriverResult[]): QueryResult<Row> {
  const last = Array.isArray(result) ? result.at(-1) : result
  return { rows: (last?.rows ?? []) as Row[], rowCount: last?.rowCount ?? 0 }
}

/** One connection outside the pool, for sessions that hold something: an advisory lock, a LISTEN. */
export interface Connection extends AsyncDisposable {
  query<Row extends object>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
  readonly client: Client
}

/** @throws PostgresError */
export function connect(options: ConnectionOptions): Promise<Connection> {
  return connectClient(new Client(clientConfig(options)))
}

/** Connects a client that nobody uses yet. @throws PostgresError */
export async function connectClient(client: Client): Promise<Connection> {
  // Without a listener a broken connection would end the process; whoever waits for an answer gets the error.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw toPostgresError(error)
  }
  return {
    client,
    async query(statement, values) {
      try {
        return toResult(
          await client.query({ ...toQueryConfig(statement, values), types: ourTypes }),
        )
      } catch (error) {
        throw toPostgresError(error)
      }
    },
    [Symbol.asyncDispose]: () => endWithin(client, 2_000),
  }
}

/** Says goodbye; a server that does not answer is left alone after `timeoutMs`. */
export async function endWithin(client: Client, timeoutMs: number): Promise<void> {
  const giveUp = systemClock.setTimer(timeoutMs, () => client.connection.stream.destroy())
  await client.end().catch(() => {})
  giveUp.cancel()
}

/** How a database makes connections outside its pool. @internal */
export const sessionOf: unique symbol = Symbol('millrace.postgres.session')

/** A connection of its own without limits of time, able to COPY, for work that holds an advisory lock. @throws PostgresError */
export function openSession(database: Database, applicationName: string): Promise<Connection> {
  const source = database as Partial<SessionSource>
  return (
    source[sessionOf]?.(applicationName) ??
    connect({
      url: database.url,
      applicationName,
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 0,
      isPipelined: false,
    })
  )
}

export interface SessionSource {
  [sessionOf](applicationName: string): Promise<Connection>
}
