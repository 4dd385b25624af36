import type { Queryable } from '../types.ts'
import { quoteIdentifier } from '../url.ts'
import { dayOfPartition, partitionName, type DayRange } from './days.ts'

/** A table that has a partition for each UTC day, by the time inside a UUID. */
export interface DayTable {
  readonly name: string
  /** The UUID column it is partitioned by. */
  readonly idColumn: string
  /**
   * Columns that mean nothing outside the cluster that wrote them, such as transaction ids, with the SQL expression that stands for
   * them in a restored row. They are not archived.
   */
  readonly restoredAs?: Readonly<Record<string, string>>
  /** Of an earlier version: no days are made for it any more. Those that it has are archived, and restored, with the others'. */
  readonly isFormer?: boolean
}

/** Where a day's table is: `PENDING` is between the two halves of `detach partition concurrently`. */
export type DayTableState = 'ATTACHED' | 'PENDING' | 'DETACHED' | 'MISSING'

/** DDL and look-ups for the day partitions of one schema. Nothing here waits for writers or makes them wait. */
export class DayCatalog {
  readonly #schema: string

  constructor(schema: string) {
    this.#schema = quoteIdentifier(schema)
  }

  /** The table of a day, attached or not, quoted and qualified. */
  nameOf(table: DayTable, day: string): string {
    return `${this.#schema}.${quoteIdentifier(partitionName(table.name, day))}`
  }

  parentOf(table: DayTable): string {
    return `${this.#schema}.${quoteIdentifier(table.name)}`
  }

  /** Days with an attached partition, oldest first. */
  async days(on: Queryable, table: DayTable): Promise<readonly string[]> {
    const found = await on.query<{ name: string }>(
      `select child.relname as name
       from pg_inherits
       join pg_class child on child.oid = inhrelid
       where inhparent = to_regclass($1)
       order by child.relname`,
      [this.parentOf(table)],
    )
    return found.rows.flatMap(({ name }) => dayOfPartition(table.name, name) ?? [])
  }

  async stateOf(on: Queryable, table: DayTable, day: string): Promise<DayTableState> {
    const found = await on.query<{ isPending: boolean | null }>(
      `select inhdetachpending as "isPending"
       from (select to_regclass($1) as oid) t
       left join pg_inherits on inhrelid = t.oid and inhparent = to_regclass($2)
       where t.oid is not null`,
      [this.nameOf(table, day), this.parentOf(table)],
    )
    const [row] = found.rows
    if (!row) return 'MISSING'
    if (row.isPending === null) return 'DETACHED'
    return row.isPending ? 'PENDING' : 'ATTACHED'
  }

  /**
   * A table like a partition of the parent, not attached yet. `create table … partition of` would lock out every writer.
   * Runs in the caller's transaction.
   */
  async createStandalone(on: Queryable, table: DayTable, range: DayRange): Promise<void> {
    const name = this.nameOf(table, range.day)
    await on.query(`create table ${name} (like ${this.parentOf(table)} including all)`)
    await this.#addBounds(on, table, range)
  }

  /** Runs in the caller's transaction; the bounds check spares the scan and is dropped at once, or each insert would pay for it. */
  async attach(on: Queryable, table: DayTable, range: DayRange): Promise<void> {
    const name = this.nameOf(table, range.day)
    await on.query(
      `alter table ${this.parentOf(table)} attach partition ${name} for values from ('${range.idFloor}') to ('${range.idCeiling}')`,
    )
    const checks = await on.query<{ name: string }>(
      `select conname as name
       from pg_constraint
       where conrelid = to_regclass($1) and contype = 'c' and coninhcount = 0`,
      [name],
    )
    for (const check of checks.rows)
      await on.query(`alter table ${name} drop constraint ${quoteIdentifier(check.name)}`)
  }

  /**
   * Takes a day out without a lock that stops anybody: Postgres waits for the transactions that still use it, within the session's
   * lock_timeout. What was cut off in the middle goes on where it was. Not inside a transaction.
   */
  async detach(on: Queryable, table: DayTable, day: string): Promise<void> {
    const state = await this.stateOf(on, table, day)
    if (state !== 'ATTACHED' && state !== 'PENDING') return
    await on.query(
      `alter table ${this.parentOf(table)} detach partition ${this.nameOf(table, day)} ${state === 'PENDING' ? 'finalize' : 'concurrently'}`,
    )
  }

  /** Names of the columns that are archived. */
  async columnsOf(on: Queryable, table: DayTable): Promise<readonly string[]> {
    const found = await on.query<{ name: string }>(
      `select attname as name
       from pg_attribute
       where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated = ''
       order by attnum`,
      [this.parentOf(table)],
    )
    return found.rows
      .map((row) => row.name)
      .filter((name) => table.restoredAs?.[name] === undefined)
  }

  async #addBounds(on: Queryable, table: DayTable, range: DayRange): Promise<void> {
    const id = quoteIdentifier(table.idColumn)
    await on.query(
      `alter table ${this.nameOf(table, range.day)}
       add check (${id} is not null and ${id} >= '${range.idFloor}' and ${id} < '${range.idCeiling}')`,
    )
  }
}
