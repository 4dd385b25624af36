import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { faults, silentLogger, systemClock, type Clock, type Logger } from '@millrace/core'
import { openSession, type Connection } from '../connection.ts'
import { PostgresError } from '../errors.ts'
import { migrate } from '../migrate.ts'
import type { Database, Queryable } from '../types.ts'
import { quoteIdentifier } from '../url.ts'
import {
  checkArchive,
  fileError,
  readArchive,
  removeArchive,
  writeArchive,
  writeWhole,
} from './archive-file.ts'
import { DayCatalog, type DayTable } from './catalog.ts'
import { copyIn, copyOut } from './copy.ts'
import { lastColdDay, rangeOfDay, type DayRange } from './days.ts'
import { Manifest, type ArchivedDay } from './manifest.ts'

export interface DayLogOptions {
  readonly database: Database
  readonly schema: string
  /** Archived in this order and restored in the opposite one: a table that says of another's rows that they are done comes behind it. */
  readonly tables: readonly [DayTable, ...DayTable[]]
  /**
   * Why a day must stay, in words for people, or null when it may go. Asked before anything happens, and again when no row can come to the
   * first table any more. Then it is no partition, and the others may be none either: name each by `tableOf`, never by its parent. A former
   * table may have no such day.
   */
  readonly holds: (on: Queryable, range: DayRange, tableOf: TableOfDay) => Promise<string | null>
  /** How long detaching a day waits for transactions that began before, ms; nobody waits for it meanwhile. Default 10,000. */
  readonly lockTimeoutMs?: number
  readonly logger?: Logger
  readonly clock?: Clock
}

/** The quoted name of a table of the day, whether attached or not. */
export type TableOfDay = (table: string) => string

export interface ArchiveOptions {
  /** Where the files go; made when missing. Several databases may share one. */
  readonly directory: string
  /** Whole UTC days before today that stay in the database, 2 or more. */
  readonly hotDays: number
  /** Whole days that a restored day stays; then it is archived again. Default 7. */
  readonly restoredDays?: number
  readonly signal?: AbortSignal
}

export interface ArchiveReport {
  /** Days whose rows are in files now and no longer in the database. */
  readonly archived: readonly string[]
  /** Days that stay, and why. */
  readonly held: readonly { readonly day: string; readonly reason: string }[]
  /** True when another process is at it: nothing was done. */
  readonly isElsewhere: boolean
}

/**
 * The day partitions of one log: made, archived to compressed files, dropped, restored. Each call may run in any number of processes and may
 * be killed at any point: the next one goes on. Writers are never made to wait.
 */
export interface DayLog {
  /** Installs the table `archived_day` in the schema. Safe in any number of processes at once. */
  migrate(): Promise<void>
  /** Makes the partitions of a day where they are missing. `archived`: its rows are in a file, so nothing was made; see `restore`. */
  ensureDay(day: string): Promise<'exists' | 'made' | 'archived'>
  /** Days in the database, oldest first. */
  days(): Promise<readonly string[]>
  /** Moves old days into files, oldest first. @throws PostgresError, for a file `MR_POSTGRES_ARCHIVE_FAILED`; no row is dropped then */
  archive(options: ArchiveOptions): Promise<ArchiveReport>
  /**
   * Brings a day back, all of it or nothing; false when it is back already. Its files stay.
   * @param directory where the files are now, if they were moved
   * @throws PostgresError `MR_POSTGRES_ARCHIVE_MISSING`, `MR_POSTGRES_ARCHIVE_CORRUPT`, `MR_POSTGRES_ARCHIVE_FAILED`
   */
  restore(day: string, options?: { readonly directory?: string }): Promise<boolean>
  archivedDays(): Promise<readonly ArchivedDay[]>
}

export function createDayLog(options: DayLogOptions): DayLog {
  return new PartitionedDayLog(options)
}

const migrations = new URL('../../migrations/', import.meta.url)
const dayMs = 86_400_000

