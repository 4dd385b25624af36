import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { migrate, openDatabase } from '@millrace/postgres'
import { contracts, dealtWith, deposit, openFixture } from '../test/fixture.ts'
import { createInbox } from './inbox.ts'
import { createConsumptionLog } from './log-reader.ts'
import { createOperations } from './operations/operations.ts'
import { LogPartitions } from './partitions.ts'

test('install: twenty at once, each for a group of its own, in one schema', async () => {
  await using server = await testDatabase()
  const databases = Array.from({ length: 20 }, () =>
    openDatabase({ url: server.url, applicationName: 'install', maxConnections: 2 }),
  )
  try {
    await Promise.all(
      databases.map((database, index) =>
        createInbox({ database, serviceName: 's', groupId: `g${index}`, contracts }).migrate(),
      ),
    )
    const [database] = databases
    assert.ok(database)
    assert.deepEqual((await createConsumptionLog({ database }).search({ limit: 1 })).events, [])
    assert.deepEqual(await createOperations({ database }).list(), [])
  } finally {
    await Promise.all(databases.map((database) => database.close()))
  }
})

test('install: a log of the first version is read, mended and replayed after the upgrade', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-inbox-first-'))
  const first = '0001_consumption_log.sql'
  copyFileSync(new URL(`../migrations/${first}`, import.meta.url), join(directory, first))
  try {
    await using server = await testDatabase()
    await using old = openDatabase({ url: server.url, applicationName: 'first' })
    const options = { name: 'inbox', schema: 'public', directory: pathToFileURL(`${directory}/`) }
    assert.deepEqual(await migrate(old, options), { applied: 1 })
    const failed = deposit(1, { account: 'a1' })
    const done = deposit(2, { account: 'a2' })
    await new LogPartitions(old, 'public').ensure([{ logId: failed.eventId }, { logId: uuidv7() }])
    for (const [index, event] of [failed, done].entries())
      await old.query(
        `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset",
           event_type, event_key, status, attempts, max_retries, received_at, error_class, error_fingerprint,
           error_message, payload)
         values ($1, 'ledger', 'bank', 'accounts', 0, $2, 'deposit_made', $3, $4, 3, 2, now(), $5, $5, $5, $6)`,
        [
          event.eventId,
          index,
          event.aggregateId,
          index === 0 ? 'FAILED' : 'PROCESSED',
          index === 0 ? 'RangeError' : null,
          JSON.stringify(event),
        ],
      )

    await using fixture = await openFixture({ url: server.url })
    const { database } = fixture
    const log = createConsumptionLog({ database, schema: 'public' })
    assert.equal((await log.search({ limit: 10 })).events.length, 2)
    assert.equal((await log.failureGroups()).groups[0]?.failed, 1)
    const consumer = fixture.consume()
    fixture.send(failed)
    fixture.send(done)
    await dealtWith(consumer, 2)
    assert.equal(consumer.stats().duplicatesSkipped, 2, 'it knows what the first version has done')
    const operations = createOperations({ database, schema: 'public' })
    const act = { by: 'ann', reason: 'upgrade' }
    const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 60_000) }
    for (const request of [
      {
        kind: 'redrive',
        group: 'ledger',
        filter: { errorClass: 'RangeError' },
        ratePerSecond: 100,
      },
      { kind: 'replay', group: 'ledger', topic: 'accounts', ...range, ratePerSecond: 100 },
    ] as const) {
      const { id } = await operations.plan(request)
      await operations.confirm(id, act)
      await assert.doesNotReject(ended(operations, id))
    }
    assert.deepEqual(
      new Map((await fixture.effects()).map((row) => [row.event_id, row.count])),
      new Map([
        [failed.eventId, 2],
        [done.eventId, 1],
      ]),
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

async function ended(operations: ReturnType<typeof createOperations>, id: string): Promise<void> {
  await eventually('it ends', async () => (await operations.get(id))?.state === 'DONE', {
    timeoutMs: 60_000,
  })
}
