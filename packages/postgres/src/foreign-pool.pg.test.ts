import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { Pool, type PoolConfig } from 'pg'
import { databaseOfPool } from './database.ts'
import { migrate } from './migrate.ts'
import { parseDatabaseUrl } from './url.ts'

/** A pool as somebody else has it, and ours over it; no warning of the driver may appear. */
async function withPool(
  work: (pool: Pool, database: ReturnType<typeof databaseOfPool>) => Promise<void>,
  settings: PoolConfig = {},
): Promise<void> {
  await using home = await testDatabase()
  const { host, port, user, password, database: name } = parseDatabaseUrl(home.url)
  const pool = new Pool({ host, port, user, password, database: name, ...settings })
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  try {
    const database = databaseOfPool(pool)
    await work(pool, database)
    await database.close()
    assert.equal((await pool.query('select 1 as one')).rows[0].one, 1, 'it stays open')
    assert.deepEqual(warnings, [])
  } finally {
    process.removeListener('warning', onWarning)
    await pool.end()
  }
}

for (const settings of [{}, { pipeline: true }, { max: 1 }])
  test(`a pool of pg with ${JSON.stringify(settings)}: transactions commit or roll back whole, with our types`, () =>
    withPool(async (pool, database) => {
      await database.query('create table note (id bigint primary key)')
      await database.transaction(async (tx) => {
        tx.queryLast('insert into note values ($1)', [3])
        // Sent together, as ours may be.
        await Promise.all([
          tx.query('insert into note values ($1)', [1]),
          tx.query({ name: 'add', text: 'insert into note values ($1)' }, [2]),
        ])
      })
      const { rows } = await database.query('select id from note order by id')
      assert.deepEqual(
        rows.map((row) => row['id']),
        [1n, 2n, 3n],
      )
      await assert.rejects(
        database.transaction(async (tx) => {
          await tx.query('insert into note values (4)')
          await Promise.allSettled([
            tx.query('insert into note values (4)'),
            tx.query('insert into note values (5)'),
          ])
        }),
        { code: 'MR_POSTGRES_ROLLED_BACK' },
      )
      await assert.rejects(
        database.transaction(async (tx) => {
          tx.queryLast('insert into note values (1)')
        }),
        { code: 'MR_POSTGRES_CONSTRAINT' },
      )
      const plain = await pool.query('select id from note order by id')
      assert.deepEqual(
        plain.rows.map((row) => row.id),
        ['1', '2', '3'],
        'the pool keeps its own types',
      )
    }, settings))

test('a pool of pg: migrations and LISTEN connect with its settings, beside it', () =>
  withPool(
    async (pool, database) => {
      const dir = mkdtempSync(join(tmpdir(), 'millrace-pool-'))
      writeFileSync(join(dir, '0001_thing.sql'), 'create table thing (id integer)')
      const options = { directory: pathToFileURL(dir), name: 'things' }
      assert.deepEqual(await migrate(database, options), { applied: 1 })
      rmSync(dir, { recursive: true })
      const heard: string[] = []
      await database.listen('news', (payload) => void heard.push(payload))
      await pool.query(`select pg_notify('news', 'hello')`)
      await eventually('the news', () => heard.includes('hello'))
      assert.equal(pool.totalCount, 1)
    },
    { max: 1, statement_timeout: 5_000, query_timeout: 5_000 },
  ))

test('a pool of pg: a server that ends the connection is told as such, and the pool goes on', () =>
  withPool(async (pool, database) => {
    pool.on('error', () => {})
    await assert.rejects(
      database.transaction((tx) => tx.query('select pg_terminate_backend(pg_backend_pid())')),
      { code: 'MR_POSTGRES_UNAVAILABLE' },
    )
    assert.equal((await database.query('select 1')).rowCount, 1)
  }))
