import { systemClock, type Clock } from '@millrace/core'
import { PostgresError, type Database, type Queryable } from '@millrace/postgres'
import {
  checkEventIds,
  checkFilter,
  checkRange,
  timeOfId,
  writeCursor,
  type LogFilter,
  type ProductionFilter,
} from './log-filter.ts'
import { countWindow, type ProductionCount } from './sql/count-log.ts'
import { findOutcomes, type ProductionOutcome } from './sql/find-outcomes.ts'
import { groupFailures, type ProductionFailures } from './sql/group-failures.ts'
import { readStats } from './sql/read-stats.ts'
import { retryEvents } from './sql/retry-events.ts'
import {
  hasFewUndone,
  hasTests,
  readLoggedEvents,
  searchWindow,
  sourceOf,
  wantsUndone,
  type LoggedEvent,
} from './sql/search-log.ts'
import { sqlNames, type SqlNames } from './sql-names.ts'

export interface ProductionLogOptions {
  /** Any connection to the database of the service whose log it is; one that may only read will do for all but `retry`. */
  readonly database: Database
  /** Where the outbox lives. Default 'outbox'. */
  readonly schema?: string
  readonly clock?: Clock
}

/** How far an answer reaches. */
export interface LogReach {
  /** Everything from this time on has been looked at. */
  readonly scannedFrom: Date
  /** False when the look ended at its limit (rows or time) before the answer was whole: narrow the filter, or go on with `next`. */
  readonly isComplete: boolean
}

export interface ProductionPage extends LogReach {
  /** Newest first, by the time inside their ids. */
  readonly events: readonly LoggedEvent[]
  /** `before` of the next page; null at the end. */
  readonly next: string | null
}

export interface ProductionCounts extends LogReach {
  readonly counts: readonly ProductionCount[]
}

/** The backlog of one outbox. */
export interface ProductionSummary {
  /** Committed and not yet acknowledged, delayed ones too; `pendingCountLimit` means "or more". */
  readonly pending: number
  /** Age of the oldest of them, ms; null when there is none. */
  readonly oldestPendingAgeMs: number | null
  /** Of the pending ones: claimed by a relay (PUBLISHING). */
  readonly processing: number
  readonly failed: number
  /** Waiting behind a failed event of their key. */
  readonly parked: number
}

/**
 * The event_production_log as others see it: read-only, from any process that reaches the database, also while its service is down.
 * @throws OutboxError `MR_OUTBOX_BAD_FILTER`; PostgresError
 */
export interface ProductionLog {
  /**
   * A page of events. A single look is bounded: 200,000 rows and about 2 s where no index serves the filter (`service`, `eventType`,
   * `text`, `status: ['PUBLISHED']` by themselves).
   */
  search(filter?: ProductionFilter): Promise<ProductionPage>
  find(eventId: string): Promise<LoggedEvent | undefined>
  /** Those of the ids that are in the log, newest first. @param eventIds at most 1,000 */
  findAll(eventIds: readonly string[]): Promise<readonly LoggedEvent[]>
  /** Per status, service and topic, newest first as far as the bounds allow (2 s). `from` is inclusive, `to` exclusive. */
  counts(range?: { readonly from?: Date; readonly to?: Date }): Promise<ProductionCounts>
  /** The backlog; a few ms. */
  summary(): Promise<ProductionSummary>
  /** What became of these events so far, in no order, without their payloads; those that are not in the log are left out. @param eventIds at most 1,000 */
  outcomes(eventIds: readonly string[]): Promise<readonly ProductionOutcome[]>
  /** What was refused last between `from` (inclusive; default: a day before `to`) and `to` (default: now) and is not mended, by what went wrong. */
  failureGroups(filter?: {
    readonly from?: Date
    readonly to?: Date
    readonly fingerprint?: string
  }): Promise<ProductionFailures>
  /**
   * Sends FAILED events again, at most 1,000 at a time; what was parked behind each follows in order. Answers the ids of those that had
   * failed: any other id is left alone.
   */
  retry(eventIds: readonly string[]): Promise<readonly string[]>
}

export function createProductionLog(options: ProductionLogOptions): ProductionLog {
  return new PostgresProductionLog(options)
}

/** A look begins small and grows, so that a page at hand costs a page. */
const firstScanRows = 1_000
const maxScanRows = 32_000
/** A look ends here, whichever comes first. */
const scanRowsBudget = 200_000
const scanTimeBudgetMs = 2_000
const windowTimeoutMs = 10_000
const dayMs = 86_400_000
/** Rows counted at a time. */
const countRows = 50_000

class PostgresProductionLog implements ProductionLog {
  readonly #database: Database
  readonly #names: SqlNames
  readonly #clock: Clock
  readonly #sql: ReturnType<typeof createLogStatements>

  constructor(options: ProductionLogOptions) {
    this.#database = options.database
    this.#names = sqlNames(options.schema ?? 'outbox')
    this.#clock = options.clock ?? systemClock
    this.#sql = createLogStatements(this.#names)
  }

