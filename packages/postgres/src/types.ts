import type { Logger, Meter } from '@millrace/core'

/** A statement with a name is prepared once per connection and must always carry the same text. */
export type Statement = string | { readonly name: string; readonly text: string }

export interface QueryResult<Row> {
  readonly rows: readonly Row[]
  /** Rows returned or changed. */
  readonly rowCount: number
}

/** bigint columns arrive as `bigint`, timestamptz as `Date`, json and jsonb parsed, numeric as text. */
export interface Queryable {
  /** @throws PostgresError; see its codes. */
  query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
}

export interface Transaction extends Queryable {
  /**
   * Keeps a statement for the very end: it is sent together with the commit, in one round trip. Several run in the order given.
   * An error of it rolls the transaction back like any other.
   */
  queryLast(statement: Statement, values?: readonly unknown[]): void
}

export interface TransactionOptions {
  /** Default 'read committed'. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  readonly isReadOnly?: boolean
  /** `false`: the commit does not wait for the disk (a crash may lose it, never corrupt). Default true. */
  readonly isSynchronousCommit?: boolean
}

export interface ListenOptions {
  /** Called after every (re)connection: notifications may have been missed, so look once. */
  readonly onConnected?: () => void
}

export interface Listener {
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string
  readonly applicationName: string
  /** Default 10. */
  readonly maxConnections?: number
  /** Longest wait for a connection, from the pool or new, ms. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Default 30,000; 0 is none. */
  readonly statementTimeoutMs?: number
  readonly logger?: Logger
  readonly meter?: Meter
}

export interface Database extends Queryable, AsyncDisposable {
  readonly url: string
  /**
   * Runs `work` between begin and commit on one connection; rolls back when it throws. Queries of one transaction may overlap,
   * they run in the order of the calls.
   * @throws PostgresError `MR_POSTGRES_COMMIT_UNKNOWN` when the connection broke during the commit: it may have happened.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** LISTEN on a connection of its own, made again with backoff when it breaks. */
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    options?: ListenOptions,
  ): Promise<Listener>
  /** Waits for running queries, then closes. Idempotent. */
  close(): Promise<void>
}
