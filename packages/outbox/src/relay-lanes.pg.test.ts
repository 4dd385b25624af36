import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import type { Relay } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { openTransaction } from '../test/open-transaction.ts'
import { envelopeOf, RecordingProducer } from '../test/recording-producer.ts'

const backoff = { baseMs: 5, maxMs: 20 }

/** Lanes by the relay that leads them. */
async function lanesByOwner({ outbox }: OutboxFixture): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (const { owner } of (await outbox.stats()).lanes)
    if (owner !== null) counts[owner] = (counts[owner] ?? 0) + 1
  return counts
}

function assertInOrder(producer: RecordingProducer, keys: number, versions: number): void {
  const seen = new Map<string, number[]>()
  for (const record of producer.records) {
    const { aggregateId, aggregateVersion } = envelopeOf(record)
    seen.set(aggregateId, [...(seen.get(aggregateId) ?? []), aggregateVersion ?? 0])
  }
  assert.equal(seen.size, keys)
  const wanted = Array.from({ length: versions }, (_, index) => index + 1)
  for (const [key, found] of seen) assert.deepEqual([...new Set(found)], wanted, key)
}

test('relay: several relays share the lanes evenly, whoever comes and goes, and keys keep their order', async () => {
  await using fixture = await outboxFixture({ laneCount: 6 })
  const { outbox } = fixture
  // One topic for all: what the relays send is told in the order of its arrival.
  const producer = new RecordingProducer()
  const relays = new Map<string, Relay>()
  const start = (name: string): void => {
    const relay = fixture.second().outbox.createRelay({
      producer,
      backoff,
      instanceId: name,
      leaseMs: 1_500,
      chunkRecords: 7,
    })
    relays.set(name, relay)
    relay.start()
  }
  const isShared = async (wanted: Readonly<Record<string, number>>): Promise<void> => {
    await eventually(
      `lanes are shared ${JSON.stringify(wanted)}`,
      async () => {
        const found = await lanesByOwner(fixture)
        return (
          Object.keys(wanted).length === Object.keys(found).length &&
          Object.entries(wanted).every(([owner, count]) => found[owner] === count)
        )
      },
      { timeoutMs: 120_000 },
    )
  }
  let version = 0
  const write = async (): Promise<void> => {
    version++
    await publishAll(
      outbox,
      Array.from({ length: 40 }, (_, key) => testEvent(`k-${key}`, version)),
    )
  }
  try {
    start('a')
    await write()
    await isShared({ a: 6 })
    start('b')
    await write()
    await isShared({ a: 3, b: 3 })
    await write()
    start('c')
    await isShared({ a: 2, b: 2, c: 2 })
    await write()
    await relays.get('a')?.close()
    relays.delete('a')
    await write()
    await isShared({ b: 3, c: 3 })
    await eventually(
      'all',
      async () => (await outbox.stats()).publishedTotal === BigInt(version * 40),
    )
    assertInOrder(producer, 40, version)
    assert.equal(producer.records.length, version * 40, 'lanes that move repeat nothing')
  } finally {
    await Promise.all([...relays.values()].map((relay) => relay.close()))
  }
})

for (const [from, to] of [
  [1, 5],
  [5, 2],
] as const)
  test(`outbox: ${from} lanes become ${to}; what is pending, delayed or under way keeps its order and comes once`, async () => {
    await using fixture = await outboxFixture({ laneCount: from })
    const { outbox } = fixture
    const producer = new RecordingProducer()
    const keys = 20
    const write = (version: number): Promise<unknown> =>
      publishAll(
        outbox,
        Array.from({ length: keys }, (_, key) => testEvent(`k-${key}`, version)),
      )
    const first = outbox.createRelay({ producer, backoff, chunkRecords: 3 })
    first.start()
    await write(1)
    await eventually('it leads', () => first.isLeading)
    await assert.rejects(outbox.setLaneCount(to), { code: 'MR_OUTBOX_LANES_IN_USE' })
    // Some sets are begun by some lanes and not by others.
    await write(2)
    await eventually('some', () => producer.records.length > keys)
    await first.close()
    const open = await openTransaction(outbox)
    try {
      await open.tx.query('create table other (id int)')
      await write(3)
      await outbox.setLaneCount(to)
    } finally {
      // Left open, it would keep the pool from ever closing.
      await open.commit()
    }
    await write(4)
    await using second = outbox.createRelay({ producer, backoff, chunkRecords: 3 })
    second.start()
    await eventually('all', async () => (await outbox.stats()).publishedTotal === BigInt(keys * 4))
    assert.equal((await outbox.stats()).lanes.length, to)
    assert.equal(producer.records.length, keys * 4, 'none twice')
    assertInOrder(producer, keys, 4)
    await assert.rejects(outbox.setLaneCount(17), { code: 'MR_OUTBOX_BAD_OPTION' })
  })
