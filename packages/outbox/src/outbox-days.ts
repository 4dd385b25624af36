import { uuidTimeMs, type Clock, type Logger, type Timer } from '@millrace/core'
import {
  createDayLog,
  type ArchivedDay,
  type ArchiveOptions,
  type ArchiveReport,
  type Database,
  type DayLog,
} from '@millrace/postgres'
import { isWithoutPartition, OutboxError } from './errors.ts'
import type { SqlNames } from './sql-names.ts'

/** Old days of the log, and days that are older than those made ahead. */
export interface ArchiveSchedule extends Omit<ArchiveOptions, 'signal'> {
  /** How often to look for days to archive, ms. Default 3,600,000. */
  readonly everyMs?: number
}

export interface ArchiveRunner extends AsyncDisposable {
  /** Waits for a run under way to end its day. Idempotent. */
  close(): Promise<void>
}

const dayMs = 86_400_000
/** Partitions of ids this near to now are made ahead (partition-keeper.ts). */
const aheadMs = dayMs
/** Days that were seen to be there are asked for again after this. */
const knownForMs = 3_600_000

/** The days of an outbox's log: `event_production_data` and its receipts. */
export class OutboxDays {
  readonly #log: DayLog
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #known = new Map<string, number>()

  constructor(database: Database, names: SqlNames, clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.#log = createDayLog({
      database,
      schema: names.schema,
      // Receipts go last and come back first: what has none would look as if it were still to be published.
      tables: [
        // Transaction ids of another cluster may lie in this one's future, and its relay would publish the day once more. '1' is shown by
        // every snapshot.
        {
          name: 'event_production_data',
          idColumn: 'event_id',
          restoredAs: { xid: `'1'::xid8` },
        },
        // Receipts by row, as the first version wrote them.
        { name: 'event_delivery', idColumn: 'event_id', isFormer: true },
        { name: 'event_delivery_chunk', idColumn: 'day_id' },
      ],
      holds: async (on, range, tableOf) => {
        const former = tableOf('event_delivery')
        const { rowCount: formerCount } = await on.query(
          'select 1 where to_regclass($1) is not null',
          [former],
        )
        const found = await on.query<{ reason: string | null }>(
          `select case
             when exists (
               select from ${names.prefix}event_production_issue
               where event_id >= $1::uuid and event_id < $2::uuid
             ) then 'it holds events that failed, wait behind a failed one, or are to be tried again'
             when exists (
               select from ${tableOf('event_production_data')} d
               where not exists (
                   select from ${tableOf('event_delivery_chunk')} c, unnest(c.relative_ids) as u (relative_id)
                   where c.first_id + u.relative_id = d.id)
                 ${formerCount > 0 ? `and not exists (select from ${former} r where r.event_id = d.event_id)` : ''}
             ) then 'it holds events that are not published yet'
           end as reason`,
          [range.idFloor, range.idCeiling],
        )
        return found.rows[0]?.reason ?? null
      },
      logger,
    })
  }

  migrate(): Promise<void> {
    return this.#log.migrate()
  }

  archive(options: ArchiveOptions): Promise<ArchiveReport> {
    return this.#log.archive(options)
  }

  restore(day: string, options?: { readonly directory?: string }): Promise<boolean> {
    return this.#log.restore(day, options)
  }

  archivedDays(): Promise<readonly ArchivedDay[]> {
    return this.#log.archivedDays()
  }

  /**
   * Makes the days of ids that are older than those made ahead: derived ones, whose time is their cause's. Nothing to wait for in all
   * other cases.
   * @throws OutboxError `MR_OUTBOX_DAY_ARCHIVED`
   */
  ensureFor(rows: readonly { readonly eventId: string }[]): Promise<void> | undefined {
    const nowMs = this.#clock.now()
    const missing = new Set<string>()
    for (const { eventId } of rows) {
      const timeMs = uuidTimeMs(eventId)
      if (timeMs > nowMs - aheadMs) continue
      const day = new Date(timeMs).toISOString().slice(0, 10)
      if ((this.#known.get(day) ?? -Infinity) < nowMs - knownForMs) missing.add(day)
    }
    return missing.size === 0 ? undefined : this.#ensure([...missing], nowMs)
  }

  /** What an insert's fault means when a day was archived since we had seen it; the fault itself otherwise. */
  async explain(error: unknown, rows: readonly { readonly eventId: string }[]): Promise<unknown> {
    if (!isWithoutPartition(error)) return error
    this.#known.clear()
    try {
      await this.ensureFor(rows)
      return error
    } catch (archived) {
      return archived
    }
  }

  /** Archives now and then every `everyMs`, until closed. */
  schedule(options: ArchiveSchedule): ArchiveRunner {
    const { everyMs = 3_600_000, ...archive } = options
    const closing = new AbortController()
    let timer: Timer | undefined
    let running: Promise<void> = Promise.resolve()
    const run = (): void => {
      running = this.#log
        .archive({ ...archive, signal: closing.signal })
        .then(
          () => {},
          (error: unknown) =>
            this.#logger.warn('Old days were not archived; tried again later', { error }),
        )
        .then(() => {
          if (closing.signal.aborted) return
          // Its process may have nothing else to do, and no connection open by then.
          timer = this.#clock.setTimer(everyMs, run, { keepsAlive: true })
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

  async #ensure(days: readonly string[], nowMs: number): Promise<void> {
    for (const day of days) {
      if ((await this.#log.ensureDay(day)) === 'archived')
        throw new OutboxError(
          'MR_OUTBOX_DAY_ARCHIVED',
          `An event's id belongs to ${day}, which is archived: whether the event was published before cannot be told. Nothing was written. Restore the day (outbox.restore("${day}")) and try again.`,
          { day },
        )
      this.#known.set(day, nowMs)
    }
  }
}
