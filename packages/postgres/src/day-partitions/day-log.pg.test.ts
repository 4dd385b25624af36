import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { createDayLog, openDatabase, type ArchiveReport } from '@millrace/postgres'
import {
  dayLogFixture,
  daysAgo,
  idOf,
  openDayLog,
  type DayLogFixture,
} from '../../test/day-log-fixture.ts'
import { rangeOfDay } from './days.ts'

const hotDays = 3
const cold = daysAgo(5)

/** Archives into the fixture's directory. */
const archive = ({ log, directory }: DayLogFixture) => log.archive({ directory, hotDays })

test('day log: old days go to files and come back as they were; young ones stay', async () => {
  await using fixture = await dayLogFixture()
  const { log, directory } = fixture
  for (const days of [0, 3, 4, 5]) await fixture.add(daysAgo(days), 10 * (days + 1))
  const before = await fixture.rows()
  const report = await archive(fixture)
  assert.deepEqual(report, {
    archived: [daysAgo(5), daysAgo(4)],
    held: [],
    isElsewhere: false,
  })
  assert.deepEqual(await log.days(), [daysAgo(3), daysAgo(0)])
  assert.equal((await fixture.rows()).length, before.length - 60 - 50)
  const days = await log.archivedDays()
  assert.deepEqual(
    days.map(({ day, table, part, state, rowCount }) => [day, table, part, state, rowCount]),
    [
      [daysAgo(5), 'entry', 1, 'ARCHIVED', 60n],
      [daysAgo(5), 'mark', 1, 'ARCHIVED', 60n],
      [daysAgo(4), 'entry', 1, 'ARCHIVED', 50n],
      [daysAgo(4), 'mark', 1, 'ARCHIVED', 50n],
    ],
  )
  for (const each of days) {
    const bytes = await readFile(join(directory, each.file))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    assert.equal(each.sha256, sha256)
    assert.equal(each.sizeBytes, BigInt(bytes.length))
    assert.equal(
      await readFile(join(directory, `${each.file}.sha256`), 'utf8'),
      `${sha256}  ${each.file}\n`,
    )
    const beside = JSON.parse(await readFile(join(directory, `${each.file}.json`), 'utf8'))
    assert.deepEqual([beside.sha256, beside.rowCount], [sha256, String(each.rowCount)])
    assert.equal(zstdDecompressSync(bytes).toString().split('\n').length - 1, Number(each.rowCount))
  }
  assert.deepEqual((await archive(fixture)).archived, [], 'nothing is left to do')

  assert.equal(await log.restore(daysAgo(5)), true)
  assert.equal(await log.restore(daysAgo(5)), false, 'it is back already')
  assert.equal(await log.restore(daysAgo(4)), true)
  assert.deepEqual(await fixture.rows(), before)
  const restored = await fixture.database.query<{ xids: bigint; checks: bigint; value: string }>(
    `select (select count(distinct xid) from log.entry where id < $1) as xids,
       (select count(*) from pg_constraint where conrelid = $2::regclass and contype = 'c') as checks,
       (select column_default from information_schema.columns
         where table_name = $3 and column_name = 'xid') as value`,
    [
      rangeOfDay(daysAgo(3)).idFloor,
      `log.entry_${cold.replaceAll('-', '')}`,
      `entry_${cold.replaceAll('-', '')}`,
    ],
  )
  assert.deepEqual(
    restored.rows[0],
    { xids: 1n, checks: 1n, value: 'pg_current_xact_id()' },
    'what means nothing elsewhere was replaced, and the shape is that of its siblings',
  )
  assert.deepEqual((await archive(fixture)).archived, [], 'a restored day rests')
  const again = await log.archive({ directory, hotDays, restoredDays: 0 })
  assert.deepEqual(again.archived, [daysAgo(5), daysAgo(4)])
  const states = (await log.archivedDays()).map(({ part, state }) => `${part} ${state}`)
  assert.deepEqual([...new Set(states)], ['1 SUPERSEDED', '2 ARCHIVED'])
  await log.restore(daysAgo(5))
  await log.restore(daysAgo(4))
  assert.deepEqual(await fixture.rows(), before)
})

