import type { Clock, Logger } from '@millrace/core'
import { createConsumptionLog, type ConsumptionLog } from '@millrace/inbox'
import { createProductionLog, type ProductionLog } from '@millrace/outbox'
import { openDatabase, type Database } from '@millrace/postgres'
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

function readOnlyUrl(url: string): string {
  const parsed = new URL(url)
  const given = parsed.searchParams.get('options')
  const options = [given ?? '', '-c default_transaction_read_only=on'].filter(Boolean).join(' ')
  parsed.searchParams.set('options', options)
  return parsed.toString()
}