class PartitionedDayLog implements DayLog {
  readonly #database: Database
  readonly #schema: string
  readonly #tables: readonly [DayTable, ...DayTable[]]
  readonly #holds: DayLogOptions['holds']
  readonly #lockTimeoutMs: number
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #catalog: DayCatalog
  readonly #manifest: Manifest

  constructor(options: DayLogOptions) {
    this.#database = options.database
    this.#schema = options.schema
    this.#tables = options.tables
    this.#holds = options.holds
    this.#lockTimeoutMs = options.lockTimeoutMs ?? 10_000
    this.#logger = options.logger ?? silentLogger
    this.#clock = options.clock ?? systemClock
    this.#catalog = new DayCatalog(options.schema)
    this.#manifest = new Manifest(
      options.schema,
      options.tables.map((table) => table.name),
    )
  }

  async migrate(): Promise<void> {
    await migrate(this.#database, {
      directory: migrations,
      name: 'archived-day',
      schema: this.#schema,
    })
  }

  days(): Promise<readonly string[]> {
    return this.#catalog.days(this.#database, this.#tables[0])
  }

  archivedDays(): Promise<readonly ArchivedDay[]> {
    return this.#manifest.list(this.#database)
  }

  async ensureDay(day: string): Promise<'exists' | 'made' | 'archived'> {
    const range = rangeOfDay(day)
    const tables = this.#tables.filter((table) => !table.isFormer)
    const states = await Promise.all(
      tables.map((table) => this.#catalog.stateOf(this.#database, table, day)),
    )
    if (states.every((state) => state === 'ATTACHED')) return 'exists'
    return this.#database.transaction(async (tx) => {
      await tx.query(`select set_config('lock_timeout', $1, true)`, [String(this.#lockTimeoutMs)])
      // In two statements: what was committed while we waited is seen by the next one only.
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `millrace day ${this.#schema} ${day}`,
      ])
      const parts = await this.#manifest.list(tx, day)
      if (parts.some(({ state }) => state === 'ARCHIVED' || state === 'STARTED')) return 'archived'
      let made = 0
      for (const table of tables) {
        if ((await this.#catalog.stateOf(tx, table, day)) !== 'MISSING') continue
        await this.#catalog.createStandalone(tx, table, range)
        await this.#catalog.attach(tx, table, range)
        made++
      }
      return made > 0 ? 'made' : 'exists'
    })
  }

  async archive(options: ArchiveOptions): Promise<ArchiveReport> {
    const { directory, hotDays } = options
    checkDays('hotDays', hotDays, 2)
    checkDays('restoredDays', options.restoredDays ?? 7, 0)
    await mkdir(directory, { recursive: true }).catch((error: unknown) => {
      throw fileError(directory, error)
    })
    await using session = await this.#session()
    const locked = await session.query<{ isOurs: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as "isOurs"',
      [this.#lockName],
    )
    if (!locked.rows[0]?.isOurs) return { archived: [], held: [], isElsewhere: true }
    const archived: string[] = []
    const held: { day: string; reason: string }[] = []
    for (const day of await this.#dueDays(session, options)) {
      if (options.signal?.aborted) break
      const reason = await this.#archiveDay(session, rangeOfDay(day), directory)
      if (reason === null) archived.push(day)
      else held.push({ day, reason })
    }
    if (archived.length > 0)
      this.#logger.info('Days were archived', { schema: this.#schema, days: archived })
    if (held.length > 0)
      this.#logger.warn('Days stay in the database', { schema: this.#schema, held })
    return { archived, held, isElsewhere: false }
  }

  async restore(day: string, options: { readonly directory?: string } = {}): Promise<boolean> {
    const range = rangeOfDay(day)
    await using session = await this.#session()
    await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [this.#lockName])
    const parts = await this.#manifest.list(session, day)
    const archived = parts.filter((part) => part.state === 'ARCHIVED')
    if (archived.length === 0) {
      if (parts.some((part) => part.state === 'RESTORED')) return false
      throw new PostgresError(
        'MR_POSTGRES_ARCHIVE_MISSING',
        `Day ${day} of schema "${this.#schema}" was never archived to its end. Look at archivedDays().`,
        { day, schema: this.#schema },
      )
    }
    const pathOf = (part: ArchivedDay): string =>
      join(options.directory ?? part.directory, part.file)
    for (const part of archived) await checkArchive(pathOf(part), contentOf(part))
    await session.query('begin')
    await this.#clearWay(session, day)
    for (const table of this.#tables.toReversed()) {
      const own = archived.filter((part) => part.table === table.name)
      if (!table.isFormer || own.length > 0)
        await this.#restoreTable(session, table, range, own, pathOf)
    }
    await this.#manifest.markRestored(session, day)
    await faults.at('day-archive.beforeRestoreCommit')
    // Any error above ends the session, and with it the transaction.
    await session.query('commit')
    this.#logger.info('A day was restored', { schema: this.#schema, day })
    return true
  }

  /** Lets rows come in that were held by nobody while the day was away. */
  async #clearWay(session: Connection, day: string): Promise<void> {
    await session.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `millrace day ${this.#schema} ${day}`,
    ])
  }

  /** Old days that are in the database, and those that an earlier run did not bring to their end. */
  async #dueDays(session: Connection, options: ArchiveOptions): Promise<readonly string[]> {
    const nowMs = this.#clock.now()
    const last = lastColdDay(nowMs, options.hotDays)
    const restoredSince = nowMs - (options.restoredDays ?? 7) * dayMs
    const parts = await this.#manifest.list(session)
    const resting = new Set(
      parts
        .filter((part) => part.restoredAt && part.restoredAt.getTime() > restoredSince)
        .map((part) => part.day),
    )
    const due = new Set(parts.filter((part) => part.state === 'STARTED').map((part) => part.day))
    for (const table of this.#tables)
      for (const day of await this.#catalog.days(session, table))
        if (day <= last && !resting.has(day)) due.add(day)
    return [...due].toSorted()
  }

  /** Archives and drops a day; answers why it stays where it does. */
  async #archiveDay(
    session: Connection,
    range: DayRange,
    directory: string,
  ): Promise<string | null> {
    const { day } = range
    const tableOf: TableOfDay = (name) => this.#catalog.nameOf({ name, idColumn: '' }, day)
    const [first] = this.#tables
    const tables: DayTable[] = []
    for (const table of this.#tables)
      if ((await this.#catalog.stateOf(session, table, day)) !== 'MISSING') tables.push(table)
      else if (!table.isFormer)
        return `it has no table ${this.#catalog.nameOf(table, day)}; ensureDay("${day}") makes one`
    if ((await this.#catalog.stateOf(session, first, day)) === 'ATTACHED') {
      const reason = await this.#holds(session, range, tableOf)
      if (reason !== null) return this.#keep(session, range, reason)
    }
    const parts = await this.#startParts(session, day, tables, directory)
    await faults.at('day-archive.started')
    try {
      for (const table of tables) {
        await this.#catalog.detach(session, table, day)
        await faults.at('day-archive.detached')
        if (table !== first) continue
        // No row can come to it any more.
        const reason = await this.#holds(session, range, tableOf)
        if (reason !== null) return await this.#keep(session, range, reason)
      }
    } catch (error) {
      if (!isBusy(error)) throw error
      return 'a transaction that began earlier still uses it; tried again with the next run'
    }
    await this.#writeParts(session, day, parts)
    return null
  }

  /** Puts a day back that was taken out, in the opposite order. */
  async #keep(session: Connection, range: DayRange, reason: string): Promise<string> {
    for (const table of this.#tables.toReversed()) {
      // One that was never taken out stays where it is: its rows are in use.
      if ((await this.#catalog.stateOf(session, table, range.day)) === 'ATTACHED') continue
      await this.#catalog.detach(session, table, range.day)
      if ((await this.#catalog.stateOf(session, table, range.day)) !== 'DETACHED') continue
      await session.query('begin')
      await this.#catalog.attach(session, table, range)
      await session.query('commit')
    }
    // What an earlier run wrote before it was cut off is no archive of anything.
    for (const { state, directory, file } of await this.#manifest.list(session, range.day))
      if (state === 'STARTED') await removeArchive(join(directory, file))
    await this.#manifest.giveUp(session, range.day)
    return reason
  }

  async #startParts(
    session: Connection,
    day: string,
    tables: readonly DayTable[],
    directory: string,
  ): Promise<ReadonlyMap<DayTable, StartedPart>> {
    const known = await this.#manifest.list(session, day)
    const parts = new Map<DayTable, StartedPart>()
    const database = await session.query<{ name: string }>('select current_database() as name')
    for (const table of tables) {
      const own = known.filter((part) => part.table === table.name)
      const started = own.find((part) => part.state === 'STARTED')
      const part = started?.part ?? Math.max(0, ...own.map((each) => each.part)) + 1
      const words = [database.rows[0]?.name ?? '', this.#schema, table.name].map(fileWord)
      const file = `${words.join('.')}.${day}.${part}.copy.zst`
      // Another cluster's database of the same name may share the directory.
      if (!started && (await exists(join(directory, file))))
        throw new PostgresError(
          'MR_POSTGRES_ARCHIVE_FAILED',
          `The file ${join(directory, file)} is there already, and this database did not write it. Give each cluster a directory of its own; nothing was dropped.`,
          { file, directory },
        )
      const row = { day, table: table.name, part, directory, file }
      await this.#manifest.start(session, row)
      parts.set(table, row)
    }
    return parts
  }

  /** Writes and checks the files of a day, then drops its tables: all of them, together with the word that the files are whole. */
  async #writeParts(
    session: Connection,
    day: string,
    parts: ReadonlyMap<DayTable, StartedPart>,
  ): Promise<void> {
    const done: (() => Promise<void>)[] = []
    for (const [table, part] of parts) {
      const name = this.#catalog.nameOf(table, day)
      const columns = await this.#catalog.columnsOf(session, table)
      const list = columns.map(quoteIdentifier).join(', ')
      const path = join(part.directory, part.file)
      const content = await writeArchive(path, async (write) => {
        const rowCount = await copyOut(session, `copy ${name} (${list}) to stdout`, write)
        await faults.at('day-archive.copied')
        return rowCount
      }).catch((error: unknown) => {
        throw fileError(path, error)
      })
      await writeWhole(`${path}.sha256`, `${content.sha256}  ${part.file}\n`)
      await writeWhole(`${path}.json`, `${manifestText(part, columns, content)}\n`)
      await faults.at('day-archive.written')
      done.push(async () => {
        await this.#manifest.finish(session, part, columns, content)
        await session.query(`drop table ${name}`)
      })
    }
    await session.query('begin')
    for (const each of done) await each()
    await faults.at('day-archive.beforeDrop')
    await session.query('commit')
    await faults.at('day-archive.dropped')
  }

  async #restoreTable(
    session: Connection,
    table: DayTable,
    range: DayRange,
    parts: readonly ArchivedDay[],
    pathOf: (part: ArchivedDay) => string,
  ): Promise<void> {
    const name = this.#catalog.nameOf(table, range.day)
    const state = await this.#catalog.stateOf(session, table, range.day)
    if (state === 'MISSING') await this.#catalog.createStandalone(session, table, range)
    const defaults = Object.entries(table.restoredAs ?? {})
    for (const [index, part] of parts.entries()) {
      // The first part fills an empty table; rows of others may be there already, from a day that went on.
      const isFirst = state === 'MISSING' && index === 0
      const target = isFirst ? name : 'restored_day'
      if (!isFirst)
        await session.query(
          `create temp table restored_day (like ${name} including defaults) on commit drop`,
        )
      for (const [column, value] of defaults)
        await session.query(
          `alter table ${target} alter ${quoteIdentifier(column)} set default ${value}`,
        )
      const list = (part.columns ?? []).map(quoteIdentifier).join(', ')
      const rowCount = await copyIn(
        session,
        `copy ${target} (${list}) from stdin`,
        readArchive(pathOf(part)),
      )
      if (rowCount !== part.rowCount) throw wrongCount(pathOf(part), part.rowCount, rowCount)
      if (isFirst) {
        for (const [column] of defaults) await this.#resetDefault(session, table, range.day, column)
        continue
      }
      const all = [...(part.columns ?? []), ...defaults.map(([column]) => column)]
      const allList = all.map(quoteIdentifier).join(', ')
      await session.query(
        `insert into ${name} (${allList}) select ${allList} from restored_day on conflict do nothing`,
      )
      await session.query('drop table restored_day')
    }
    if (state !== 'ATTACHED') await this.#catalog.attach(session, table, range)
  }

  /** Gives a column of a partition the default that its parent has. */
  async #resetDefault(
    session: Connection,
    table: DayTable,
    day: string,
    column: string,
  ): Promise<void> {
    const found = await session.query<{ value: string | null }>(
      `select pg_get_expr(d.adbin, d.adrelid) as value
       from pg_attribute a
       left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = to_regclass($1) and a.attname = $2`,
      [this.#catalog.parentOf(table), column],
    )
    const value = found.rows[0]?.value ?? null
    await session.query(
      `alter table ${this.#catalog.nameOf(table, day)} alter ${quoteIdentifier(column)} ${value === null ? 'drop default' : `set default ${value}`}`,
    )
  }

  async #session(): Promise<Connection> {
    const session = await openSession(this.#database, `millrace-archive-${this.#schema}`)
    await session.query(`select set_config('lock_timeout', $1, false)`, [
      String(this.#lockTimeoutMs),
    ])
    return session
  }

  /** Of this log alone: one schema may hold several, such as a production and a consumption log, and each has its turns. */
  get #lockName(): string {
    return `millrace day archive ${this.#schema}.${this.#tables[0].name}`
  }
}

type StartedPart = Pick<ArchivedDay, 'day' | 'table' | 'part' | 'directory' | 'file'>

function contentOf(part: ArchivedDay): {
  readonly rowCount: bigint
  readonly sha256: string
  readonly sizeBytes: number
} {
  return {
    rowCount: part.rowCount ?? 0n,
    sha256: part.sha256 ?? '',
    sizeBytes: Number(part.sizeBytes ?? 0n),
  }
}

/** What stands beside a file, for whoever finds it without its database. */
function manifestText(
  part: StartedPart,
  columns: readonly string[],
  content: { readonly rowCount: bigint; readonly sha256: string; readonly sizeBytes: number },
): string {
  const { day, table, file } = part
  return JSON.stringify(
    {
      file,
      day,
      table,
      part: part.part,
      format: 'PostgreSQL COPY text, UTF-8, zstd',
      columns,
      rowCount: content.rowCount.toString(),
      sizeBytes: content.sizeBytes,
      sha256: content.sha256,
    },
    undefined,
    2,
  )
}

function wrongCount(path: string, expected: bigint | null, found: bigint): PostgresError {
  return new PostgresError(
    'MR_POSTGRES_ARCHIVE_CORRUPT',
    `The archive ${path} holds ${found} rows, archived were ${expected}. Nothing was restored.`,
    { path, expected, found },
  )
}

/** A word of a file name: as it is where it is plain. */
function fileWord(word: string): string {
  return /^[\w-]{1,63}$/.test(word) ? word : `x${Buffer.from(word).toString('hex')}`
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function isBusy(error: unknown): boolean {
  return error instanceof PostgresError && error.code === 'MR_POSTGRES_CONFLICT'
}

function checkDays(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= 36_500) return
  throw new PostgresError(
    'MR_POSTGRES_BAD_OPTION',
    `${name} is ${value}; it must be a whole number of days from ${least} to 36,500. Nothing was done.`,
    { name, value },
  )
}
