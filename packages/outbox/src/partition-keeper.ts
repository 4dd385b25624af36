import type { Clock, Logger, Timer } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import type { SqlNames } from './sql-names.ts'

/** Partitions exist from yesterday to this many days ahead. */
export const partitionDaysAhead = 7
const dayMs = 86_400_000
const tickMs = 3_600_000

/**
 * Sees to it that a partition is there for every id about to be written. Nothing happens at midnight: they are made a week ahead, and
 * looked after every hour by relays and whenever a transaction begins after an hour without a look.
 */
export class PartitionKeeper {
  readonly #database: Database
  readonly #names: SqlNames
  readonly #clock: Clock
  readonly #logger: Logger
  #checkedAtMs = -Infinity
  #checking: Promise<void> | undefined

  constructor(database: Database, names: SqlNames, clock: Clock, logger: Logger) {
    this.#database = database
    this.#names = names
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * To be called before a transaction. Waits only when this process knows of no partition for tomorrow any more, because it stood
   * still for days; otherwise it looks in the background, at most once an hour.
   */
  beforeWrite(): Promise<void> | undefined {
    const ageMs = this.#clock.now() - this.#checkedAtMs
    if (ageMs < tickMs && ageMs > -tickMs) return undefined
    const isLasting = Math.abs(ageMs) < (partitionDaysAhead - 2) * dayMs
    const checked = this.ensure().catch((error: unknown) => {
      this.#logger.warn('Partitions could not be made ahead; tried again with a later event', {
        error,
      })
    })
    return isLasting ? undefined : checked
  }

  /** Makes what is missing. Concurrent calls share one look. @throws PostgresError */
  ensure(): Promise<void> {
    this.#checking ??= this.#ensure().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  /** Looks every hour until `signal` is aborted. */
  keep(signal: AbortSignal): void {
    let timer: Timer | undefined
    const schedule = (): void => {
      timer = this.#clock.setTimer(tickMs, () => {
        void this.beforeWrite()
        schedule()
      })
    }
    if (signal.aborted) return
    schedule()
    signal.addEventListener('abort', () => timer?.cancel(), { once: true })
  }

  async #ensure(): Promise<void> {
    const atMs = this.#clock.now()
    const made = await this.#database.query<{ created: number }>(
      `select ${this.#names.prefix}ensure_event_partitions($1) as created`,
      [partitionDaysAhead],
    )
    this.#checkedAtMs = atMs
    const created = made.rows[0]?.created ?? 0
    if (created > 0) this.#logger.info('Partitions made ahead', { created })
  }
}
