import { PostgresError } from './errors.ts'
import type { QueryResult, Statement, Transaction } from './types.ts'

/**
 * Runs `work` as a part of a transaction that can fail by itself: where it throws, what it did is undone, and the transaction goes on. What it keeps
 * for the end with `queryLast` is sent with the whole transaction's, or dropped. Costs two statements, sent with others.
 * @throws what `work` throws
 */
export async function inSavepoint<T>(
  tx: Transaction,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const part = new TransactionPart(tx)
  const begun = tx.query('savepoint part')
  // Where it fails so does what follows.
  begun.catch(() => {})
  try {
    const result = await work(part)
    const kept = part.end()
    await tx.query('release savepoint part')
    for (const [statement, values] of kept) tx.queryLast(statement, values)
    return result
  } catch (error) {
    part.end()
    // A connection that broke tells so by what comes next on it.
    await tx.query('rollback to savepoint part; release savepoint part').catch(() => {})
    throw error
  }
}

/** The transaction as a part of it sees it, until that is over: what comes later would be in the next part. */
class TransactionPart implements Transaction {
  readonly #tx: Transaction
  readonly #last: (readonly [Statement, readonly unknown[] | undefined])[] = []
  #isOpen = true

  constructor(tx: Transaction) {
    this.#tx = tx
  }

  async query<Row extends object>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    this.#checkOpen()
    return this.#tx.query<Row>(statement, values)
  }

  queryLast(statement: Statement, values?: readonly unknown[]): void {
    this.#checkOpen()
    this.#last.push([statement, values])
  }

  /** @returns what it keeps for the end of the transaction */
  end(): readonly (readonly [Statement, readonly unknown[] | undefined])[] {
    this.#isOpen = false
    return this.#last
  }

  #checkOpen(): void {
    if (this.#isOpen) return
    throw new PostgresError(
      'MR_POSTGRES_CLOSED',
      'A statement came after its part of a transaction was over; it was not sent. Await every statement inside the work.',
    )
  }
}
