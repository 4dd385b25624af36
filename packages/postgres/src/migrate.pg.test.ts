import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { testDatabase, type TestDatabase } from '@millrace/embedded/testing'
import { openDatabase } from './database.ts'
import { migrate } from './migrate.ts'
import type { Database } from './types.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-migrate-'))
let home: TestDatabase
let database: Database
before(async () => {
  home = await testDatabase()
  database = openDatabase({ url: home.url, applicationName: 'test', maxConnections: 30 })
})
after(async () => {
  await database.close()
  await home[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

/** A folder with these migrations. */
function folder(files: Readonly<Record<string, string>>): URL {
  const dir = mkdtempSync(join(root, 'm-'))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text)
  return pathToFileURL(dir)
}

const first = {
  '0001_table.sql': `-- Several statements in one file.
create table thing (id bigint generated always as identity primary key);
create function twice(n integer) returns integer language sql as 'select 2 * n';
insert into thing default values;
`,
}
const second = {
  ...first,
  '0002_column.sql': `alter table thing add column note text default 'x';`,
}

test('applies in order, records, and does nothing the next time', async () => {
  const options = { name: 'things', schema: 'One' }
  assert.deepEqual(await migrate(database, { directory: folder(first), ...options }), {
    applied: 1,
  })
  assert.deepEqual(await migrate(database, { directory: folder(second), ...options }), {
    applied: 1,
  })
  assert.deepEqual(await migrate(database, { directory: folder(second), ...options }), {
    applied: 0,
  })
  const { rows } = await database.query('select note from "One".thing')
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ note: 'x' }],
  )
  const records = await database.query<{ file: string }>(
    'select file from "One".millrace_migration order by number',
  )
  assert.deepEqual(
    records.rows.map((row) => row.file),
    ['0001_table.sql', '0002_column.sql'],
  )
})

test('the same migrations install in several schemas, and two packages in one', async () => {
  await migrate(database, { directory: folder(second), name: 'things', schema: 'two' })
  await migrate(database, {
    directory: folder({ '0001_other.sql': 'create table other (id integer)' }),
    name: 'others',
    schema: 'two',
  })
  const { rows } = await database.query<{ name: string }>(
    'select distinct name from two.millrace_migration order by name',
  )
  assert.deepEqual(
    rows.map((row) => row.name),
    ['others', 'things'],
  )
})

test('twenty at once: each step happens once, everyone succeeds', async () => {
  const directory = folder(second)
  const results = await Promise.all(
    Array.from({ length: 20 }, () =>
      migrate(database, { directory, name: 'things', schema: 'crowd' }),
    ),
  )
  assert.equal(
    results.reduce((sum, result) => sum + result.applied, 0),
    2,
  )
  assert.equal((await database.query('select 1 from crowd.thing')).rowCount, 1)
})

test('a file that fails is rolled back whole, named, and those before it stay; mended, it goes on', async () => {
  const options = { name: 'things', schema: 'failing' }
  const broken = folder({
    ...first,
    '0002_column.sql': 'alter table thing add column note text; select 1 / 0;',
  })
  await assert.rejects(
    migrate(database, { directory: broken, ...options }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'MR_POSTGRES_BAD_VALUE')
      assert.match(error.message, /0002_column\.sql/)
      return true
    },
  )
  assert.deepEqual(await migrate(database, { directory: folder(second), ...options }), {
    applied: 1,
  })
})

test('an edited file is found out; line ends do not count', async () => {
  const options = { name: 'things', schema: 'edited' }
  await migrate(database, { directory: folder(first), ...options })
  const windows = folder({ '0001_table.sql': first['0001_table.sql'].replaceAll('\n', '\r\n') })
  assert.deepEqual(await migrate(database, { directory: windows, ...options }), { applied: 0 })
  const edited = folder({ '0001_table.sql': `${first['0001_table.sql']} select 1;` })
  await assert.rejects(migrate(database, { directory: edited, ...options }), {
    code: 'MR_POSTGRES_MIGRATION_MISMATCH',
  })
})

test('older code runs on a newer database unless a migration says that it breaks it', async () => {
  const options = { name: 'things', schema: 'newer' }
  await migrate(database, { directory: folder(second), ...options })
  assert.deepEqual(await migrate(database, { directory: folder(first), ...options }), {
    applied: 0,
  })
  const breaking = {
    ...second,
    '0003_drop.sql': '-- breaking: yes\nalter table thing drop column note;',
  }
  await migrate(database, { directory: folder(breaking), ...options })
  await assert.rejects(migrate(database, { directory: folder(second), ...options }), {
    code: 'MR_POSTGRES_MIGRATION_MISMATCH',
  })
})

test('a number kept for later work is applied when its file appears, once', async () => {
  const options = { name: 'things', schema: 'merged' }
  const third = { '0003_other.sql': 'create table other (id integer);' }
  const early = folder({ ...first, ...third })
  assert.deepEqual(await migrate(database, { directory: early, ...options }), { applied: 2 })
  const merged = folder({ ...second, ...third })
  assert.deepEqual(await migrate(database, { directory: merged, ...options }), { applied: 1 })
  assert.deepEqual(await migrate(database, { directory: merged, ...options }), { applied: 0 })
  assert.deepEqual(await migrate(database, { directory: early, ...options }), { applied: 0 })
})

for (const files of [
  { '0002_gap.sql': '' },
  { 'first.sql': '' },
  { '0001_a.sql': '', '0001_b.sql': '' },
]) {
  test(`wrongly numbered files are refused: ${Object.keys(files).join(', ')}`, async () => {
    await assert.rejects(
      migrate(database, { directory: folder(files), name: 'bad', schema: 'bad' }),
      {
        code: 'MR_POSTGRES_MIGRATION_INVALID',
      },
    )
  })
}
