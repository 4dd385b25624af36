import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { Explainer, isDataPartition } from '../test/explainer.ts'
import { outboxFixture, publishAll, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { insertNow, openTransaction } from '../test/open-transaction.ts'
import { packedReceipts } from '../test/packed-receipts.ts'
import { RecordingProducer } from '../test/recording-producer.ts'
import { findEvents } from './sql/find-events.ts'
import { sqlNames } from './sql-names.ts'

const dayMs = 86_400_000

/** Every event is published, and its row names the place that the producer gave it; each has one receipt. */
async function assertPlaces({ database }: OutboxFixture, producer: RecordingProducer) {
  const found = await database.query<{ id: string; status: string; place: string }>(
    `select event_id as id, status, partition_number || '/' || "offset" as place from outbox.event_production_log`,
  )
  const wanted = producer.eventIds.map((id, offset) => `${id} PUBLISHED 0/${offset}`)
  assert.deepEqual(
    found.rows.map(({ id, status, place }) => `${id} ${status} ${place}`).toSorted(),
    wanted.toSorted(),
  )
  const counted = await database.query<{ receipts: number; events: number }>(
    `select count(*)::int as receipts, count(distinct first_id + u.relative_id)::int as events
     from outbox.event_delivery_chunk c, unnest(c.relative_ids) as u (relative_id)`,
  )
  const total = producer.records.length
  assert.deepEqual(counted.rows[0], { receipts: total, events: total })
}

test('receipts: each is found where lanes, days, transactions left open and refused events mix their ids', async () => {
  await using fixture = await outboxFixture({ laneCount: 3, maxRetries: 1 })
  const { outbox, database } = fixture
  const producer = new RecordingProducer()
  producer.isRefused = (record) => record.key === 'k-3'
  const relay = outbox.createRelay({ producer, chunkRecords: 7 })
  relay.start()
  const open = [await openTransaction(outbox), await openTransaction(outbox)]
  let total = 0
  for (let wave = 1; wave <= 6; wave++) {
    for (const each of open) await insertNow(each.tx, testEvent('k-open', wave))
    const events = Array.from({ length: 60 }, (_, index) =>
      testEvent(`k-${index % 9}`, wave, {
        // Each third is caused by something of days ago.
        ...(index % 3 === 0 && {
          eventId: derivedUuid(Date.now() - (index % 4) * dayMs, String(wave), String(index)),
        }),
      }),
    )
    await publishAll(outbox, events)
    total += events.length + open.length
  }
  for (const each of open) await each.commit()
  await eventually('all but the refused ones', async () => {
    const stats = await outbox.stats()
    return stats.pending === 0 && stats.failed > 0
  })
  producer.isRefused = () => false
  await eventually('the refused ones', async () => {
    const failed = await outbox.listEvents({ limit: 1_000 })
    for (const event of failed.filter(({ status }) => status === 'FAILED'))
      await outbox.retryEvent(event.eventId)
    return producer.records.length === total
  })
  await eventually('receipts', async () => (await outbox.stats()).publishedTotal === BigInt(total))
  await relay.close()
  await assertPlaces(fixture, producer)
  // Lanes are cut anew from what has no receipt.
  await database.query(`update outbox.relay_lane set prev = '1:1:'`)
  await outbox.setLaneCount(5)
  assert.equal((await outbox.stats()).pending, 0, 'none of them is pending again')
})

test('receipts: one is looked up in few rows, also of a transaction that stayed open while thousands of chunks went by', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const early = await openTransaction(outbox)
  const [first, last] = [testEvent('first'), testEvent('last')]
  await insertNow(early.tx, first)
  for (let wave = 0; wave < 12; wave++) {
    if (wave === 6) await insertNow(early.tx, last)
    await publishAll(
      outbox,
      Array.from({ length: 1_000 }, (_, index) => testEvent(`k-${index}`, wave + 1)),
    )
  }
  await early.commit()
  const pending = testEvent('pending')
  await publishAll(outbox, [pending])
  // Two events a chunk, as at rest; the early transaction's are a chunk, and so two rows, their ids being far apart.
  const earlyIds = [first.eventId, last.eventId]
  const of = (condition: string): string =>
    `(select * from outbox.event_production_data where ${condition})`
  const isEarly = `event_id in ('${earlyIds.join(`', '`)}')`
  await database.query(packedReceipts(of(`not ${isEarly} and event_id <> '${pending.eventId}'`), 2))
  await database.query(packedReceipts(of(isEarly), 1))
  await database.query('vacuum analyze outbox.event_delivery_chunk')
  const rowsRead = async (eventId: string): Promise<number> => {
    const explainer = new Explainer(database)
    await findEvents(sqlNames('outbox'))(explainer, { eventId, limit: 1 })
    const scans = explainer.scans.filter(({ table }) => table.startsWith('event_delivery'))
    for (const { node, table } of scans) assert.match(node, /Index/, `${node} on ${table}`)
    assert.ok(explainer.scans.filter(({ table }) => isDataPartition(table)).length <= 2)
    return scans.reduce((sum, { rows }) => sum + rows, 0)
  }
  for (const eventId of earlyIds) {
    assert.equal((await outbox.findEvent(eventId))?.status, 'PUBLISHED')
    assert.ok((await rowsRead(eventId)) <= 2)
  }
  const usual = await outbox.listEvents({ aggregateId: 'k-500' })
  assert.equal(usual.length, 12)
  for (const { eventId, status, id, offset } of usual) {
    assert.deepEqual([status, offset], ['PUBLISHED', id])
    assert.ok((await rowsRead(eventId)) <= 2)
  }
  assert.equal(await rowsRead(pending.eventId), 0)
  // What is not published though much behind it is costs the rows within 1,024 ids at most.
  await database.query(
    'delete from outbox.event_delivery_chunk where first_id <= $1 and last_id >= $1',
    [usual[6]?.id],
  )
  assert.ok((await rowsRead(usual[6]?.eventId ?? '')) <= 512)
})
