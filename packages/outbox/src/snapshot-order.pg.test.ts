import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { outboxFixture, testEvent, topic } from '../test/fixture.ts'
import { insertNow, openTransaction } from '../test/open-transaction.ts'
import { envelopeOf, RecordingProducer } from '../test/recording-producer.ts'

// The schedules under which other designs lose or reorder events: a cursor on ids, (xid, id) order, and a horizon at xmin.

const versionsOf = (producer: RecordingProducer): readonly (number | null)[] =>
  producer.records.map((record) => envelopeOf(record).aggregateVersion)

async function startedFixture() {
  const fixture = await outboxFixture()
  const producer = new RecordingProducer()
  const relay = fixture.outbox.createRelay({ producer, pollIntervalMs: 10 })
  relay.start()
  await fixture.database.query(`create table business (id int primary key, version int not null)`)
  await fixture.database.query(`insert into business values (1, 4)`)
  return {
    ...fixture,
    producer,
    [Symbol.asyncDispose]: async () => {
      await relay.close()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

test('relay: an id that commits after a higher one was published is published too', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const early = await openTransaction(outbox)
  await insertNow(early.tx, testEvent('a', 1))
  const late = await openTransaction(outbox)
  await insertNow(late.tx, testEvent('b', 2))
  await late.commit()
  await eventually('the higher id', () => producer.records.length === 1)
  await early.commit()
  await eventually('the lower id', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [2, 1])
})

test('relay: a transaction that got its id early and wrote its event late keeps the order of the aggregate', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const first = await openTransaction(outbox)
  await first.tx.query('insert into business values (2, 0)')
  const second = await openTransaction(outbox)
  second.tx.publish(testEvent('a', 5), { topic, key: 'a' })
  await second.commit()
  first.tx.publish(testEvent('a', 6), { topic, key: 'a' })
  await first.commit()
  await eventually('both', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [5, 6])
})

test('relay: a third transaction that stays open between two neither reorders nor holds them up', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const first = await openTransaction(outbox)
  await first.tx.query('insert into business values (2, 0)')
  const third = await openTransaction(outbox)
  await third.tx.query('insert into business values (3, 0)')
  const second = await openTransaction(outbox)
  second.tx.publish(testEvent('a', 5), { topic, key: 'a' })
  await second.commit()
  first.tx.publish(testEvent('a', 6), { topic, key: 'a' })
  await first.commit()
  await eventually('both', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [5, 6])
  third.tx.publish(testEvent('a', 7), { topic, key: 'a' })
  await third.commit()
  await eventually('the third', () => producer.records.length === 3)
})

test('relay: events seen together are sent in id order, not in the order of their transactions', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const first = await openTransaction(outbox)
  await first.tx.query('create table other (id int)')
  const second = await openTransaction(outbox)
  second.tx.publish(testEvent('a', 5), { topic, key: 'a' })
  await second.commit()
  first.tx.publish(testEvent('a', 6), { topic, key: 'a' })
  await first.commit()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually('both', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [5, 6])
})

test('outbox: ids are drawn at the end, so publishing before locking keeps the order of the locks', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const bump = 'update business set version = version + 1 where id = 1'
  const hasty = await openTransaction(outbox)
  hasty.tx.publish(testEvent('a', 6), { topic, key: 'a' })
  const careful = await openTransaction(outbox)
  await careful.tx.query(bump)
  const locked = hasty.tx.query(bump)
  careful.tx.publish(testEvent('a', 5), { topic, key: 'a' })
  await careful.commit()
  await locked
  await hasty.commit()
  await eventually('both', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [5, 6])
})

test('relay: an event written inside a savepoint is found, one that was rolled back to it is not', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const open = await openTransaction(outbox)
  await open.tx.query('insert into business values (2, 0)')
  await open.tx.query('savepoint one')
  await insertNow(open.tx, testEvent('a', 1))
  await open.tx.query('release savepoint one')
  await open.tx.query('savepoint two')
  await insertNow(open.tx, testEvent('a', 2))
  await open.tx.query('rollback to savepoint two')
  await open.commit()
  await eventually('one', () => producer.records.length === 1)
  const xids = await fixture.database.query<{ count: bigint }>(
    'select count(*) as count from outbox.event_production_data d join public.business b on b.xmin::text::bigint = d.xid::text::bigint where b.id = 2',
  )
  assert.equal(xids.rows[0]?.count, 1n, 'the row carries the id of the top transaction')
  await outbox.transaction(async (tx) => tx.publish(testEvent('a', 3), { topic, key: 'a' }))
  await eventually('the next', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer), [1, 3])
})

test('relay: a long open transaction of another session does not stall it', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const long = await openTransaction(outbox)
  await long.tx.query('insert into business values (2, 0)')
  await insertNow(long.tx, testEvent('long', 1))
  for (let version = 1; version <= 30; version++) {
    await outbox.transaction(async (tx) => tx.publish(testEvent('a', version), { topic, key: 'a' }))
    await eventually('it is published meanwhile', () => producer.records.length === version, {
      everyMs: 2,
    })
  }
  await long.commit()
  await eventually('the long one', () => producer.records.length === 31)
  assert.deepEqual(
    versionsOf(producer).slice(0, 30),
    Array.from({ length: 30 }, (_, i) => i + 1),
  )
})

test('relay: a transaction that rolled back publishes nothing', async () => {
  await using fixture = await startedFixture()
  const { outbox, producer } = fixture
  const undone = await openTransaction(outbox)
  undone.tx.publish(testEvent('a', 1), { topic, key: 'a' })
  await insertNow(undone.tx, testEvent('a', 2))
  await undone.rollback()
  await outbox.transaction(async (tx) => tx.publish(testEvent('a', 3), { topic, key: 'a' }))
  await eventually('the committed one', () => producer.records.length === 1)
  assert.deepEqual(versionsOf(producer), [3])
})
