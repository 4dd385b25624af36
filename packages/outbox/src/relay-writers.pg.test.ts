import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { Outbox } from '@millrace/outbox'
import { outboxFixture, testEvent, topic } from '../test/fixture.ts'
import { envelopeOf, eventIdOf, RecordingProducer } from '../test/recording-producer.ts'

const writers = 8
const keys = 20
const transactionsPerWriter = 60

/** Random transactions of 1 to 4 events over random keys, a quarter of them rolled back. Records what was committed. */
async function write(outbox: Outbox, seed: number, committed: string[]): Promise<void> {
  const random = seededRandom(seed)
  for (let count = 0; count < transactionsPerWriter; count++) {
    const ids: string[] = []
    const undo = new Error('undone')
    const work = outbox.transaction(async (tx) => {
      const chosen = new Set(
        Array.from({ length: 1 + randomInt(random, 4) }, () => randomInt(random, keys)),
      )
      // In one order, so that no two wait for each other.
      for (const key of [...chosen].toSorted((a, b) => a - b)) {
        const bumped = await tx.query<{ version: number }>(
          'update thing set version = version + 1 where id = $1 returning version',
          [key],
        )
        const event = testEvent(`key-${key}`, bumped.rows[0]?.version ?? 0)
        tx.publish(event, { topic, key: event.aggregateId })
        ids.push(event.eventId)
      }
      if (randomInt(random, 4) === 0) throw undo
    })
    await work.then(
      () => committed.push(...ids),
      (error: unknown) => assert.equal(error, undo),
    )
  }
}

for (const laneCount of [1, 3]) {
  test(`relay: of 8 writers with rollbacks every committed event comes once and in order, ${laneCount} lane(s)`, async (t) => {
    await using fixture = await outboxFixture({ laneCount })
    const { outbox, database } = fixture
    await database.query('create table thing (id int primary key, version int not null)')
    await database.query('insert into thing select n, 0 from generate_series(0, $1::int - 1) n', [
      keys,
    ])
    const producer = new RecordingProducer()
    await using relay = outbox.createRelay({ producer, chunkRecords: 7, pollIntervalMs: 20 })
    relay.start()
    const seed = Math.floor(Math.random() * 1e9)
    t.diagnostic(`seed ${seed}`)
    const committed: string[] = []
    await Promise.all(
      Array.from({ length: writers }, (_, writer) => write(outbox, seed + writer, committed)),
    )
    await eventually('all published', () => producer.records.length >= committed.length, {
      timeoutMs: 120_000,
    })
    assert.deepEqual(
      [...producer.eventIds].toSorted(),
      committed.toSorted(),
      'exactly what was committed, each once',
    )
    const versions = new Map<string, number>()
    for (const record of producer.records) {
      const { aggregateId, aggregateVersion } = envelopeOf(record)
      const expected = (versions.get(aggregateId) ?? 0) + 1
      assert.equal(aggregateVersion, expected, `${aggregateId} at ${eventIdOf(record)}`)
      versions.set(aggregateId, expected)
    }
    await eventually('all marked', async () => {
      const stats = await outbox.stats()
      return stats.pending === 0 && stats.publishedTotal === BigInt(committed.length)
    })
  })
}
