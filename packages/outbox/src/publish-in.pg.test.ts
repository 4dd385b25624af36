import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase } from '@millrace/postgres'
import { plainPool } from '@millrace/postgres/testing'
import { createOutbox } from '@millrace/outbox'
import { outboxFixture, testEvent, topic } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

const to = (event = testEvent()) => ({ event, topic, key: event.aggregateId })

test('outbox: all of it works over a Pool of pg that the application has already', async () => {
  await using home = await testDatabase()
  const pool = plainPool(home.url, { max: 3 })
  const outbox = createOutbox({ pool, serviceName: 'tests' })
  try {
    await outbox.migrate()
    await pool.query('create table business (id int primary key)')
    const producer = new RecordingProducer()
    await using relay = outbox.createRelay({ producer })
    relay.start()
    const event = testEvent('a', 1)
    await outbox.transaction(async (tx) => {
      await tx.query('insert into business values ($1)', [1])
      tx.publish(event, { topic, key: 'a' })
    })
    await assert.rejects(
      outbox.transaction(async (tx) => {
        tx.publish(testEvent('a', 2), { topic, key: 'a' })
        await tx.query('insert into business values ($1)', [1])
      }),
      { code: 'MR_POSTGRES_CONSTRAINT' },
    )
    await eventually('published', async () => {
      return (await outbox.findEvent(event.eventId))?.status === 'PUBLISHED'
    })
    assert.deepEqual(producer.eventIds, [event.eventId])
    assert.equal((await outbox.stats()).publishedTotal, 1n)
    await relay.close()
  } finally {
    await pool.end()
  }
})

test("outbox: events go with a stranger's own transaction of pg, or not at all", async () => {
  await using home = await testDatabase()
  const pool = plainPool(home.url)
  const outbox = createOutbox({ pool, serviceName: 'tests' })
  try {
    await outbox.migrate()
    const events = [testEvent('a', 1), testEvent('a', 2)]
    const client = await pool.connect()
    await client.query('begin')
    await outbox.publishIn(client, events.map(to))
    await client.query('rollback')
    assert.equal((await outbox.listEvents()).length, 0)
    await client.query('begin')
    await outbox.publishIn(client, events.map(to))
    await client.query('commit')
    outbox.wake()
    client.release()
    const found = await outbox.listEvents()
    assert.deepEqual(
      found.map((event) => event.eventId),
      events.map((event) => event.eventId).toReversed(),
    )
    assert.equal(found[0]?.payload, JSON.stringify(events[1]))
    assert.equal((await outbox.stats()).pending, 2)
  } finally {
    await pool.end()
  }
})

test('outbox: what a handler publishes again, after a redelivery or in a replay, is there once', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const parent = testEvent()
  const children = [0, 1, 2].map((index) =>
    testEvent('child', index + 1, {
      eventId: derivedUuid(Date.now(), 'child', parent.eventId, 'group', String(index)),
      causationId: parent.eventId,
    }),
  )
  const handle = () => database.transaction((tx) => outbox.publishIn(tx, children.map(to)))
  await handle()
  const first = await outbox.listEvents()
  await handle()
  await Promise.all([handle(), handle()])
  assert.deepEqual(await outbox.listEvents(), first)
  assert.equal(first.length, 3)
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually('published', () => producer.records.length === 3)
  assert.deepEqual(
    producer.eventIds,
    children.map((event) => event.eventId),
    'in the order given',
  )
  // A new id twice is no repeat of a cause but a mistake.
  const event = testEvent()
  await database.transaction((tx) => outbox.publishIn(tx, [to(event)]))
  await assert.rejects(
    database.transaction((tx) => outbox.publishIn(tx, [to(event)])),
    { code: 'MR_POSTGRES_CONSTRAINT' },
  )
})

test('outbox: an event that cannot be published is refused before anything is written', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  await database.query('create table business (id int)')
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query('insert into business values (1)')
      await outbox.publishIn(tx, [to(), { ...to(), topic: 'no topic' }])
    }),
    { code: 'MR_OUTBOX_INVALID_EVENT' },
  )
  assert.equal((await database.query('select from business')).rowCount, 0)
})

test('outbox: it needs a database or a pool, one of them', async () => {
  await using home = await testDatabase()
  const pool = plainPool(home.url)
  await using database = openDatabase({ url: home.url, applicationName: 'test' })
  for (const options of [{}, { pool, database }])
    assert.throws(() => createOutbox({ serviceName: 'tests', ...options }), {
      code: 'MR_OUTBOX_BAD_OPTION',
    })
  await pool.end()
})
