import type { Clock, Logger } from '@millrace/core'
import { ContractRegistry } from '@millrace/events'
import { createConsumptionLog, createInbox, type ConsumptionLog, type Inbox } from '@millrace/inbox'
import {
  createOutbox,
  createProductionLog,
  type Outbox,
  type ProductionLog,
} from '@millrace/outbox'
import { openDatabase, PostgresError, type ArchivedDay, type Database } from '@millrace/postgres'
import type { ArchivedDayOf } from '../domain/archived-days.ts'
import { findLogSchemas } from '../sql/find-log-schemas.ts'
import type { SourceEntry } from './source-table.ts'

/** One production log. `key` names it in cursors and metrics. */
export interface TrackedProduction {
  readonly key: string
  readonly service: string
  readonly schema: string
  readonly log: ProductionLog
}

/** One consumption log. */
export interface TrackedConsumption {
  readonly key: string
  readonly service: string
  readonly schema: string
  readonly log: ConsumptionLog
}

export interface SourceLogs {
  readonly productions: readonly TrackedProduction[]
  readonly consumptions: readonly TrackedConsumption[]
}

export interface SourceOptions {
  readonly maxConnections: number
  readonly timeoutMs: number
  /** After how long a database that has logs is looked through for further ones, ms. */
  readonly lookAgainMs: number
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * The logs in one service's database. Whatever schema they live in, they are found by the names of their views, so the service itself
 * need not run and is not asked.
 */
export class Source {
  readonly service: string
  readonly #entry: SourceEntry
  readonly #options: SourceOptions
  /** Every transaction of it is read-only, whatever the role may do. */
  readonly reading: Database
  #writing: Database | undefined
  #logs: SourceLogs | undefined
  #lookedAtMs = -Infinity
  #archived: readonly ArchivedDayOf[] = []
  #archiveLookedAtMs = -Infinity

  constructor(entry: SourceEntry, options: SourceOptions) {
    this.service = entry.service
    this.#entry = entry
    this.#options = options
    this.reading = this.#open(readOnlyUrl(entry.url), 'tracking', options.maxConnections)
  }

