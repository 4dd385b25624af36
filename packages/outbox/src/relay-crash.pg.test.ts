import assert from 'node:assert/strict'
import { test } from 'node:test'
import { armFaults, eventually } from '@millrace/core/testing'
import { SimulatedClock } from '@millrace/core/testing'
import { systemClock } from '@millrace/core'
import type { Database, Transaction } from '@millrace/postgres'
import { outboxFixture, publishAll, testEvent } from '../test/fixture.ts'
import { envelopeOf, RecordingProducer } from '../test/recording-producer.ts'

const backoff = { baseMs: 5, maxMs: 20 }

/** The order in which each key's versions came first; repeats are duplicates. */
function firstAppearances(producer: RecordingProducer): ReadonlyMap<string, readonly number[]> {
  const seen = new Map<string, number[]>()
  for (const record of producer.records) {
    const { aggregateId, aggregateVersion } = envelopeOf(record)
    const versions = seen.get(aggregateId) ?? []
    seen.set(aggregateId, versions)
    if (!versions.includes(aggregateVersion ?? 0)) versions.push(aggregateVersion ?? 0)
  }
  return seen
}

/** The database, but that the pages of a set are not looked up before `wait` is over. */
function withSlowListing(database: Database, wait: () => Promise<void>): Database {
  const slowed = (tx: Transaction): Transaction => ({
    queryLast: (statement, values) => tx.queryLast(statement, values),
    query: async (statement, values) => {
      if (typeof statement !== 'string' && statement.name.includes('list_set_pages')) await wait()
      return tx.query(statement, values)
    },
  })
  return {
    url: database.url,
    query: (statement, values) => database.query(statement, values),
    transaction: (work, options) => database.transaction((tx) => work(slowed(tx)), options),
    listen: (channel, onNotify, options) => database.listen(channel, onNotify, options),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

for (const point of ['afterClaim', 'beforePublish', 'afterPublish', 'afterMark']) {
  test(`relay: failing ${point} loses nothing, keeps the order, and repeats at most the chunk in hand`, async () => {
    await using fixture = await outboxFixture()
    const { outbox } = fixture
    const producer = new RecordingProducer()
    let passes = 0
    const disarm = armFaults((passed) => {
      // The third chunk of the first set, and the first one after the restart.
      if (passed === `outbox.relay.${point}` && (++passes === 3 || passes === 4))
        throw new Error(`killed ${point}`)
    })
    try {
      const events = Array.from({ length: 55 }, (_, index) =>
        testEvent(`key-${index % 5}`, Math.floor(index / 5) + 1),
      )
      const ids = await publishAll(outbox, events)
      await using relay = outbox.createRelay({ producer, chunkRecords: 10, backoff })
      relay.start()
      await eventually('all marked', async () => (await outbox.stats()).publishedTotal === 55n)
      assert.deepEqual([...new Set(producer.eventIds)], ids, 'each of them, in the order written')
      const repeated = producer.records.length - 55
      // Claims and marks are written while the next chunk is with the broker.
      assert.equal(repeated, point === 'beforePublish' ? 0 : 20)
      for (const [key, versions] of firstAppearances(producer))
        assert.deepEqual(
          versions,
          Array.from({ length: 11 }, (_, index) => index + 1),
          key,
        )
    } finally {
      disarm()
    }
  })
}

test('relay: a set that a leader began and did not read is the next one’s as it is, whatever was written since', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const producer = new RecordingProducer()
  const targets: (string | null)[] = []
  const ids: string[] = []
  const write = async (): Promise<void> => {
    ids.push(...(await publishAll(outbox, [testEvent('a', ids.length + 1)])))
  }
  const disarm = armFaults(async (point) => {
    if (point === 'outbox.relay.beforePublish' || point === 'outbox.relay.afterBegin') {
      const { rows } = await database.query<{ target: string | null }>(
        'select target::text as target from outbox.relay_lane',
      )
      targets.push(rows[0]?.target ?? null)
    }
    if (point !== 'outbox.relay.afterBegin' || targets.length > 1) return
    await write()
    throw new Error('ended after it began a set')
  })
  try {
    await write()
    await using relay = outbox.createRelay({ producer, backoff })
    relay.start()
    await eventually('both marked', async () => (await outbox.stats()).publishedTotal === 2n)
    assert.deepEqual(producer.eventIds, ids, 'each once, in the order written')
    // Begun; sent by the next leader; begun by that one; sent.
    assert.equal(targets.length, 4)
    assert.equal(targets[1], targets[0])
    assert.equal(targets[3], targets[2])
    assert.notEqual(targets[2], targets[0])
  } finally {
    disarm()
  }
})

test('relay: a backlog of several windows goes out in order, whatever ends in the middle of it', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const ids: string[] = []
  const [batches, batchSize] = [5, 5_000]
  for (let batch = 0; batch < batches; batch++) {
    const events = Array.from({ length: batchSize }, (_, index) =>
      testEvent(`key-${index}`, batch + 1),
    )
    ids.push(...(await publishAll(outbox, events)))
  }
  let passes = 0
  // The first leader goes over into its second window, of 20,000 events each, and ends there.
  const disarm = armFaults((point) => {
    if (point === 'outbox.relay.afterPublish' && ++passes % 22 === 0)
      throw new Error('ended after a chunk')
  })
  try {
    await using relay = outbox.createRelay({ producer, chunkRecords: 1_000, backoff })
    relay.start()
    await eventually(
      'all marked',
      async () => (await outbox.stats()).publishedTotal === BigInt(ids.length),
      { timeoutMs: 120_000 },
    )
    assert.deepEqual([...new Set(producer.eventIds)], ids, 'each of them, in the order written')
    assert.ok(passes > batches * 5, `${passes} chunks were sent, some of them again`)
  } finally {
    disarm()
  }
})