test('day log: a day with something open stays, also when it opens at the last moment', async () => {
  await using fixture = await dayLogFixture()
  await fixture.add(cold, 5, true)
  await fixture.add(daysAgo(6), 2)
  const before = await fixture.rows()
  const report = await archive(fixture)
  assert.deepEqual(report.archived, [daysAgo(6)])
  assert.deepEqual(report.held, [{ day: cold, reason: 'it holds an open entry' }])
  await fixture.log.restore(daysAgo(6))
  assert.deepEqual(await fixture.rows(), before)

  // The first look finds nothing, the second one does: the day was detached in between and comes back.
  const looks: boolean[] = []
  const late = createDayLog({
    database: fixture.database,
    schema: 'log',
    tables: [
      { name: 'entry', idColumn: 'id' },
      { name: 'mark', idColumn: 'id' },
    ],
    holds: async () => (looks.push(true) === 2 ? 'a late one' : null),
  })
  await fixture.database.query(`delete from log.archived_day where day = $1`, [daysAgo(6)])
  await fixture.database.query(`drop table log.entry_${daysAgo(6).replaceAll('-', '')}`)
  await fixture.database.query(`drop table log.mark_${daysAgo(6).replaceAll('-', '')}`)
  const { held } = await late.archive({ directory: `${fixture.directory}/late`, hotDays })
  assert.deepEqual(held, [{ day: cold, reason: 'a late one' }])
  assert.equal((await fixture.rows()).length, 5)
  assert.deepEqual(await late.archivedDays(), [])
  const checks = await fixture.database.query(
    `select 1 from pg_constraint where conrelid = $1::regclass and contype = 'c' and coninhcount = 0`,
    [`log.entry_${cold.replaceAll('-', '')}`],
  )
  assert.equal(checks.rowCount, 0, 'no bounds check stays that each insert would pay for')
})

test('day log: neither making, archiving nor restoring a day waits for writers or makes them wait', async () => {
  await using fixture = await dayLogFixture()
  const { log, database } = fixture
  const today = daysAgo(0)
  await fixture.add(today, 1)
  await fixture.add(cold, 3)
  // A writer that stays open, and others that must not notice anything.
  let writes = 0
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
  const { promise: hasBegun, resolve: begun } = Promise.withResolvers<void>()
  const open = database.transaction(async (tx) => {
    await tx.query(`set local lock_timeout = '1s'`)
    await tx.query('insert into log.entry (id, n) values ($1, 1)', [idOf(today)])
    begun()
    await mayEnd
  })
  await hasBegun
  const over = new AbortController()
  const writing = (async () => {
    while (!over.signal.aborted) {
      await database.transaction(async (tx) => {
        await tx.query(`set local lock_timeout = '1s'`)
        await tx.query('insert into log.entry (id, n) values ($1, 1)', [idOf(today)])
      })
      writes++
    }
  })()
  try {
    assert.equal(await log.ensureDay(daysAgo(-9)), 'made')
    // It waits for the open transaction, and gives up after a while without having held anybody up.
    const first = await archive(fixture)
    assert.match(first.held[0]?.reason ?? '', /began earlier/)
    const writesThen = writes
    end()
    await open
    assert.deepEqual(
      (await archive(fixture)).archived,
      [cold],
      'the next run goes on in the middle',
    )
    assert.equal(await log.restore(cold), true)
    assert.ok(writes > writesThen && writesThen > 0)
  } finally {
    over.abort()
    end()
    await writing
  }
})

test('day log: of many processes at once one archives', async () => {
  await using fixture = await dayLogFixture()
  for (const days of [4, 5, 6, 7]) await fixture.add(daysAgo(days), 20)
  const databases = Array.from({ length: 6 }, () =>
    openDatabase({ url: fixture.url, applicationName: 'test' }),
  )
  try {
    const reports = await Promise.all(
      databases.map((database) =>
        openDayLog(database, 'log').archive({ directory: fixture.directory, hotDays }),
      ),
    )
    assert.equal(reports.flatMap((report) => report.archived).length, 4)
    assert.ok(reports.some((report) => report.isElsewhere))
  } finally {
    await Promise.all(databases.map((database) => database.close()))
  }
})

