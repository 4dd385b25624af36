import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase } from './database.ts'

test('listen: payloads arrive, also after the connection was killed, and onConnected tells to look again', async () => {
  await using home = await testDatabase()
  await using database = openDatabase({ url: home.url, applicationName: 'under-test' })
  const heard: string[] = []
  let connections = 0
  const listener = await database.listen('News "x"', (payload) => heard.push(payload), {
    onConnected: () => connections++,
  })
  assert.equal(connections, 1)
  await database.query(`select pg_notify('News "x"', 'one')`)
  await eventually('the first', () => heard.length === 1)

  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and pid <> pg_backend_pid()`,
  )
  await eventually('connected again', () => connections === 2)
  await database.query(`select pg_notify('News "x"', 'two')`)
  await eventually('the second', () => heard.length === 2)
  assert.deepEqual(heard, ['one', 'two'])

  await listener.close()
  await listener.close()
  await database.query(`select pg_notify('News "x"', 'three')`)
  const { rowCount } = await database.query(
    `select 1 from pg_stat_activity where query like 'listen%' and pid <> pg_backend_pid()`,
  )
  assert.equal(rowCount, 0)
  assert.equal(heard.length, 2)
})

test('listen: where nobody answers it returns and goes on trying; close ends that', async () => {
  await using database = openDatabase({
    url: 'postgres://u:p@127.0.0.1:1/x',
    applicationName: 'test',
  })
  const listener = await database.listen('news', () => assert.fail('nobody is there'))
  await listener.close()
})

test('listen: closing the database closes its listeners', async () => {
  await using home = await testDatabase()
  const database = openDatabase({ url: home.url, applicationName: 'under-test' })
  await database.listen('news', () => {})
  await database.close()
  await assert.rejects(
    database.listen('news', () => {}),
    { code: 'MR_POSTGRES_CLOSED' },
  )
})
