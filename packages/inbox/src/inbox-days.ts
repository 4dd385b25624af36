import {
  silentLogger,
  systemClock,
  uuidLowerBound,
  type Clock,
  type Logger,
  type Timer,
} from '@millrace/core'
import {
  createDayLog,
  quoteIdentifier,
  type ArchivedDay,
  type ArchiveOptions,
  type ArchiveReport,
  type Database,
  type DayLog,
} from '@millrace/postgres'
import type {
  InboxArchiveOptions,
  InboxArchiveRunner,
  InboxArchiveSchedule,
} from './archive-types.ts'
import { inBounds } from './consume-bounds.ts'
import { InboxError } from './errors.ts'

const dayMs = 86_400_000

/** The days of a consumption log. Rows of ids without a time have no day, and stay. */
export class InboxDays {
  readonly #database: Database
  /** Quoted. */
  readonly #schema: string
  readonly #log: DayLog
  readonly #logger: Logger
  readonly #clock: Clock

  constructor(
    database: Database,
    schema: string,
    logger: Logger = silentLogger,
    clock: Clock = systemClock,
  ) {
    const quoted = quoteIdentifier(schema)
    this.#database = database
    this.#schema = quoted
    this.#logger = logger
    this.#clock = clock
    this.#log = createDayLog({
      database,
      schema,
      tables: [{ name: 'event_consumption_data', idColumn: 'event_id' }],
      holds: async (on, range, tableOf) => {
        const found = await on.query<{ reason: string | null }>(
          `select case
             when exists (
               select from ${tableOf('event_consumption_data')}
               where status in ('RECEIVED', 'PROCESSING', 'FAILED', 'PARKED') and status <> 'PROCESSED'
             ) then 'it holds events that failed, are parked, or wait for their next attempt'
             when exists (
               select from ${quoted}.operation_item item
               join ${quoted}.operation on operation.id = item.operation_id
               where item.event_id >= $1::uuid and item.event_id < $2::uuid
                 and item.state in ('WAITING', 'RELEASED')
             ) then 'an operation that is not ended is about its events'
           end as reason`,
          [range.idFloor, range.idCeiling],
        )
        return found.rows[0]?.reason ?? null
      },
      logger,
      clock,
    })
  }

  migrate(): Promise<void> {
    return this.#log.migrate()
  }

  async archive(options: InboxArchiveOptions): Promise<ArchiveReport> {
    return this.#archive(checked(options))
  }

  async #archive(options: ArchiveOptions): Promise<ArchiveReport> {
    const report = await this.#log.archive(options)
    for (const day of report.archived) await this.#dropRepeats(day)
    return report
  }

  /** Notes of what came twice go with the day of their events. A kill in between leaves some, which say nothing wrong. */
  async #dropRepeats(day: string): Promise<void> {
    const startMs = Date.parse(day)
    await this.#database.query(
      `delete from ${this.#schema}.consumption_repeat where event_id >= $1::uuid and event_id < $2::uuid`,
      [uuidLowerBound(startMs), uuidLowerBound(startMs + dayMs)],
    )
  }

  restore(day: string, options?: { readonly directory?: string }): Promise<boolean> {
    return this.#log.restore(day, options)
  }

  archivedDays(): Promise<readonly ArchivedDay[]> {
    return this.#log.archivedDays()
  }

  /** Archives now and then every `everyMs`, until closed. */
  schedule(options: InboxArchiveSchedule): InboxArchiveRunner {
    const { everyMs = 3_600_000, ...archive } = options
    const interval = inBounds('everyMs', everyMs, 1_000, 7 * 86_400_000)
    const days = checked(archive)
    const closing = new AbortController()
    let timer: Timer | undefined
    let running: Promise<void> = Promise.resolve()
    const run = (): void => {
      running = this.#run({ ...days, signal: closing.signal }).then(() => {
        if (closing.signal.aborted) return
        // Its process may have nothing else to do, and no connection open by then.
        timer = this.#clock.setTimer(interval, run, { keepsAlive: true })
      })
    }
    run()
    const close = async (): Promise<void> => {
      closing.abort()
      timer?.cancel()
      await running
    }
    return { close, [Symbol.asyncDispose]: close }
  }

  async #run(options: ArchiveOptions): Promise<void> {
    try {
      await this.#archive(options)
    } catch (error) {
      this.#logger.warn('Old days were not archived; tried again later', { error })
    }
  }
}

function checked(options: InboxArchiveOptions): ArchiveOptions {
  const { topicRetentionDays = 7, deadLetterDays = 7, ...archive } = options
  inBounds('topicRetentionDays', topicRetentionDays, 0, 36_500)
  inBounds('deadLetterDays', deadLetterDays, 0, 36_500)
  const lowest = topicRetentionDays + deadLetterDays
  if (archive.hotDays >= lowest) return archive
  throw new InboxError(
    'MR_INBOX_BAD_OPTION',
    `hotDays is ${archive.hotDays}; it must be at least ${lowest} (topicRetentionDays ${topicRetentionDays} + deadLetterDays ${deadLetterDays}), or an event that is delivered again after its row is gone takes effect twice. Nothing was archived.`,
    { hotDays: archive.hotDays, topicRetentionDays, deadLetterDays },
  )
}
