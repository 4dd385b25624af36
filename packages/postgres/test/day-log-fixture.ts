import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUuidV7, systemClock } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import { createDayLog, openDatabase, type Database, type DayLog } from '@millrace/postgres'

export const dayMs = 86_400_000

/** `YYYY-MM-DD`, so many days before today. */
export const daysAgo = (days: number): string =>
  new Date(Date.now() - days * dayMs).toISOString().slice(0, 10)

/** An id of that day, at noon. */
export function idOf(day: string): string {
  const timeMs = Date.parse(`${day}T12:00:00Z`)
  return createUuidV7({ clock: { ...systemClock, now: () => timeMs } })()
}

/** The log of the tests: entries, of which those with a mark are done. */
export function openDayLog(database: Database, schema: string): DayLog {
  return createDayLog({
    database,
    schema,
    lockTimeoutMs: 2_000,
    tables: [
      { name: 'entry', idColumn: 'id', restoredAs: { xid: `'1'::xid8` } },
      { name: 'mark', idColumn: 'id' },
    ],
    holds: async (on, _range, tableOf) => {
      const open = await on.query(
        `select 1 from ${tableOf('entry')} e
         where not exists (select from ${tableOf('mark')} m where m.id = e.id)
         limit 1`,
      )
      return open.rowCount > 0 ? 'it holds an open entry' : null
    },
  })
}

export interface DayLogFixture extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  readonly log: DayLog
  readonly directory: string
  /** Adds entries to a day, done unless said otherwise; odd texts among them. */
  add(day: string, count: number, isOpen?: boolean): Promise<void>
  /** All rows of the log as text, in order. */
  rows(): Promise<readonly string[]>
}

const odd =
  String.raw`tab	newline
 back\slash "quote" \N \. é 😀 ` + '{"n":12345678901234567890.10,"u":"\\u0000"}'

export async function dayLogFixture(schema = 'log'): Promise<DayLogFixture> {
  const home = await testDatabase()
  const database = openDatabase({ url: home.url, applicationName: 'test' })
  const directory = mkdtempSync(join(tmpdir(), 'millrace-archive-'))
  const quoted = `"${schema.replaceAll('"', '""')}"`
  await database.query(`create schema ${quoted}`)
  await database.query(
    `create table ${quoted}.entry (id uuid primary key, xid xid8 not null default pg_current_xact_id(), n int not null check (n >= 0),
       word text, data bytea) partition by range (id)`,
  )
  await database.query(`create index on ${quoted}.entry (word)`)
  await database.query(`create table ${quoted}.mark (id uuid primary key) partition by range (id)`)
  const log = openDayLog(database, schema)
  await log.migrate()
  return {
    url: home.url,
    database,
    log,
    directory,
    add: async (day, count, isOpen = false) => {
      await log.ensureDay(day)
      const ids = Array.from({ length: count }, () => idOf(day))
      await database.query(
        `insert into ${quoted}.entry (id, n, word, data)
         select id, n, case n % 3 when 0 then null when 1 then $2 else 'plain' end, '\\x00ff0a5c'
         from unnest($1::uuid[]) with ordinality as t (id, n)`,
        [ids, odd],
      )
      if (!isOpen)
        await database.query(`insert into ${quoted}.mark select unnest($1::uuid[])`, [ids])
    },
    rows: async () => {
      const found = await database.query<{ row: string }>(
        `select (e.id, e.n, e.word, e.data, m.id)::text as row
         from ${quoted}.entry e left join ${quoted}.mark m on m.id = e.id
         order by e.id`,
      )
      return found.rows.map(({ row }) => row)
    },
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await home[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
