import { silentLogger, toError, type Logger } from '@millrace/core'
import { Pool } from 'pg'
import {
  clientConfig,
  connect,
  sessionOf,
  toQueryConfig,
  toResult,
  type Connection,
  type ConnectionOptions,
} from './connection.ts'
import { breaksConnection, PostgresError, toPostgresError } from './errors.ts'
import { listenOn } from './listen.ts'
import { observePool } from './metrics.ts'
import {
  adaptClient,
  connectLikePool,
  guardNewClients,
  urlOfPool,
  type ForeignPool,
  type PooledClient,
} from './foreign-pool.ts'
import { PooledTransaction } from './transaction.ts'
import type {
  Database,
  DatabaseOptions,
  Listener,
  ListenOptions,
  QueryResult,
  Statement,
  Transaction,
  TransactionOptions,
} from './types.ts'

const idleTimeoutMs = 60_000

/**
 * Opens a pool. Connects at the first use, so it succeeds while Postgres is away; every call made meanwhile fails at once with
 * `MR_POSTGRES_UNAVAILABLE`, and works again as soon as the server is back.
 * @throws PostgresError `MR_POSTGRES_BAD_URL`
 */
export function openDatabase(options: DatabaseOptions): Database {
  const logger = options.logger ?? silentLogger
  const connection: ConnectionOptions = {
    url: options.url,
    applicationName: options.applicationName,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
  }
  const pool = new Pool({
    ...clientConfig(connection),
    max: options.maxConnections ?? 10,
    idleTimeoutMillis: idleTimeoutMs,
  })
  // An idle connection broke: the pool has dropped it already, and the next caller gets a new one.
  pool.on('error', (error) => logger.warn('An idle Postgres connection broke', { error }))
  guardNewClients(pool)
  observePool(options.meter, pool, options.applicationName)
  return new PooledDatabase(
    pool,
    (session = {}) => connect({ ...connection, ...session }),
    options.url,
    logger,
  )
}

/**
 * A pool of `pg` (node-postgres) that belongs to somebody else, as a database of ours: transactions and statements run on its connections,
 * with our types (bigint as `bigint`). `close()` ends what we opened and leaves the pool open. Listening, migrations and archives make
 * connections of their own from the pool's settings.
 */
export function databaseOfPool(
  pool: ForeignPool,
  options: { readonly logger?: Logger } = {},
): Database {
  guardNewClients(pool)
  return new PooledDatabase(
    {
      connect: async () => adaptClient(await pool.connect()),
      end: async () => {},
    },
    (session = {}) => connectLikePool(pool, session),
    urlOfPool(pool),
    options.logger ?? silentLogger,
  )
}

/** What we need of a pool. */
interface ClientPool {
  connect(): Promise<PooledClient>
  end(): Promise<void>
}

type OpenConnection = (
  session?: Partial<
    Pick<ConnectionOptions, 'applicationName' | 'isPipelined' | 'statementTimeoutMs'>
  >,
) => Promise<Connection>

class PooledDatabase implements Database {
  readonly url: string
  readonly #pool: ClientPool
  /** Makes a connection outside the pool. */
  readonly #connect: OpenConnection
  readonly #logger: Logger
  readonly #listeners = new Set<Listener>()
  #closed: Promise<void> | undefined

  constructor(pool: ClientPool, connect: OpenConnection, url: string, logger: Logger) {
    this.#pool = pool
    this.#connect = connect
    this.url = url
    this.#logger = logger
  }

  [sessionOf](applicationName: string): Promise<Connection> {
    this.#checkOpen()
    return this.#connect({ applicationName, isPipelined: false, statementTimeoutMs: 0 })
  }

  async query<Row extends object>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    const client = await this.#acquire()
    let fault: unknown
    const onError = (error: Error): void => void (fault ??= error)
    client.on('error', onError)
    try {
      return toResult<Row>(await client.query(toQueryConfig(statement, values)))
    } catch (error) {
      if (breaksConnection(error)) fault ??= error
      throw toPostgresError(error)
    } finally {
      client.removeListener('error', onError)
      client.release(fault === undefined ? undefined : toError(fault))
    }
  }

  async transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const client = await this.#acquire()
    const tx = new PooledTransaction(client, options)
    const onError = (error: Error): void => tx.markBroken(error)
    client.on('error', onError)
    try {
      const value = await work(tx)
      await tx.commit()
      return value
    } catch (error) {
      await tx.rollback()
      throw error
    } finally {
      client.removeListener('error', onError)
      client.release(tx.isBroken)
    }
  }

  async listen(
    channel: string,
    onNotify: (payload: string) => void,
    options: ListenOptions = {},
  ): Promise<Listener> {
    this.#checkOpen()
    const listener = await listenOn(() => this.#connect(), channel, onNotify, options, this.#logger)
    const tracked: Listener = {
      close: async () => {
        this.#listeners.delete(tracked)
        await listener.close()
      },
    }
    this.#listeners.add(tracked)
    if (this.#closed) await tracked.close()
    return tracked
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()))
    await this.#pool.end()
  }

  async #acquire(): Promise<PooledClient> {
    this.#checkOpen()
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw toPostgresError(error)
    }
  }

  #checkOpen(): void {
    if (!this.#closed) return
    throw new PostgresError(
      'MR_POSTGRES_CLOSED',
      'The database was closed; nothing was sent. Open another one.',
    )
  }
}
