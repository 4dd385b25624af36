import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testDatabase, type TestDatabase } from '@millrace/embedded/testing'
import { openDatabase } from './database.ts'
import { inSavepoint } from './savepoint.ts'
import type { Database, Transaction } from './types.ts'

let home: TestDatabase
let database: Database

before(async () => {
  home = await testDatabase()
  database = openDatabase({ url: home.url, applicationName: 'under-test', maxConnections: 1 })
  await database.query('create table item (name text primary key)')
})
after(async () => {
  await database.close()
  await home[Symbol.asyncDispose]()
})

const insert = 'insert into item (name) values ($1)'

async function names(): Promise<readonly unknown[]> {
  const { rows } = await database.query('select name from item order by name')
  return rows.map(({ name }) => name)
}

async function empty(): Promise<void> {
  await database.query('truncate item')
}

test('savepoint: a part that fails is undone with what it kept for the end; the transaction goes on, part after part', async () => {
  await empty()
  const errors: unknown[] = []
  await database.transaction(async (tx) => {
    await tx.query(insert, ['before'])
    for (const name of ['a', 'before', 'c', 'c', 'd'])
      await inSavepoint(tx, async (part) => {
        part.queryLast(insert, [`last of ${name}${errors.length}`])
        await part.query(insert, [name])
      }).catch((error: { readonly sqlState?: unknown }) => void errors.push(error.sqlState))
    await tx.query(insert, ['after'])
  })
  assert.deepEqual(errors, ['23505', '23505'])
  assert.deepEqual(await names(), [
    'a',
    'after',
    'before',
    'c',
    'd',
    'last of a0',
    'last of c1',
    'last of d2',
  ])
})

test('savepoint: what the work throws is thrown, and undone, where no statement failed', async () => {
  await empty()
  const value = await database.transaction(async (tx) => {
    await assert.rejects(
      inSavepoint(tx, async (part) => {
        await part.query(insert, ['undone'])
        throw new RangeError('mine')
      }),
      { name: 'RangeError', message: 'mine' },
    )
    return inSavepoint(tx, async (part) => {
      await part.query(insert, ['kept'])
      return 7
    })
  })
  assert.equal(value, 7)
  assert.deepEqual(await names(), ['kept'])
})

test('savepoint: a statement that comes after its part is refused and not sent, nor is one kept', async () => {
  await empty()
  let late: Transaction | undefined
  await database.transaction(async (tx) => {
    await inSavepoint(tx, async (part) => void (late = part))
    const error = { code: 'MR_POSTGRES_CLOSED' }
    await assert.rejects(async () => late?.query(insert, ['late']), error)
    assert.throws(() => late?.queryLast(insert, ['late']), error)
    await tx.query(insert, ['fine'])
  })
  assert.deepEqual(await names(), ['fine'])
})

test('savepoint: statements of a failed part that nobody waits for are undone with it', async () => {
  await empty()
  await database.transaction(async (tx) => {
    await assert.rejects(
      inSavepoint(tx, async (part) => {
        void part.query(insert, ['not awaited'])
        throw new Error('mine')
      }),
      { message: 'mine' },
    )
    await tx.query(insert, ['fine'])
  })
  assert.deepEqual(await names(), ['fine'])
})

test('savepoint: an error that is told later is the later one’s', async () => {
  await empty()
  await assert.rejects(
    database.transaction(async (tx) => {
      await inSavepoint(tx, async (part) => part.query('select 1 / 0')).catch(() => {})
      await tx.query('select * from nowhere')
    }),
    { sqlState: '42P01' },
  )
})

test('savepoint: where the connection breaks the error of the work is thrown, and the transaction fails', async () => {
  await empty()
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query(insert, ['lost'])
      await assert.rejects(
        inSavepoint(tx, async (part) => {
          await part.query('select pg_terminate_backend(pg_backend_pid())')
        }),
      )
      return 'not committed'
    }),
  )
  assert.deepEqual(await names(), [])
})

test('savepoint: a connection that breaks afterwards is what the transaction fails by, not what was undone', async () => {
  await empty()
  await using other = openDatabase({ url: home.url, applicationName: 'other', maxConnections: 1 })
  await assert.rejects(
    database.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await inSavepoint(tx, (part) => part.query('select 1 / 0')).catch(() => {})
      await other.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      await tx.query('select 1').catch(() => {})
    }),
    { code: 'MR_POSTGRES_UNAVAILABLE' },
  )
})
