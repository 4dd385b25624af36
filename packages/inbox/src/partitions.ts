import { uuidLowerBound } from '@millrace/core'
import { quoteIdentifier, type Database } from '@millrace/postgres'
import { dayOfId } from './log-id.ts'

const dayMs = 86_400_000
const lockTimeoutMs = 5_000
const table = 'event_consumption_data'

/** Day partitions of the log: known ones in memory, missing ones made when an id of their day is first seen. */
export class LogPartitions {
  readonly #database: Database
  readonly #schema: string
  readonly #days = new Set<number>()
  #isLoaded = false

  constructor(database: Database, schema: string) {
    this.#database = database
    this.#schema = schema
  }

  readonly hasDay = (day: number): boolean => this.#days.has(day)

  /** Reads which partitions exist, once, or again after `forget`. */
  async load(): Promise<void> {
    if (this.#isLoaded) return
    const found = await this.#database.query<{ name: string }>(
      `select child.relname as name
       from pg_inherits
       join pg_class child on child.oid = inhrelid
       where inhparent = to_regclass($1)`,
      [`${quoteIdentifier(this.#schema)}.${table}`],
    )
    this.#days.clear()
    for (const { name } of found.rows) {
      const day = dayOfPartition(name)
      if (day !== undefined) this.#days.add(day)
    }
    this.#isLoaded = true
  }

  /** A partition that was known is gone (retention of another process): look again. */
  forget(): void {
    this.#isLoaded = false
  }

  /** Makes the partitions these rows go to. Safe when several processes do it at once. */
  async ensure(rows: Iterable<{ readonly logId: string }>): Promise<void> {
    await this.load()
    let lastDay: number | undefined
    const missing = new Set<number>()
    for (const { logId } of rows) {
      const day = dayOfId(logId)
      if (day === undefined || day === lastDay) continue
      lastDay = day
      if (!this.#days.has(day)) missing.add(day)
    }
    for (const day of [...missing].toSorted((a, b) => a - b)) await this.#make(day)
  }

  /**
   * Made standalone and attached: ATTACH takes SHARE UPDATE EXCLUSIVE on the parent and so lets inserts go on, where
   * CREATE … PARTITION OF would wait for them with ACCESS EXCLUSIVE. The table is empty, so its check scan costs nothing.
   */
  async #make(day: number): Promise<void> {
    const name = `${table}_${dateOf(day)}`
    const schema = quoteIdentifier(this.#schema)
    await this.#database.transaction(async (tx) => {
      await tx.query(`set local lock_timeout to ${lockTimeoutMs}`)
      await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
        `millrace.inbox.partitions.${this.#schema}`,
      ])
      const found = await tx.query('select 1 where to_regclass($1) is not null', [
        `${schema}.${name}`,
      ])
      if (found.rowCount > 0) return
      await tx.query(`create table ${schema}.${name} (like ${schema}.${table} including all)`)
      await tx.query(
        `alter table ${schema}.${table} attach partition ${schema}.${name}
         for values from ('${uuidLowerBound(day * dayMs)}') to ('${uuidLowerBound((day + 1) * dayMs)}')`,
      )
    })
    this.#days.add(day)
  }
}

function dateOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10).replaceAll('-', '')
}

function dayOfPartition(name: string): number | undefined {
  const match = /_(\d{4})(\d{2})(\d{2})$/.exec(name)
  if (!match) return undefined
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / dayMs
}
