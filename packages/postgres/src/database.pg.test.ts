import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { testDatabase, type TestDatabase } from '@millrace/embedded/testing'
import { openDatabase } from './database.ts'
import { ensureDatabase } from './ensure-database.ts'
import { isTransientPostgresError, type PostgresError } from './errors.ts'
import type { Database, Transaction } from './types.ts'
import { withDatabaseName } from './url.ts'

let home: TestDatabase
let database: Database

before(async () => {
  home = await testDatabase()
  database = openDatabase({ url: home.url, applicationName: 'under-test', maxConnections: 4 })
  await database.query('create table item (id integer primary key, note text)')
})
after(async () => {
  await database.close()
  await home[Symbol.asyncDispose]()
})

async function count(where = 'true'): Promise<bigint> {
  const { rows } = await database.query<{ n: bigint }>(
    `select count(*) as n from item where ${where}`,
  )
  return rows[0]?.n ?? 0n
}

/** Ends every other connection of our database, as an administrator or a restart would, and waits until the pool has noticed. */
async function endConnections(): Promise<void> {
  await using other = openDatabase({ url: home.url, applicationName: 'killer', maxConnections: 1 })
  await other.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'under-test'`,
  )
  await eventually('the pool works again', async () => {
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => database.query('select pg_sleep(0.01)')),
    )
    return answers.length
  })
}

test('connections: the server looks for a dead client within a minute, so that its locks do not outlive it for hours', async () => {
  const { rows } = await database.query(
    `select current_setting('tcp_keepalives_idle') as idle, current_setting('tcp_keepalives_interval') as interval,
            current_setting('tcp_keepalives_count') as count`,
  )
  assert.deepEqual({ ...rows[0] }, { idle: '30', interval: '10', count: '3' })
})

test('types: bigint, bigint[], timestamptz, date, numeric, json and bytea arrive as promised', async () => {
  const { rows, rowCount } = await database.query(
    `select $1::bigint as big, $2::bigint[] as bigs, timestamptz '2026-01-02 03:04:05.678+00' as at,
            date '2026-01-02' as day, 1.50::numeric as amount, '{"a": 1}'::jsonb as doc, '\\x00ff'::bytea as bytes,
            $3::text[] as texts, null::bigint as nothing`,
    [9007199254740993n, [1n, null, -2n], ['a,"b', null]],
  )
  assert.equal(rowCount, 1)
  assert.deepEqual(
    { ...rows[0] },
    {
      big: 9007199254740993n,
      bigs: [1n, null, -2n],
      at: new Date('2026-01-02T03:04:05.678Z'),
      day: '2026-01-02',
      amount: '1.50',
      doc: { a: 1 },
      bytes: Buffer.from([0, 255]),
      texts: ['a,"b', null],
      nothing: null,
    },
  )
})

test('commit: statements, a kept one and the value arrive; kept ones run in order at the end', async () => {
  const value = await database.transaction(async (tx) => {
    tx.queryLast('insert into item values (1, (select note from item where id = 2))')
    tx.queryLast('update item set note = note || $1 where id = 1', ['!'])
    await tx.query('insert into item values ($1, $2)', [2, 'two'])
    return 'done'
  })
  assert.equal(value, 'done')
  const { rows } = await database.query('select note from item where id = 1')
  assert.deepEqual({ ...rows[0] }, { note: 'two!' })
})

test('rollback: an error of the work undoes everything and comes through as it is', async () => {
  const fault = new Error('changed my mind')
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query('insert into item values (10)')
      tx.queryLast('insert into item values (11)')
      throw fault
    }),
    fault,
  )
  assert.equal(await count('id in (10, 11)'), 0n)
})

test('rollback: a kept statement that fails undoes everything, typed, and the connection lives on', async () => {
  const work = database.transaction(async (tx) => {
    await tx.query('insert into item values (20)')
    tx.queryLast('insert into item values (20)')
  })
  await assert.rejects(work, (error: PostgresError) => {
    assert.equal(error.code, 'MR_POSTGRES_CONSTRAINT')
    assert.equal(error.sqlState, '23505')
    assert.equal(error.details['constraint'], 'item_pkey')
    return true
  })
  assert.equal(await count('id = 20'), 0n)
})

test('rollback: a swallowed error of a statement does not look like a commit', async () => {
  const work = database.transaction(async (tx) => {
    await tx.query('insert into item values (30)')
    await tx.query('select 1 / 0').catch(() => {})
  })
  await assert.rejects(work, { code: 'MR_POSTGRES_ROLLED_BACK' })
  assert.equal(await count('id = 30'), 0n)
})

test('rollback: a swallowed conflict is still known as passing, by the cause', async () => {
  const work = database.transaction(async (tx) => {
    await tx
      .query(`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`)
      .catch(() => {})
  })
  const error = await work.then(
    () => assert.fail('committed'),
    (thrown: unknown) => thrown as PostgresError,
  )
  assert.equal(error.code, 'MR_POSTGRES_ROLLED_BACK')
  assert.equal(isTransientPostgresError(error.cause), true)
})

test('a deferred constraint that fails at commit is its own error, not an unknown commit', async () => {
  await database.query('create table pair (id integer unique deferrable initially deferred)')
  const work = database.transaction(async (tx) => {
    await tx.query('insert into pair values (1), (1)')
  })
  await assert.rejects(work, { code: 'MR_POSTGRES_CONSTRAINT', sqlState: '23505' })
})

test('overlapping statements of one transaction run in the order of the calls', async () => {
  await database.transaction(async (tx) => {
    await Promise.all([
      tx.query('insert into item values (40)'),
      tx.query(`update item set note = 'a' where id = 40`),
      tx.query(`update item set note = note || 'b' where id = 40`),
    ])
  })
  assert.equal(await count(`id = 40 and note = 'ab'`), 1n)
})

test('a statement after the end of its transaction is refused', async () => {
  let over: Transaction | undefined
  await database.transaction(async (tx) => {
    over = tx
  })
  await assert.rejects(async () => over?.query('insert into item values (50)'), {
    code: 'MR_POSTGRES_CLOSED',
  })
  assert.equal(await count('id = 50'), 0n)
})

test('options: isolation, read only and relaxed commit reach the server', async () => {
  const shown = await database.transaction(
    async (tx) => {
      const { rows } = await tx.query<{ shown: string }>(
        `select concat_ws(' ', current_setting('transaction_isolation'), current_setting('transaction_read_only'),
                          current_setting('synchronous_commit')) as shown`,
      )
      return rows[0]?.shown
    },
    { isolation: 'repeatable read', isReadOnly: true, isSynchronousCommit: false },
  )
  assert.equal(shown, 'repeatable read on off')
})

test('a serialization failure is transient', async () => {
  await database.query(`insert into item values (60, 'x')`)
  const work = database.transaction(
    async (tx) => {
      await tx.query('select note from item where id = 60')
      await database.query(`update item set note = 'y' where id = 60`)
      await tx.query(`update item set note = 'z' where id = 60`)
    },
    { isolation: 'repeatable read' },
  )
  await assert.rejects(work, (error) => {
    assert.equal((error as PostgresError).code, 'MR_POSTGRES_CONFLICT')
    return isTransientPostgresError(error)
  })
})

const refusals = [
  { name: 'syntax', sql: 'selec 1', code: 'MR_POSTGRES_REFUSED', sqlState: '42601' },
  {
    name: 'unknown table',
    sql: 'select 1 from nowhere',
    code: 'MR_POSTGRES_REFUSED',
    sqlState: '42P01',
  },
  {
    name: 'NUL in text',
    sql: 'select $1::text',
    values: ['a\0b'],
    code: 'MR_POSTGRES_BAD_VALUE',
    sqlState: '22021',
  },
  {
    name: 'wrong type',
    sql: 'select $1::integer',
    values: ['x'],
    code: 'MR_POSTGRES_BAD_VALUE',
    sqlState: '22P02',
  },
  {
    name: 'not null',
    sql: 'insert into item values (null)',
    code: 'MR_POSTGRES_CONSTRAINT',
    sqlState: '23502',
  },
]
for (const { name, sql, values, code, sqlState } of refusals) {
  test(`refused: ${name} is ${code} and not transient`, async () => {
    await assert.rejects(database.query(sql, values), (error: PostgresError) => {
      assert.deepEqual([error.code, error.sqlState], [code, sqlState])
      return !isTransientPostgresError(error)
    })
  })
}

test('a named statement is prepared once and usable on every connection', async () => {
  const statement = { name: 'item-by-id', text: 'select id from item where id = $1' }
  const results = await Promise.all(
    Array.from({ length: 20 }, () => database.query(statement, [1])),
  )
  assert.ok(results.every((result) => result.rowCount === 1))
})

test('timeout: a slow statement is ended by the server and says so', async () => {
  await using quick = openDatabase({
    url: home.url,
    applicationName: 'quick',
    statementTimeoutMs: 2_000,
  })
  await assert.rejects(quick.query('select pg_sleep(60)'), {
    code: 'MR_POSTGRES_TIMEOUT',
    sqlState: '57014',
  })
  assert.equal((await quick.query('select 1')).rowCount, 1)
})

test('timeout: no free connection in time is BUSY, and those who had one are not disturbed', async () => {
  await using small = openDatabase({
    url: home.url,
    applicationName: 'small',
    maxConnections: 1,
    connectTimeoutMs: 300,
  })
  // On a busy machine a connection may take longer than that to make; here the wait for one that is taken is meant.
  await eventually('it is connected', async () => (await small.query('select 1')).rowCount)
  await small.transaction(async (tx) => {
    await tx.query('select 1')
    await assert.rejects(small.query('select 1'), { code: 'MR_POSTGRES_BUSY' })
    await tx.query('select 1')
  })
  assert.equal((await small.query('select 1')).rowCount, 1)
})

test('connection killed between statements: the transaction fails as unavailable and nothing stays', async () => {
  const work = database.transaction(async (tx) => {
    await tx.query('insert into item values (70)')
    await endConnections()
    await tx.query('insert into item values (71)')
  })
  await assert.rejects(work, (error: PostgresError) => {
    assert.equal(error.code, 'MR_POSTGRES_UNAVAILABLE')
    return isTransientPostgresError(error)
  })
  assert.equal(await count('id in (70, 71)'), 0n)
})

test('connection killed while idle in the work: the commit says unavailable, for it was never sent', async () => {
  const work = database.transaction(async (tx) => {
    await tx.query('insert into item values (72)')
    await endConnections()
  })
  await assert.rejects(work, { code: 'MR_POSTGRES_UNAVAILABLE' })
  assert.equal(await count('id = 72'), 0n)
})

test('connection killed during the commit: unknown, and not called safe to retry', async () => {
  // A deferred trigger that sleeps keeps the commit under way while its connection is ended from outside.
  await database.query(`
    create function wait_at_commit() returns trigger language plpgsql as $$ begin perform pg_sleep(120); return null; end $$;
    create table slow (id integer);
    create constraint trigger slow_commit after insert on slow deferrable initially deferred
      for each row execute function wait_at_commit()`)
  const work = database.transaction(async (tx) => {
    await tx.query('insert into slow values (1)')
  })
  const checked = assert.rejects(work, (error: PostgresError) => {
    assert.equal(error.code, 'MR_POSTGRES_COMMIT_UNKNOWN')
    assert.equal(error.retryable, false)
    return isTransientPostgresError(error)
  })
  await using other = openDatabase({ url: home.url, applicationName: 'watcher' })
  await eventually('the commit is under way', async () => {
    const { rowCount } = await other.query(
      `select 1 from pg_stat_activity where query = 'commit' and state = 'active' and wait_event = 'PgSleep'`,
    )
    return rowCount > 0
  })
  await endConnections()
  await checked
  assert.equal((await other.query('select 1 from slow')).rowCount, 0)
})

test('every idle connection killed: the pool drops them and the next calls work', async () => {
  await Promise.all(Array.from({ length: 4 }, () => database.query('select pg_sleep(0.02)')))
  await endConnections()
  const results = await Promise.all(Array.from({ length: 8 }, () => database.query('select 1')))
  assert.equal(results.length, 8)
})

test('nobody listens there: unavailable at once', async () => {
  await using nowhere = openDatabase({
    url: 'postgres://u:p@127.0.0.1:1/x',
    applicationName: 'test',
  })
  await assert.rejects(nowhere.query('select 1'), { code: 'MR_POSTGRES_UNAVAILABLE' })
  await assert.rejects(
    nowhere.transaction((tx) => tx.query('select 1')),
    { code: 'MR_POSTGRES_UNAVAILABLE' },
  )
})

test('close waits for what runs, is idempotent, and refuses what comes after', async () => {
  const closing = openDatabase({ url: home.url, applicationName: 'closing' })
  const [isLocked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock(4711)')
    isLocked.resolve()
    await release.promise
  })
  await isLocked.promise
  // Runs for as long as we want.
  const slow = closing.query('select pg_advisory_xact_lock(4711), 1 as one')
  await eventually(
    'it runs',
    async () =>
      (
        await database.query(
          `select 1 from pg_stat_activity where application_name = 'closing' and state = 'active'`,
        )
      ).rowCount,
  )
  const closed = Promise.all([closing.close(), closing.close()])
  release.resolve()
  await holding
  await closed
  assert.equal((await slow).rowCount, 1)
  await assert.rejects(closing.query('select 1'), { code: 'MR_POSTGRES_CLOSED' })
})

test('ensureDatabase: twenty at once make one database', async () => {
  const name = `ensured "${process.pid}`
  await Promise.all(Array.from({ length: 20 }, () => ensureDatabase(home.url, name)))
  await using ensured = openDatabase({
    url: withDatabaseName(home.url, name),
    applicationName: 'test',
  })
  const { rows } = await ensured.query<{ name: string }>('select current_database() as name')
  assert.equal(rows[0]?.name, name)
  await ensured.close()
  await database.query(`drop database "${name.replaceAll('"', '""')}"`)
})