test('day log: two logs of one schema do not wait for one another', async () => {
  await using fixture = await dayLogFixture()
  const { database, directory } = fixture
  await database.query('create table log.note (id uuid primary key) partition by range (id)')
  const notes = createDayLog({
    database,
    schema: 'log',
    tables: [{ name: 'note', idColumn: 'id' }],
    holds: async () => null,
  })
  await notes.ensureDay(cold)
  await fixture.add(cold, 4)
  const reports: ArchiveReport[] = []
  const log = createDayLog({
    database,
    schema: 'log',
    tables: [
      { name: 'entry', idColumn: 'id' },
      { name: 'mark', idColumn: 'id' },
    ],
    // Asked while the archive is under way.
    holds: async () => {
      reports.push(await notes.archive({ directory, hotDays }))
      return null
    },
  })
  assert.deepEqual((await log.archive({ directory, hotDays })).archived, [cold])
  assert.deepEqual(reports[0], { archived: [cold], held: [], isElsewhere: false })
})

test('day log: rows that come to an archived day are a part of their own, and all come back', async () => {
  await using fixture = await dayLogFixture()
  const { log } = fixture
  await fixture.add(cold, 4)
  const early = await fixture.rows()
  await archive(fixture)
  assert.equal(await log.ensureDay(cold), 'archived')
  // A log that makes its days on sight, as the inbox does.
  const { idFloor, idCeiling } = rangeOfDay(cold)
  const suffix = cold.replaceAll('-', '')
  for (const table of ['entry', 'mark'])
    await fixture.database.query(
      `create table log.${table}_${suffix} partition of log.${table} for values from ('${idFloor}') to ('${idCeiling}')`,
    )
  const id = idOf(cold)
  await fixture.database.query('insert into log.entry (id, n) values ($1, 1)', [id])
  await fixture.database.query('insert into log.mark values ($1)', [id])
  const late = await fixture.rows()
  assert.deepEqual((await archive(fixture)).archived, [cold])
  assert.deepEqual(
    (await log.archivedDays()).map(({ table, part, rowCount }) => [table, part, rowCount]),
    [
      ['entry', 1, 4n],
      ['entry', 2, 1n],
      ['mark', 1, 4n],
      ['mark', 2, 1n],
    ],
  )
  await log.restore(cold)
  assert.deepEqual(await fixture.rows(), [...early, ...late].toSorted())
})

for (const { name, damage, code } of [
  {
    name: 'a flipped bit',
    damage: async (path: string) => {
      const bytes = await readFile(path)
      bytes[20] = (bytes[20] ?? 0) ^ 1
      await writeFile(path, bytes)
    },
    code: 'MR_POSTGRES_ARCHIVE_CORRUPT',
  },
  {
    name: 'a cut end',
    damage: (path: string) => truncate(path, 30),
    code: 'MR_POSTGRES_ARCHIVE_CORRUPT',
  },
  {
    name: 'a file that is gone',
    damage: (path: string) => rename(path, `${path}.elsewhere`),
    code: 'MR_POSTGRES_ARCHIVE_MISSING',
  },
])
  test(`day log: ${name} is noticed at the restore and refused, with nothing changed`, async () => {
    await using fixture = await dayLogFixture()
    const { log, directory } = fixture
    await fixture.add(cold, 50)
    await archive(fixture)
    const file = (await log.archivedDays()).find((each) => each.table === 'entry')?.file ?? ''
    const copy = await readFile(join(directory, file))
    await damage(join(directory, file))
    await assert.rejects(log.restore(cold), { code })
    assert.deepEqual(await log.days(), [])
    assert.equal((await log.archivedDays())[0]?.state, 'ARCHIVED')
    await writeFile(join(directory, file), copy)
    assert.equal(await log.restore(cold), true)
    assert.equal((await fixture.rows()).length, 50)
  })

