import assert from 'node:assert/strict'
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
