import type { Queryable } from '../types.ts'
import { quoteIdentifier } from '../url.ts'
import type { ArchiveContent } from './archive-file.ts'

export type ArchivedDayState = 'STARTED' | 'ARCHIVED' | 'RESTORED' | 'SUPERSEDED'

/** A row of `archived_day`: one table's rows of one day in one file. */
export interface ArchivedDay {
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string
  readonly table: string
  /** Rows that came to a day after it had been archived are a further part of it. */
  readonly part: number
  readonly state: ArchivedDayState
  readonly directory: string
  readonly file: string
  /** Null while STARTED, as are the following ones. */
  readonly columns: readonly string[] | null
  readonly rowCount: bigint | null
  readonly sizeBytes: bigint | null
  readonly sha256: string | null
  readonly startedAt: Date
  readonly archivedAt: Date | null
  readonly restoredAt: Date | null
}

/** The rows of one log in the table `archived_day` of its schema, which another log may share. */
export class Manifest {
  readonly #table: string
  readonly #ofLog: readonly string[]

  constructor(schema: string, tables: readonly string[]) {
    this.#table = `${quoteIdentifier(schema)}.archived_day`
    this.#ofLog = tables
  }

  /** Oldest day first; of one day when it is given. */
  async list(on: Queryable, day?: string): Promise<readonly ArchivedDay[]> {
    const found = await on.query<ArchivedDay>(
      `select day, table_name as "table", part, state, directory, file, columns, row_count as "rowCount", size_bytes as "sizeBytes",
         sha256, started_at as "startedAt", archived_at as "archivedAt", restored_at as "restoredAt"
       from ${this.#table}
       where table_name = any($1::text[])${day === undefined ? '' : ' and day = $2::date'}
       order by day, table_name, part`,
      day === undefined ? [this.#ofLog] : [this.#ofLog, day],
    )
    return found.rows
  }

  async start(
    on: Queryable,
    row: Pick<ArchivedDay, 'day' | 'table' | 'part' | 'directory' | 'file'>,
  ): Promise<void> {
    await on.query(
      `insert into ${this.#table} (day, table_name, part, state, directory, file)
       values ($1::date, $2, $3, 'STARTED', $4, $5)
       on conflict (day, table_name, part) do update set directory = excluded.directory, file = excluded.file`,
      [row.day, row.table, row.part, row.directory, row.file],
    )
  }

  /** A part is whole in its file; what a restore had brought back of earlier parts stands in it as well. */
  async finish(
    on: Queryable,
    row: Pick<ArchivedDay, 'day' | 'table' | 'part'>,
    columns: readonly string[],
    content: ArchiveContent,
  ): Promise<void> {
    await on.query(
      `update ${this.#table}
       set state = 'ARCHIVED', columns = $4::text[], row_count = $5, size_bytes = $6, sha256 = $7, archived_at = clock_timestamp()
       where day = $1::date and table_name = $2 and part = $3`,
      [row.day, row.table, row.part, columns, content.rowCount, content.sizeBytes, content.sha256],
    )
    await on.query(
      `update ${this.#table}
       set state = 'SUPERSEDED'
       where day = $1::date and table_name = $2 and part < $3 and state = 'RESTORED'`,
      [row.day, row.table, row.part],
    )
  }

  /** The day stays after all. */
  async giveUp(on: Queryable, day: string): Promise<void> {
    await on.query(
      `delete from ${this.#table}
       where day = $1::date and table_name = any($2::text[]) and state = 'STARTED'`,
      [day, this.#ofLog],
    )
  }

  async markRestored(on: Queryable, day: string): Promise<void> {
    await on.query(
      `update ${this.#table}
       set state = 'RESTORED', restored_at = clock_timestamp()
       where day = $1::date and table_name = any($2::text[]) and state = 'ARCHIVED'`,
      [day, this.#ofLog],
    )
  }
}