test('relay: one that stopped for longer than its lease marks nothing and gives way', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const [zombieProducer, producer] = [new RecordingProducer(), new RecordingProducer()]
  const ids = await publishAll(
    outbox,
    Array.from({ length: 6 }, (_, index) => testEvent('a', index + 1)),
  )
  // Its clock stands still like that of a stopped process: it renews nothing and does not see that time passed.
  const zombie = outbox.createRelay({
    producer: zombieProducer,
    clock: new SimulatedClock(),
    leaseMs: 300,
    instanceId: 'zombie',
  })
  const wokenUp = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()
  let isFirst = true
  const disarm = armFaults(async (point) => {
    if (point !== 'outbox.relay.afterPublish' || !isFirst) return
    isFirst = false
    stopped.resolve()
    await wokenUp.promise
  })
  try {
    zombie.start()
    await stopped.promise
    await using heir = outbox.createRelay({ producer, instanceId: 'heir' })
    heir.start()
    await eventually('the heir publishes what the zombie had claimed', async () => {
      return (await outbox.stats()).publishedTotal === 6n
    })
    assert.deepEqual(producer.eventIds, ids)
    wokenUp.resolve()
    const later = await publishAll(outbox, [testEvent('a', 7)])
    await eventually('the heir leads on', () => producer.records.length === 7)
    assert.deepEqual(producer.eventIds, [...ids, ...later])
    assert.equal((await outbox.stats()).lanes[0]?.owner, 'heir')
    await eventually('seven are marked, once each', async () => {
      return (await outbox.stats()).publishedTotal === 7n
    })
    assert.equal(zombieProducer.records.length, 6)
  } finally {
    disarm()
    wokenUp.resolve()
    await zombie.close()
  }
})

test('relay: one that sees that its lease ran out sends nothing more', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const producer = new RecordingProducer()
  await publishAll(outbox, [testEvent('a', 1)])
  let elapsedMs = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + elapsedMs }
  let isFirst = true
  const disarm = armFaults(async (point) => {
    if (point !== 'outbox.relay.afterClaim' || !isFirst) return
    isFirst = false
    await database.query('update outbox.relay_lane set epoch = epoch + 1, owner = $1', ['other'])
    elapsedMs = 60_000
  })
  try {
    await using relay = outbox.createRelay({ producer, clock, leaseMs: 2_000, backoff })
    relay.start()
    await eventually('it led and lost', async () => !isFirst && !relay.isLeading)
    assert.equal(producer.records.length, 0)
    await database.query(`update outbox.relay_lane set lease_until = '-infinity'`)
    await eventually('it is published after all', () => producer.records.length === 1)
  } finally {
    disarm()
  }
})

