import type { QueryConfig, QueryResult as DriverResult } from 'pg'
import { toQueryConfig, toResult } from './connection.ts'
import { breaksConnection, PostgresError, toPostgresError } from './errors.ts'
import type { QueryResult, Statement, Transaction, TransactionOptions } from './types.ts'

/** "Current transaction is aborted": the statement did nothing, because one before it failed. */
const abortedState = '25P02'

function isAftermath(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === abortedState
}

/** What a transaction needs of the driver's client, pooled or not. */
export interface TransactionClient {
  query(statement: string | QueryConfig): Promise<DriverResult>
  /** What is written while it is corked leaves together. */
  readonly connection: {
    readonly stream: { readonly writableCorked: number; cork(): void; uncork(): void }
  }
}

/** The `begin` for these options, as one text so that it stays one round trip. */
export function beginText(options: TransactionOptions): string {
  const begin = [
    'begin isolation level',
    options.isolation ?? 'read committed',
    ...(options.isReadOnly ? ['read only'] : []),
  ].join(' ')
  return options.isSynchronousCommit === false
    ? `${begin}; set local synchronous_commit to off`
    : begin
}

/**
 * A transaction on one connection that nobody else uses meanwhile. Everything is pipelined: `begin` leaves together with the first
 * statement, the kept statements together with `commit`. A statement that fails puts the transaction into Postgres' failed state,
 * so what was sent behind it does nothing and `commit` answers ROLLBACK: pipelining cannot commit half a transaction.
 */
export class PooledTransaction implements Transaction {
  readonly #client: TransactionClient
  readonly #options: TransactionOptions
  readonly #last: QueryConfig[] = []
  readonly #begun: Promise<void>
  #isOpen = true
  #isOver = false
  #isBroken = false
  #firstFault: unknown
  /** The newest fault that is not the aftermath of another; answers come in the order of the statements. */
  #abortedBy: unknown

  constructor(client: TransactionClient, options: TransactionOptions) {
    this.#client = client
    this.#options = options
    this.#begun = this.#send({ text: beginText(options) }).then(() => {})
    // Whoever waits learns of it: the first statement fails as well, and `commit` looks.
    this.#begun.catch(() => {})
  }

  /** True when the connection must not go back to the pool. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The connection reported an error by itself. */
  markBroken(error: unknown): void {
    // What was told before may have been undone by a savepoint; that the connection is gone is not.
    if (!this.#isBroken) this.#firstFault = error
    this.#isBroken = true
  }

  async query<Row extends object>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    this.#checkOpen()
    return toResult(await this.#send(toQueryConfig(statement, values)))
  }

  queryLast(statement: Statement, values?: readonly unknown[]): void {
    this.#checkOpen()
    this.#last.push(toQueryConfig(statement, values))
  }

  /** @throws PostgresError; see `Database.transaction`. */
  async commit(): Promise<void> {
    this.#isOpen = false
    if (this.#isBroken) throw toPostgresError(this.#firstFault)
    this.#sendTogether()
    const last = this.#last.map((config) => this.#send(config))
    const commit = this.#client.query('commit')
    const [committed, ...sent] = await Promise.allSettled([commit, this.#begun, ...last])
    this.#isOver = true
    const refused = sent.find(
      (each) => each.status === 'rejected' && isServerAnswer(each.reason),
    ) as PromiseRejectedResult | undefined
    if (committed.status === 'rejected' && breaksConnection(committed.reason)) this.#isBroken = true
    if (refused) throw refused.reason
    if (committed.status === 'rejected') throw this.#commitFault(committed.reason)
    if (committed.value.command !== 'COMMIT') throw this.#rolledBack()
  }

  /** Does nothing where a commit has been answered already. Never throws. */
  async rollback(): Promise<void> {
    this.#isOpen = false
    if (this.#isBroken || this.#isOver) return
    try {
      await this.#client.query('rollback')
    } catch {
      // The connection is given up, and the server rolls back what it held.
      this.#isBroken = true
    }
  }

  async #send(config: QueryConfig): Promise<DriverResult> {
    this.#sendTogether()
    try {
      return await this.#client.query(config)
    } catch (error) {
      if (breaksConnection(error)) this.markBroken(error)
      else this.#firstFault ??= error
      if (!isAftermath(error)) this.#abortedBy = error
      // Of statements that were sent together, callers may hear any one's fault first: each tells the one that says why.
      throw toPostgresError(this.#abortedBy ?? error)
    }
  }

  /**
   * What is sent in one turn of the event loop leaves in one write. The driver writes each statement by itself, and each write wakes
   * the server's process: for small transactions that was most of what both sides did.
   */
  #sendTogether(): void {
    const { stream } = this.#client.connection
    if (stream.writableCorked > 0) return
    stream.cork()
    process.nextTick(() => stream.uncork())
  }

  #checkOpen(): void {
    if (this.#isOpen) return
    throw new PostgresError(
      'MR_POSTGRES_CLOSED',
      'A statement came after its transaction was over; it was not sent. Await every statement inside the work of the transaction.',
    )
  }

  #commitFault(error: unknown): PostgresError {
    const fault = toPostgresError(error)
    // A read has nothing to lose; a plain error (say, of a deferred constraint) says that nothing was committed. A fatal one may
    // come after the commit was done and before it was told.
    if (this.#options.isReadOnly || !breaksConnection(error)) return fault
    return new PostgresError(
      'MR_POSTGRES_COMMIT_UNKNOWN',
      'The connection to Postgres broke while the commit was under way: it may or may not have happened. Look for its effect, or repeat only what does no harm twice.',
      {},
      { cause: fault.cause ?? fault },
    )
  }

  #rolledBack(): PostgresError {
    return new PostgresError(
      'MR_POSTGRES_ROLLED_BACK',
      'A statement of the transaction failed and its error was swallowed, so the commit became a rollback. Let the error through, or use a savepoint.',
      {},
      // As ours, so that whoever looks through the causes sees a swallowed deadlock for what it is.
      { cause: toPostgresError(this.#abortedBy ?? this.#firstFault) },
    )
  }
}

/** The server itself refused, so the transaction certainly did not commit, even when its connection ended thereby. */
function isServerAnswer(error: unknown): boolean {
  return error instanceof PostgresError && error.sqlState !== null
}