  async search(given: ProductionFilter = {}): Promise<ProductionPage> {
    const filter = checkFilter(given)
    const found = await this.#scan(filter)
    const events = await this.#sql.readLoggedEvents(
      this.#database,
      found.ids.slice(0, filter.limit),
    )
    // One more than asked for was looked for: it tells that there is a next page.
    const isFull = found.ids.length > filter.limit
    const last = isFull ? found.ids[filter.limit - 1] : found.stoppedAt
    return {
      events,
      next: last === undefined ? null : writeCursor(last),
      scannedFrom: last === undefined ? timeOfId(filter.idFloor) : timeOfId(last),
      isComplete: isFull || found.stoppedAt === undefined,
    }
  }

  async find(eventId: string): Promise<LoggedEvent | undefined> {
    checkEventIds([eventId])
    return (await this.#sql.readLoggedEvents(this.#database, [eventId]))[0]
  }

  async findAll(eventIds: readonly string[]): Promise<readonly LoggedEvent[]> {
    checkEventIds(eventIds)
    return this.#sql.readLoggedEvents(this.#database, eventIds)
  }

  async counts(
    range: { readonly from?: Date; readonly to?: Date } = {},
  ): Promise<ProductionCounts> {
    const { idFloor, idCeiling } = checkRange(range)
    const sums = new Map<string, ProductionCount>()
    const startMs = this.#clock.monotonicMs()
    let ceiling = idCeiling
    for (;;) {
      const window = await this.#bounded((tx) =>
        this.#sql.countWindow(tx, idFloor, ceiling, countRows),
      )
      for (const each of window.counts) {
        const key = JSON.stringify([each.service, each.topic, each.status])
        sums.set(key, { ...each, count: each.count + (sums.get(key)?.count ?? 0) })
      }
      const isWhole = window.scannedRows < countRows
      if (isWhole || this.#clock.monotonicMs() - startMs > scanTimeBudgetMs)
        return {
          counts: [...sums.values()],
          scannedFrom: timeOfId(isWhole ? idFloor : (window.scannedFloor ?? idFloor)),
          isComplete: isWhole,
        }
      ceiling = window.scannedFloor ?? idFloor
    }
  }

  async summary(): Promise<ProductionSummary> {
    const stats = await this.#sql.readStats(this.#database)
    const { pending, oldestPendingAgeMs, publishing, failed, parked } = stats
    return { pending, oldestPendingAgeMs, processing: publishing, failed, parked }
  }

  async outcomes(eventIds: readonly string[]): Promise<readonly ProductionOutcome[]> {
    checkEventIds(eventIds)
    return this.#sql.findOutcomes(this.#database, eventIds)
  }

  async failureGroups(
    filter: { readonly from?: Date; readonly to?: Date; readonly fingerprint?: string } = {},
  ): Promise<ProductionFailures> {
    const to = filter.to ?? new Date(this.#clock.now() + 1)
    const from = filter.from ?? new Date(Math.max(0, to.getTime() - dayMs))
    checkRange({ from, to })
    return this.#bounded((tx) => this.#sql.groupFailures(tx, { ...filter, from, to }))
  }

  async retry(eventIds: readonly string[]): Promise<readonly string[]> {
    checkEventIds(eventIds)
    if (eventIds.length === 0) return []
    const retried = await this.#sql.retryEvents(this.#database, eventIds)
    if (retried.length > 0)
      await this.#database.query('select pg_notify($1, $2)', [this.#names.channel, 'events'])
    return retried
  }

  /** Ids that match, one more than the page at most; `stoppedAt` where the budget ended the look. */
  async #scan(
    filter: LogFilter,
  ): Promise<{ readonly ids: readonly string[]; readonly stoppedAt: string | undefined }> {
    const startMs = this.#clock.monotonicMs()
    const isFew = !wantsUndone(filter) || (await this.#bounded((tx) => this.#sql.hasFewUndone(tx)))
    const source = sourceOf(filter, isFew)
    const wanted = filter.limit + 1
    const ids: string[] = []
    let scanned = 0
    let idCeiling = filter.idCeiling
    let scanRows = hasTests(this.#names, filter, source) ? Math.max(wanted, firstScanRows) : wanted
    for (;;) {
      const window = { source, idCeiling, scanRows, limit: wanted - ids.length }
      const found = await this.#bounded((tx) => this.#sql.searchWindow(tx, filter, window)).catch(
        (error: unknown) => {
          // A later window took too long: what is there is an answer, as after any other end of the budget.
          if (scanned > 0 && isTimeout(error)) return undefined
          throw error
        },
      )
      if (!found) return { ids, stoppedAt: idCeiling }
      ids.push(...found.ids)
      scanned += found.scannedRows
      if (ids.length >= wanted || found.scannedRows < scanRows || found.scannedFloor === null)
        return { ids, stoppedAt: undefined }
      idCeiling = found.scannedFloor
      const elapsedMs = this.#clock.monotonicMs() - startMs
      if (scanned >= scanRowsBudget || elapsedMs > scanTimeBudgetMs)
        return { ids, stoppedAt: idCeiling }
      scanRows = Math.min(scanRows * 4, maxScanRows, scanRowsBudget - scanned)
    }
  }

  /** Runs one statement where guesses about fresh tables cannot make it read whole partitions, nor compile itself for longer than it runs. */
  #bounded<T>(work: (on: Queryable) => Promise<T>): Promise<T> {
    return this.#database.transaction(
      async (tx) => {
        const [, result] = await Promise.all([
          tx.query(
            `select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
               set_config('statement_timeout', '${windowTimeoutMs}', true)`,
          ),
          work(tx),
        ])
        return result
      },
      { isReadOnly: true },
    )
  }
}

function createLogStatements(names: SqlNames) {
  return {
    countWindow: countWindow(names),
    findOutcomes: findOutcomes(names),
    groupFailures: groupFailures(names),
    hasFewUndone: hasFewUndone(names),
    readLoggedEvents: readLoggedEvents(names),
    readStats: readStats(names),
    retryEvents: retryEvents(names),
    searchWindow: searchWindow(names),
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof PostgresError && error.code === 'MR_POSTGRES_TIMEOUT'
}