test('relay: a clean close hands the lane over at once', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const second = fixture.second()
  const [one, two] = [new RecordingProducer(), new RecordingProducer()]
  // A lease that nobody waits out.
  const leader = outbox.createRelay({ producer: one, instanceId: 'one', leaseMs: 600_000 })
  leader.start()
  await eventually('it leads', () => leader.isLeading)
  await using standby = second.outbox.createRelay({ producer: two, instanceId: 'two' })
  standby.start()
  await publishAll(outbox, [testEvent('a', 1)])
  await eventually('the leader publishes', () => one.records.length === 1)
  await leader.close()
  await eventually('the other leads', () => standby.isLeading)
  await publishAll(outbox, [testEvent('a', 2)])
  await eventually('and publishes', () => two.records.length === 1)
  assert.equal(one.records.length, 1)
})

test('relay: a lane is handed over at once while the pages of a large set are looked up', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const second = fixture.second()
  await publishAll(outbox, [testEvent('a', 1), testEvent('a', 2)])
  const [one, two] = [new RecordingProducer(), new RecordingProducer()]
  const listing = Promise.withResolvers<void>()
  let isListing = false
  const slow = withSlowListing(database, () => {
    isListing = true
    return listing.promise
  })
  // Nobody waits these out.
  const leader = outbox.createRelay({
    producer: one,
    database: slow,
    instanceId: 'one',
    leaseMs: 600_000,
    closeTimeoutMs: 600_000,
  })
  leader.start()
  await eventually('it looks the pages up', () => isListing)
  await using standby = second.outbox.createRelay({ producer: two, instanceId: 'two' })
  standby.start()
  try {
    const closing = leader.close()
    await eventually('the other publishes', () => two.records.length === 2)
    await closing
  } finally {
    listing.resolve()
  }
  assert.equal(one.records.length, 0)
})

test('relay: broken database connections do not stop it', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const admin = fixture.second()
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer, backoff, chunkRecords: 5 })
  relay.start()
  await eventually('it leads', () => relay.isLeading)
  const ids: string[] = []
  for (let round = 0; round < 5; round++) {
    ids.push(
      ...(await publishAll(
        admin.outbox,
        Array.from({ length: 12 }, (_, index) => testEvent('a', round * 12 + index + 1)),
      )),
    )
    await eventually('connections of the relay are ended', async () => {
      const ended = await admin.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'outbox-test-0'`,
      )
      return ended.rowCount > 0
    })
  }
  await eventually('all marked', async () => (await admin.outbox.stats()).publishedTotal === 60n, {
    timeoutMs: 120_000,
  })
  assert.deepEqual([...new Set(producer.eventIds)], ids)
})

test('relay: data restored into another cluster is published from what has no receipt', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const producer = new RecordingProducer()
  const first = outbox.createRelay({ producer })
  first.start()
  await publishAll(outbox, [testEvent('a', 1), testEvent('a', 2)])
  await eventually('both marked', async () => (await outbox.stats()).publishedTotal === 2n)
  await first.close()
  await publishAll(outbox, [testEvent('a', 3), testEvent('b', 1)])
  // As a dump of a much older cluster looks here: ids far above ours.
  await database.query(
    `update outbox.event_production_data set xid = (xid::text::bigint + 5000000)::text::xid8`,
  )
  await database.query(
    `update outbox.relay_lane set system_identifier = 42, prev = '5000000:5000000:'`,
  )
  await using relay = outbox.createRelay({ producer, backoff })
  relay.start()
  await eventually('the other two', () => producer.records.length === 4)
  await publishAll(outbox, [testEvent('a', 4)])
  await eventually('and the next', () => producer.records.length === 5)
  assert.deepEqual(
    producer.records.map((record) => envelopeOf(record).aggregateVersion),
    [1, 2, 3, 1, 4],
  )
})
