import type { Database, Transaction } from '@millrace/postgres'
import { fetchFromCursor, type PendingEvent, type SetBounds } from './sql/read-set.ts'
import type { Statements } from './statements.ts'

/** A read-only transaction with a cursor over a window of a set in it, held open until `close`. */
export class SetCursor {
  readonly #tx: Transaction
  readonly #end: () => void
  readonly #ended: Promise<unknown>
  /** Of the window, not fetched yet. */
  #left: number
  #isShort = false

  private constructor(
    tx: Transaction,
    windowRecords: number,
    end: () => void,
    ended: Promise<unknown>,
  ) {
    this.#tx = tx
    this.#left = windowRecords
    this.#end = end
    this.#ended = ended
  }

  static async open(
    database: Database,
    sql: Statements,
    bounds: SetBounds,
    windowRecords: number,
  ): Promise<SetCursor> {
    const ending = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<Transaction>()
    const ended = database
      .transaction(
        async (tx) => {
          await sql.openSetCursor(tx, bounds, windowRecords)
          opened.resolve(tx)
          await ending.promise
        },
        { isolation: 'repeatable read', isReadOnly: true },
      )
      // Whoever fetches learns of a broken connection; the end of a read-only transaction has nothing more to say.
      .catch((error: unknown) => opened.reject(error))
    return new SetCursor(await opened.promise, windowRecords, ending.resolve, ended)
  }

  /** Everything of the window was fetched. */
  get isAtEnd(): boolean {
    return this.#isShort || this.#left === 0
  }

  /** The set ended before the window was full: nothing of it lies behind. */
  get isLast(): boolean {
    return this.#isShort
  }

  /** Not once it is at its end. */
  async fetch(limit: number): Promise<readonly PendingEvent[]> {
    const asked = Math.min(limit, this.#left)
    const events = await fetchFromCursor(this.#tx, asked)
    this.#left -= events.length
    this.#isShort = events.length < asked
    return events
  }

  async close(): Promise<void> {
    this.#end()
    await this.#ended
  }
}