  /**
   * Looked for anew every `lookAgainMs`, and each time while there is none: a service makes its two logs one after the other, and its first ones late.
   * @throws PostgresError
   */
  async logs(): Promise<SourceLogs> {
    const { lookAgainMs, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (this.#logs && nowMs - this.#lookedAtMs < lookAgainMs) return this.#logs
    const schemas = await findLogSchemas(this.reading)
    this.#lookedAtMs = nowMs
    const logs: SourceLogs = {
      productions: schemas.production.map((schema) => ({
        key: `${this.service}/p/${schema}`,
        service: this.service,
        schema,
        log: createProductionLog({ database: this.reading, schema }),
      })),
      consumptions: schemas.consumption.map((schema) => ({
        key: `${this.service}/c/${schema}`,
        service: this.service,
        schema,
        log: createConsumptionLog({ database: this.reading, schema }),
      })),
    }
    if (schemas.production.length + schemas.consumption.length > 0) this.#logs = logs
    return logs
  }

  /**
   * Days of its logs that are in files and no longer in the database; asked for anew every `lookAgainMs`.
   * @throws PostgresError
   */
  async archivedDays(): Promise<readonly ArchivedDayOf[]> {
    const { lookAgainMs, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#archiveLookedAtMs < lookAgainMs) return this.#archived
    const { productions, consumptions } = await this.logs()
    const { service } = this
    const found: ArchivedDayOf[] = []
    for (const { schema } of productions) {
      const days = await archivedOf(this.#outbox(this.reading, schema))
      found.push(...days.map((day) => ({ service, side: 'production' as const, ...day })))
    }
    for (const { schema } of consumptions) {
      const days = await archivedOf(this.#inbox(this.reading, schema))
      found.push(...days.map((day) => ({ service, side: 'consumption' as const, ...day })))
    }
    this.#archived = found
    this.#archiveLookedAtMs = nowMs
    return found
  }

  /**
   * Brings a day of its logs back into the database, on each side where it is archived. The files must lie where this process can read them.
   * @returns the sides on which it came back
   * @throws PostgresError `MR_POSTGRES_ARCHIVE_MISSING`, `MR_POSTGRES_ARCHIVE_CORRUPT`, `MR_POSTGRES_ARCHIVE_FAILED`
   */
  async restoreDay(day: string): Promise<readonly ArchivedDayOf['side'][]> {
    this.#archiveLookedAtMs = -Infinity
    const { productions, consumptions } = await this.logs()
    const sides: ArchivedDayOf['side'][] = []
    try {
      for (const { schema } of productions)
        if (await restoredOf(this.#outbox(this.writing, schema), (log) => log.restore(day), day))
          sides.push('production')
      for (const { schema } of consumptions)
        if (await restoredOf(this.#inbox(this.writing, schema), (log) => log.restoreDay(day), day))
          sides.push('consumption')
    } finally {
      this.#archiveLookedAtMs = -Infinity
    }
    return sides
  }

  #outbox(database: Database, schema: string): Outbox {
    return createOutbox({ database, serviceName: this.service, schema })
  }

  #inbox(database: Database, schema: string): Inbox {
    const contracts = new ContractRegistry([])
    const { service } = this
    return createInbox({ database, serviceName: service, groupId: service, contracts, schema })
  }

  /** For the acts of people: a connection that may write, opened when it is first needed. */
  get writing(): Database {
    this.#writing ??= this.#open(this.#entry.url, 'tracking-operations', 2)
    return this.#writing
  }

  async close(): Promise<void> {
    await this.reading.close()
    await this.#writing?.close()
  }

  #open(url: string, applicationName: string, maxConnections: number): Database {
    const { timeoutMs, logger } = this.#options
    return openDatabase({
      url,
      applicationName,
      maxConnections,
      connectTimeoutMs: timeoutMs,
      statementTimeoutMs: timeoutMs,
      logger: logger.child({ source: this.service }),
    })
  }
}

interface Archived {
  archivedDays(): Promise<readonly ArchivedDay[]>
}

/** By day: a log may have several tables, of which the largest tells how many events there were, and several files of each. */
async function archivedOf(
  log: Archived,
): Promise<readonly { readonly day: string; readonly events: number }[]> {
  const rows = await daysOf(log)
  const archived = rows.filter(({ state }) => state === 'ARCHIVED')
  return [...Map.groupBy(archived, ({ day }) => day)].map(([day, same]) => {
    const tables = Map.groupBy(same, ({ table }) => table).values()
    const counts = [...tables].map((parts) =>
      parts.reduce((sum, part) => sum + Number(part.rowCount ?? 0), 0),
    )
    return { day, events: Math.max(...counts) }
  })
}

/** A log of a version that archived nothing has no list of its days. */
async function daysOf(log: Archived): Promise<readonly ArchivedDay[]> {
  try {
    return await log.archivedDays()
  } catch (error) {
    // SQLSTATE 42P01: undefined table.
    if (error instanceof PostgresError && error.sqlState === '42P01') return []
    throw error
  }
}

/** Only where the day is in files: what was never archived is there. */
async function restoredOf<Log extends Archived>(
  log: Log,
  restore: (log: Log) => Promise<boolean>,
  day: string,
): Promise<boolean> {
  const isArchived = (await daysOf(log)).some(
    (each) => each.day === day && each.state === 'ARCHIVED',
  )
  return isArchived && restore(log)
}

function readOnlyUrl(url: string): string {
  const parsed = new URL(url)
  const given = parsed.searchParams.get('options')
  const options = [given ?? '', '-c default_transaction_read_only=on'].filter(Boolean).join(' ')
  parsed.searchParams.set('options', options)
  return parsed.toString()
}
