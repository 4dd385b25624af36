import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testDatabase } from '@millrace/embedded/testing'
import { createAdmin } from '@millrace/kafka'
import { openDatabase } from '@millrace/postgres'
import { startEmbeddedBroker } from '@millrace/testkit'
import { outboxErrors } from './errors.ts'

const packageDir = new URL('..', import.meta.url)
const readme = await readFile(new URL('README.md', packageDir), 'utf8')

test('README: the codes it names are the codes there are', () => {
  const named = new Set(readme.match(/MR_OUTBOX_[A-Z_]+/g))
  assert.deepEqual([...named].toSorted(), Object.keys(outboxErrors).toSorted())
})

/** The same example for an application that has a pool of pg. */
function withPool(example: string): string {
  const replaced = example
    .replace("import { openDatabase } from '@millrace/postgres'", "import pg from 'pg'")
    .replace(
      /const database = openDatabase\(.*\)\n/,
      'const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })\n',
    )
    .replace('createOutbox({ database,', 'createOutbox({ pool,')
    .replace('database.close()', 'pool.end()')
  assert.doesNotMatch(replaced, /atabase[^_]/)
  return replaced
}

for (const { name, change } of [
  { name: 'its example runs', change: (example: string) => example },
  { name: "its example runs with an application's own pool", change: withPool },
])
  test(`README: ${name}`, async () => {
    await using fresh = await testDatabase()
    await using database = openDatabase({ url: fresh.url, applicationName: 'test' })
    await database.query('create table orders (id uuid primary key default gen_random_uuid())')
    await using broker = await startEmbeddedBroker()
    await using admin = await createAdmin({ brokers: broker.brokers, clientId: 'test' })
    await admin.ensureTopics([{ name: 'orders', partitions: 1 }])
    const example = change(/```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '')
    await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '--eval', example],
      {
        cwd: fileURLToPath(packageDir),
        env: { ...process.env, DATABASE_URL: fresh.url, KAFKA_BROKER: broker.brokers[0] },
        timeout: 120_000,
      },
    )
    const offsets = await admin.endOffsets('orders')
    assert.deepEqual(
      offsets.map(({ offset }) => offset),
      [2n],
      'the record, and the marker of its transaction',
    )
  })
