import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { startPostgres } from '@millrace/embedded'
import { openDatabase, type Database } from '@millrace/postgres'
import { createOutbox } from '@millrace/outbox'
import { testEvent, topic } from '../test/fixture.ts'
import { envelopeOf, RecordingProducer } from '../test/recording-producer.ts'

const rounds = 4
const maxTries = 20
const writers = 4

test('relay: with asynchronous commits, killing Postgres never leaves a record without its row, nor a row without its record', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-outbox-postgres-'))
  chmodSync(dir, 0o755)
  // Commits stay in memory for as long as nobody flushes: what a crash loses is plenty.
  const settings = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }
  let postgres = await startPostgres({ dir, settings })
  const { port } = postgres
  const database = openDatabase({
    url: postgres.url,
    applicationName: 'writers',
    maxConnections: 16,
  })
  const outbox = createOutbox({ database, serviceName: 'tests' })
  const producer = new RecordingProducer()
  const relay = outbox.createRelay({
    producer,
    chunkRecords: 20,
    backoff: { baseMs: 5, maxMs: 50 },
  })
  try {
    await outbox.migrate()
    relay.start()
    let committed = 0
    const stop = new AbortController()
    const versions = new Map<string, number>()
    const write = async (writer: number): Promise<void> => {
      while (!stop.signal.aborted) {
        const key = `key-${writer}`
        const version = (versions.get(key) ?? 0) + 1
        versions.set(key, version)
        const publish = outbox.transaction(
          async (tx) => tx.publish(testEvent(key, version), { topic, key }),
          { isSynchronousCommit: false },
        )
        await publish.then(
          () => committed++,
          () => eventually('the server', () => database.query('select 1'), { timeoutMs: 120_000 }),
        )
      }
    }
    const writing = Array.from({ length: writers }, (_, writer) => write(writer))
    for (let round = 0; round < rounds; round++) {
      const before = committed
      await eventually('300 more', () => committed > before + 300, { timeoutMs: 120_000 })
      postgres.kill()
      await postgres.exited
      postgres = await startPostgres({ dir, port, settings })
    }
    const before = committed
    await eventually('50 more', () => committed > before + 50, { timeoutMs: 120_000 })
    stop.abort()
    await Promise.all(writing)
    await eventually('nothing is pending', async () => (await outbox.stats()).pending === 0, {
      timeoutMs: 120_000,
    })
    const rows = await database.query<{ id: string }>(
      'select event_id as id from outbox.event_production_data order by id',
    )
    const stored = new Set(rows.rows.map((row) => row.id))
    const sent = new Set(producer.eventIds)
    assert.deepEqual([...sent.difference(stored)], [], 'records without a row')
    assert.deepEqual([...stored.difference(sent)], [], 'rows without a record')
    t.diagnostic(
      `${committed} commits answered, ${committed - stored.size} of them lost by the crashes, ${producer.records.length - sent.size} repeated`,
    )
    assertAscending(producer)
  } finally {
    await relay.close()
    await database.close()
    await postgres.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})

test('relay: a transaction id that Postgres hands out again after a crash is not taken for an old one', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-outbox-postgres-'))
  chmodSync(dir, 0o755)
  const settings = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }
  let postgres = await startPostgres({ dir, settings })
  const { url, port } = postgres
  const database = openDatabase({ url, applicationName: 'writer' })
  const relayDatabase = openDatabase({ url, applicationName: 'idle-relay' })
  const outbox = createOutbox({ database, serviceName: 'tests' })
  const producer = new RecordingProducer()
  // It looks only when it is poked, so it cannot notice that the server was gone for a while.
  const relay = createOutbox({ database: relayDatabase, serviceName: 'tests' }).createRelay({
    producer,
    pollIntervalMs: 60_000,
    leaseMs: 3_600_000,
  })
  const publish = (version: number): Promise<void> =>
    outbox.transaction(async (tx) => tx.publish(testEvent('a', version), { topic, key: 'a' }))
  try {
    await outbox.migrate()
    relay.start()
    await publish(1)
    await eventually('the first', () => producer.records.length === 1)
    // Now and then the server flushes just then by itself, and hands no id out again: it is tried until it does.
    let isHandedOutAgain = false
    for (let version = 2; !isHandedOutAgain; version++) {
      assert.ok(version <= maxTries, 'the premise: an id is handed out again')
      const burnt = await burnTransactionIds(database)
      const { rows } = await database.query<{ now: string }>(
        'select clock_timestamp()::text as now',
      )
      relay.poke()
      await eventually('the relay looked and saw nothing', async () => {
        const looked = await database.query(
          `select from pg_stat_activity
           where application_name = 'idle-relay' and query = 'commit' and state = 'idle' and state_change > $1::timestamptz`,
          [rows[0]?.now],
        )
        return looked.rowCount > 0
      })
      postgres.kill()
      await postgres.exited
      postgres = await startPostgres({ dir, port, settings })
      await eventually('the server', () => database.query('select 1'), { timeoutMs: 120_000 })
      await publish(version)
      const found = await database.query<{ xid: string }>(
        'select xid::text as xid from outbox.event_production_data order by id desc limit 1',
      )
      isHandedOutAgain = BigInt(found.rows[0]?.xid ?? 0) < burnt
      relay.poke()
      await eventually('the next', () => producer.records.length === version)
    }
  } finally {
    await relay.close()
    await relayDatabase.close()
    await database.close()
    await postgres.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})

/** Draws transaction ids that nothing flushes. Returns the last of them. */
async function burnTransactionIds(database: Database): Promise<bigint> {
  let burnt = 0n
  for (let count = 0; count < 40; count++) {
    const undone = database.transaction(async (tx) => {
      const drawn = await tx.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
      burnt = BigInt(drawn.rows[0]?.xid ?? 0)
      throw new Error('undone')
    })
    await assert.rejects(undone, /undone/)
  }
  return burnt
}

/** Each key's versions ascend where they come first. Lost commits leave gaps. */
function assertAscending(producer: RecordingProducer): void {
  const seen = new Set<string>()
  const last = new Map<string, number>()
  const ids = producer.eventIds
  for (const [index, record] of producer.records.entries()) {
    const eventId = ids[index] ?? ''
    if (seen.has(eventId)) continue
    seen.add(eventId)
    const { aggregateId, aggregateVersion } = envelopeOf(record)
    assert.ok((aggregateVersion ?? 0) > (last.get(aggregateId) ?? 0), `${aggregateId} in order`)
    last.set(aggregateId, aggregateVersion ?? 0)
  }
}
