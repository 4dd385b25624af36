import type { Database, Transaction } from '@millrace/postgres'
import { fetchFromCursor, type PendingEvent, type SetBounds } from './sql/read-set.ts'
import type { Statements } from './statements.ts'

/** A read-only transaction with a cursor in it, held open until `close`. */
export class SetCursor {
  readonly #tx: Transaction
  readonly #end: () => void
  readonly #ended: Promise<unknown>

  private constructor(tx: Transaction, end: () => void, ended: Promise<unknown>) {
    this.#tx = tx
    this.#end = end
    this.#ended = ended
  }

  static async open(database: Database, sql: Statements, bounds: SetBounds): Promise<SetCursor> {
    const ending = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<Transaction>()
    const ended = database
      .transaction(
        async (tx) => {
          await sql.openSetCursor(tx, bounds)
          opened.resolve(tx)
          await ending.promise
        },
        { isolation: 'repeatable read', isReadOnly: true },
      )
      // Whoever fetches learns of a broken connection; the end of a read-only transaction has nothing more to say.
      .catch((error: unknown) => opened.reject(error))
    return new SetCursor(await opened.promise, ending.resolve, ended)
  }

  fetch(limit: number): Promise<readonly PendingEvent[]> {
    return fetchFromCursor(this.#tx, limit)
  }

  async close(): Promise<void> {
    this.#end()
    await this.#ended
  }
}