test('day log: a directory that cannot be written costs nothing; files may move; strangers are not overwritten', async () => {
  await using fixture = await dayLogFixture('Odd "log"/..')
  const { log, directory } = fixture
  await fixture.add(cold, 5)
  const before = await fixture.rows()
  await writeFile(join(directory, 'file'), '')
  await assert.rejects(log.archive({ directory: join(directory, 'file', 'sub'), hotDays }), {
    code: 'MR_POSTGRES_ARCHIVE_FAILED',
  })
  assert.deepEqual(await fixture.rows(), before)
  await archive(fixture)
  const files = (await readdir(directory)).filter((file) => file !== 'file')
  assert.equal(files.length, 6, files.join())
  for (const file of files) assert.match(file, /^[\w.-]+$/)
  const moved = join(directory, 'moved')
  await log.archive({ directory: moved, hotDays })
  for (const file of files) await rename(join(directory, file), join(moved, file))
  await assert.rejects(log.restore(cold), { code: 'MR_POSTGRES_ARCHIVE_MISSING' })
  assert.equal(await log.restore(cold, { directory: moved }), true)
  assert.deepEqual(await fixture.rows(), before)
  // Another cluster's file of the same name.
  const [file] = files.filter((each) => each.endsWith('.zst'))
  const next = (file ?? '').replace('.1.copy', '.2.copy')
  await writeFile(join(directory, next), 'theirs')
  await assert.rejects(log.archive({ directory, hotDays, restoredDays: 0 }), {
    code: 'MR_POSTGRES_ARCHIVE_FAILED',
  })
  assert.equal(await readFile(join(directory, next), 'utf8'), 'theirs')
})

test('day log: options and days that cannot be meant are refused', async () => {
  await using fixture = await dayLogFixture()
  const { log, directory } = fixture
  for (const hotDays of [1, -1, 2.5, Number.NaN, 40_000])
    await assert.rejects(log.archive({ directory, hotDays }), { code: 'MR_POSTGRES_BAD_OPTION' })
  for (const day of [
    '',
    '2026-02-30',
    '2026-1-1',
    '1969-12-31',
    "2026-01-01'; drop table log.entry",
  ])
    await assert.rejects(log.restore(day), { code: 'MR_POSTGRES_BAD_OPTION' })
  await assert.rejects(log.restore('2020-01-01'), { code: 'MR_POSTGRES_ARCHIVE_MISSING' })
})

test('day log: a former table gets no more days; those it has go to files and come back with the others', async () => {
  await using fixture = await dayLogFixture()
  const { database, directory } = fixture
  await fixture.add(cold, 3)
  const before = await fixture.rows()
  const log = createDayLog({
    database,
    schema: 'log',
    tables: [
      { name: 'entry', idColumn: 'id', restoredAs: { xid: `'1'::xid8` } },
      { name: 'mark', idColumn: 'id', isFormer: true },
    ],
    holds: async () => null,
  })
  const colder = daysAgo(6)
  assert.equal(await log.ensureDay(colder), 'made')
  assert.equal(await log.ensureDay(colder), 'exists')
  await database.query('insert into log.entry (id, n) values ($1, 1)', [idOf(colder)])
  const { archived, held } = await log.archive({ directory, hotDays })
  assert.deepEqual([archived, held], [[colder, cold], []])
  assert.deepEqual(
    (await log.archivedDays()).map(({ day, table }) => `${day} ${table}`),
    [`${colder} entry`, `${cold} entry`, `${cold} mark`],
  )
  for (const day of [colder, cold]) assert.equal(await log.restore(day), true)
  assert.deepEqual(await log.days(), [colder, cold])
  assert.deepEqual((await fixture.rows()).slice(1), before)
  const marks = await database.query('select from pg_inherits where inhparent = $1::regclass', [
    'log.mark',
  ])
  assert.equal(marks.rowCount, 1)
})

test('day log: two logs in one schema do not mix', async () => {
  await using fixture = await dayLogFixture()
  const { log, database, directory } = fixture
  await database.query('create table log.other (id uuid primary key) partition by range (id)')
  const other = createDayLog({
    database,
    schema: 'log',
    tables: [{ name: 'other', idColumn: 'id' }],
    holds: async () => null,
  })
  await fixture.add(cold, 3)
  await other.ensureDay(cold)
  await database.query('insert into log.other values ($1)', [idOf(cold)])
  await other.archive({ directory, hotDays })
  await archive(fixture)
  assert.equal((await other.archivedDays()).length, 1)
  assert.equal((await log.archivedDays()).length, 2)
  assert.equal(await log.restore(cold), true)
  assert.equal((await other.archivedDays())[0]?.state, 'ARCHIVED')
  assert.equal(await other.restore(cold), true)
  assert.equal((await database.query('select 1 from log.other')).rowCount, 1)
})
