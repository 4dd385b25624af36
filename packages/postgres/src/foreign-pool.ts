import { Client, type ClientConfig, type QueryConfig, type QueryResult as DriverResult } from 'pg'
import { connectClient, ourTypes, type Connection } from './connection.ts'
import type { TransactionClient } from './transaction.ts'

/** A `Pool` of `pg` 8.11 or later, as far as we use it. */
export interface ForeignPool {
  connect(): Promise<ForeignClient>
  on?(event: 'connect', listener: (client: ForeignClient) => void): unknown
  /** Its settings; connections outside the pool are made from them. */
  readonly options?: object
}

/** A client of such a pool. */
export interface ForeignClient {
  query(config: QueryConfig): Promise<DriverResult>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  release(error?: Error | boolean): void
}

/** What a pooled database needs of a client. */
export interface PooledClient extends TransactionClient {
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  release(error?: Error | boolean): void
}

const guarded = new WeakSet<ForeignPool>()

/**
 * Gives every new client of a pool a listener of errors. When a server ends right after its greeting, the client's error comes before
 * the caller that asked the pool for it runs and can listen; without a listener it would end the process.
 */
export function guardNewClients(pool: ForeignPool): void {
  if (guarded.has(pool)) return
  guarded.add(pool)
  pool.on?.('connect', (client) => void client.on('error', () => {}))
}

/** Nothing to hold back: each statement waits for the one before. */
const unbuffered = { stream: { writableCorked: 1, cork: () => {}, uncork: () => {} } }

/**
 * Statements of a transaction may overlap; a client without pipeline mode would queue them with a warning, so they wait here. Each
 * carries our types, whatever its pool is set to.
 */
export function adaptClient(client: ForeignClient): PooledClient {
  let last: Promise<unknown> = Promise.resolve()
  const query = (statement: string | QueryConfig): Promise<DriverResult> => {
    const config = typeof statement === 'string' ? { text: statement } : statement
    const run = (): Promise<DriverResult> => client.query({ ...config, types: ourTypes })
    const result = last.then(run, run)
    last = result
    return result
  }
  return {
    query,
    connection: unbuffered,
    on: (event, listener) => client.on(event, listener),
    removeListener: (event, listener) => client.removeListener(event, listener),
    release: (error) => client.release(error),
  }
}

/** Limits of connections outside a pool that sets none: a server that takes them and says nothing is to be an error, not a wait for ever. */
const connectTimeoutMs = 10_000
const answerTimeoutMs = 35_000

/** A connection outside the pool, with its settings but for limits that would cut long work. @throws PostgresError */
export function connectLikePool(
  pool: ForeignPool,
  session: { readonly applicationName?: string; readonly statementTimeoutMs?: number },
): Promise<Connection> {
  const isUnlimited = session.statementTimeoutMs === 0
  const settings = (pool.options ?? {}) as ClientConfig
  return connectClient(
    new Client({
      ...settings,
      // The pool keeps it from being listed, so that it is not logged by accident.
      ...(settings.password !== undefined && { password: settings.password }),
      connectionTimeoutMillis: settings.connectionTimeoutMillis || connectTimeoutMs,
      ...(isUnlimited
        ? { statement_timeout: 0, query_timeout: 0 }
        : { query_timeout: settings.query_timeout || answerTimeoutMs }),
      ...(session.applicationName !== undefined && { application_name: session.applicationName }),
      keepAlive: true,
      pipeline: false,
    }),
  )
}

/** Where a pool leads to, without its password; only to be shown. */
export function urlOfPool(pool: ForeignPool): string {
  const { connectionString, host, port, user, database } = (pool.options ?? {}) as ClientConfig
  if (connectionString !== undefined && URL.canParse(connectionString)) {
    const url = new URL(connectionString)
    url.password = ''
    return url.href
  }
  const name = [user, host, database].map((each) => encodeURIComponent(each ?? ''))
  return `postgres://${name[0]}@${name[1]}:${port ?? 5432}/${name[2]}`
}
