import type { Clock, Logger, Timer } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import type { SqlNames } from './sql-names.ts'

/** At most 20 notifications a second and process. */
export const notifyIntervalMs = 50

/**
 * Wakes relays of other processes. Never inside a business transaction: NOTIFY takes one lock for the whole instance at commit, which
 * makes all writers queue. The first wish is served at once, those within the next 50 ms together. A lost notification costs a poll interval.
 */
export class Notifier {
  readonly #database: Database
  readonly #names: SqlNames
  readonly #clock: Clock
  readonly #logger: Logger
  #timer: Timer | undefined
  #isWanted = false

  constructor(database: Database, names: SqlNames, clock: Clock, logger: Logger) {
    this.#database = database
    this.#names = names
    this.#clock = clock
    this.#logger = logger
  }

  notify(): void {
    if (this.#timer) {
      this.#isWanted = true
      return
    }
    this.#timer = this.#clock.setTimer(notifyIntervalMs, () => {
      this.#timer = undefined
      if (!this.#isWanted) return
      this.#isWanted = false
      this.notify()
    })
    this.#send()
  }

  #send(): void {
    const statement = this.#names.statement('notify', 'select pg_notify($1, $2)')
    this.#database.query(statement, [this.#names.channel, 'events']).catch((error: unknown) => {
      this.#logger.debug('Relays were not woken; they poll', { error })
    })
  }
}
