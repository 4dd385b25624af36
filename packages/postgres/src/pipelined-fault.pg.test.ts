import assert from 'node:assert/strict'
import { createServer, connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase } from './database.ts'
import type { PostgresError } from './errors.ts'

test('of statements sent together, whichever is heard first tells why the first one failed', async () => {
  await using home = await testDatabase()
  await using database = openDatabase({ url: home.url, applicationName: 'test', maxConnections: 1 })
  const work = database.transaction(async (tx) => {
    const conflict = tx.query(
      `do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`,
    )
    // Heard later than the one behind it, as an act with more steps around its statement is.
    const slow = conflict.catch(async (error: unknown) => {
      for (let step = 0; step < 10; step++) await Promise.resolve()
      throw error
    })
    await Promise.all([slow, tx.query('select 1')])
  })
  const error = await work.then(
    () => assert.fail('committed'),
    (thrown: unknown) => thrown as PostgresError,
  )
  assert.deepEqual([error.code, error.sqlState], ['MR_POSTGRES_CONFLICT', '40001'])
})

test('what a transaction sends in one turn leaves in one write', async () => {
  await using home = await testDatabase()
  const url = new URL(home.url)
  const { port, hostname } = url
  let packets = 0
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname)
    client.on('data', (bytes) => {
      packets++
      server.write(bytes)
    })
    server.pipe(client)
    client.on('close', () => server.destroy())
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  url.port = String((proxy.address() as AddressInfo).port)
  try {
    await using database = openDatabase({ url: url.href, applicationName: 'test' })
    await database.query('create table note (id int primary key)')
    packets = 0
    await database.transaction(async (tx) => {
      await Promise.all([
        tx.query('insert into note values ($1)', [1]),
        tx.query('insert into note values ($1)', [2]),
      ])
      tx.queryLast('insert into note values ($1)', [3])
    })
    assert.equal(packets, 2, 'begin with the first statements, and the last one with the commit')
  } finally {
    proxy.close()
  }
})
