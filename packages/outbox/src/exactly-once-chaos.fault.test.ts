// Everything at once: 8 writers, 1,000 keys, two relays; relays, Postgres and the broker are killed at random, relays stop past their lease
// and wake up. 20,000 events; 1,000,000 with MILLRACE_TEST_LONG.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startPostgres } from '@millrace/embedded'
import { createAdmin } from '@millrace/kafka'
import { createOutbox, type Outbox } from '@millrace/outbox'
import { openDatabase, type Database } from '@millrace/postgres'
import { kafkaBackends } from '@millrace/testkit'
import { assertRuns, killAll, killRelay } from '../test/kill-relay.ts'
import { testEvent } from '../test/fixture.ts'
import { assertGapless, readCommitted } from '../test/read-topic.ts'

const program = fileURLToPath(new URL('../test/exact-relay-process.ts', import.meta.url))
const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const total = isLong ? 1_000_000 : 20_000
const disturbances = isLong ? 200 : 10
const writers = 8
const maxAhead = total / 5
const keysPerWriter = 125
const topic = 'chaos'
// Apache Kafka takes its time to be back, three times as long on a busy machine.
const patience = { timeoutMs: 240_000 }

for (const backend of await kafkaBackends()) {
  test(`relay: ${total} events, whatever is killed, are each on the topic once and in order (${backend.name})`, async (t) => {
    const seed = Number(process.env['MILLRACE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9))
    t.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const dir = mkdtempSync(join(tmpdir(), 'millrace-outbox-everything-'))
    chmodSync(dir, 0o755)
    await using kafka = await backend.start()
    let postgres = await startPostgres({ dir })
    const { url, port } = postgres
    const database = openDatabase({ url, applicationName: 'writers', maxConnections: 12 })
    const outbox = createOutbox({ database, serviceName: 'tests' })
    const start = (): ChildProcess =>
      spawn(process.execPath, [program, url, kafka.brokers[0] ?? '', topic], {
        env: { ...process.env, RELAY_CHUNK: '200', RELAY_LEASE: '1000' },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    const relays: ChildProcess[] = []
    const stop = new AbortController()
    const progress: Progress = { published: 0 }
    try {
      {
        await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
        await admin.ensureTopics([{ name: topic, partitions: 3 }])
      }
      await outbox.migrate()
      relays.push(start(), start())
      const writing = Promise.all(
        Array.from({ length: writers }, (_, writer) =>
          write(database, outbox, writer, seed, progress, stop.signal),
        ),
      )
      // Heard at the end; a disturbance that fails before is what there is to tell.
      writing.catch(() => {})
      const counts = { kill: 0, stop: 0, postgres: 0, broker: 0 }
      let bag: (keyof typeof counts)[] = []
      for (let count = 1; count <= disturbances; count++) {
        const reached = Math.floor((total * count) / (disturbances + 1))
        await eventually(
          `${reached} are published`,
          async () => {
            progress.published = Number((await outbox.stats()).publishedTotal)
            return progress.published >= reached
          },
          patience,
        )
        // Each of them in every five, in any order.
        if (bag.length === 0) bag = ['kill', 'kill', 'stop', 'postgres', 'broker']
        const index = randomInt(random, 2)
        const relay = relays[index] as ChildProcess
        const [kind = 'kill'] = bag.splice(randomInt(random, bag.length), 1)
        counts[kind]++
        for (const each of relays) assertRuns(each)
        if (kind === 'stop') {
          relay.kill('SIGSTOP')
          await systemClock.sleep(1_800)
          relay.kill('SIGCONT')
        } else if (kind === 'kill') {
          await killRelay(relay)
          relays[index] = start()
        } else if (kind === 'postgres') {
          postgres.kill()
          await postgres.exited
          postgres = await startPostgres({ dir, port })
        } else {
          await kafka.kill()
          await kafka.restart()
        }
      }
      progress.published = Infinity
      await writing
      await eventually(
        'nothing is pending',
        async () => (await outbox.stats()).pending === 0,
        patience,
      )
      t.diagnostic(JSON.stringify(counts))
      await check(database, kafka.brokers)
    } catch (error) {
      t.diagnostic(
        JSON.stringify(await outbox.stats().catch(String), (_, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        ),
      )
      throw error
    } finally {
      stop.abort()
      await killAll(relays)
      await database.close()
      await postgres.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

interface Progress {
  published: number
}

/** Writes its share in transactions of 1 to 20 events of one key. What an unanswered commit did, it asks the database. */
async function write(
  database: Database,
  outbox: Outbox,
  writer: number,
  seed: number,
  progress: Progress,
  stopped: AbortSignal,
): Promise<void> {
  const random = seededRandom(seed + 1 + writer)
  const versions = new Map<string, number>()
  for (let written = 0; written < total / writers && !stopped.aborted;) {
    // Not far ahead of the relays, so that every fault finds writers at work.
    const ahead = written * writers
    await eventually(
      'relays follow',
      () => ahead < progress.published + maxAhead || stopped.aborted,
      patience,
    )
    const key = `w${writer}-k${randomInt(random, keysPerWriter)}`
    const version = versions.get(key) ?? 0
    const events = Array.from({ length: 1 + randomInt(random, 20) }, (_, index) =>
      testEvent(key, version + index + 1),
    )
    try {
      await outbox.transaction(async (tx) => {
        for (const event of events) tx.publish(event, { topic, key })
      })
      versions.set(key, version + events.length)
      written += events.length
    } catch {
      if (stopped.aborted) return
      const stored = await eventually('the server', () => storedVersion(database, key), patience)
      versions.set(key, Number(stored))
      written += Number(stored) - version
    }
  }
}

async function storedVersion(database: Database, key: string): Promise<string> {
  const found = await database.query<{ version: string }>(
    'select coalesce(max(aggregate_version), 0)::text as version from outbox.event_production_data where aggregate_id = $1',
    [key],
  )
  return found.rows[0]?.version ?? '0'
}

async function check(database: Database, brokers: readonly string[]): Promise<void> {
  const stored = await database.query<{ id: string; place: string | null }>(
    `select event_id as id, partition_number || '/' || "offset" as place from outbox.event_production_log`,
  )
  const receipts = await database.query<{ count: number }>(
    'select sum(cardinality(offsets))::int as count from outbox.event_delivery_chunk',
  )
  assert.equal(receipts.rows[0]?.count, stored.rows.length, 'one receipt each')
  const records = await readCommitted(brokers, topic)
  const places = new Map(records.map((r) => [r.eventId, `${r.partition}/${r.offset}`]))
  assert.equal(places.size, records.length, 'no record comes twice')
  assert.equal(records.length, stored.rows.length, 'each committed event is there')
  assertGapless(records)
  const wrong = stored.rows.filter((row) => row.place !== places.get(row.id))
  assert.deepEqual(wrong, [], 'each receipt is true')
}
