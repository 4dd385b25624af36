import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createProductionLog } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-outbox-archive-'))
after(() => rmSync(root, { recursive: true, force: true }))

const dayMs = 86_400_000
const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)
const oldMs = Date.parse(`${dayOf(Date.now() - 5 * dayMs)}T06:00:00Z`)

/** An event caused five days ago. */
const oldEvent = (name: string, version: number | null = null) =>
  testEvent(name, version, { eventId: derivedUuid(oldMs, 'test', name, String(version)) })

async function publishEverything({ outbox }: OutboxFixture, producer: RecordingProducer) {
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually('all published', async () => (await outbox.stats()).pending === 0)
}

test('archive: a day of published events goes to a file and comes back, published as it was', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const directory = mkdtempSync(join(root, 'd-'))
  const producer = new RecordingProducer()
  await publishAll(
    outbox,
    ['a', 'b', 'c'].map((name) => oldEvent(name, 1)),
  )
  await publishAll(outbox, [testEvent('new', 1)])
  const pending = await outbox.archive({ directory, hotDays: 3 })
  assert.deepEqual(pending.held, [
    { day: dayOf(oldMs), reason: 'it holds events that are not published yet' },
  ])
  await publishEverything(fixture, producer)
  const log = createProductionLog({ database })
  const before = (await log.search()).events
  assert.equal(before.length, 4)
  const { archived } = await outbox.archive({ directory, hotDays: 3 })
  assert.deepEqual(archived, [dayOf(oldMs)])
  assert.equal((await log.search()).events.length, 1)
  assert.equal((await outbox.archivedDays()).length, 2)
  // The same event of a replay: whether it was published cannot be told now.
  await assert.rejects(publishAll(outbox, [oldEvent('a', 1)]), { code: 'MR_OUTBOX_DAY_ARCHIVED' })
  assert.equal(await outbox.restore(dayOf(oldMs)), true)
  assert.deepEqual((await log.search()).events, before)
  await publishAll(outbox, [oldEvent('a', 1)])
  assert.equal((await log.search()).events.length, 4, 'it is there already')
  await publishAll(outbox, [testEvent('new', 2)])
  await publishEverything(fixture, producer)
  assert.equal(producer.records.length, 5, 'nothing restored is published again')
})

test('archive: a day restored in another cluster is not published once more', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const directory = mkdtempSync(join(root, 'd-'))
  const producer = new RecordingProducer()
  await publishAll(outbox, [oldEvent('a', 1)])
  await publishEverything(fixture, producer)
  // Ids as a cluster far ahead of this one hands them out.
  await database.query(`update outbox.event_production_data set xid = '99999999999'`)
  await outbox.archive({ directory, hotDays: 3 })
  await outbox.restore(dayOf(oldMs))
  assert.equal((await outbox.stats()).pending, 0)
  await publishAll(outbox, [testEvent('new', 1)])
  await publishEverything(fixture, producer)
  assert.equal(producer.records.length, 2)
})

test('archive: days with failed and parked events stay until these are mended', async () => {
  await using fixture = await outboxFixture({ maxRetries: 0 })
  const { outbox } = fixture
  const directory = mkdtempSync(join(root, 'd-'))
  const producer = new RecordingProducer()
  producer.isRefused = (record) => record.key === 'bad'
  await publishAll(outbox, [oldEvent('bad', 1), oldEvent('bad', 2), oldEvent('good', 1)])
  await publishEverything(fixture, producer)
  const { held } = await outbox.archive({ directory, hotDays: 3 })
  assert.match(held[0]?.reason ?? '', /failed/)
  producer.isRefused = () => false
  const log = createProductionLog(fixture)
  const failed = await log.search({ status: ['FAILED'] })
  await log.retry(failed.events.map((event) => event.eventId))
  await publishEverything(fixture, producer)
  await eventually('nothing waits', async () => (await log.summary()).parked === 0)
  assert.deepEqual((await outbox.archive({ directory, hotDays: 3 })).archived, [dayOf(oldMs)])
})

test('archive: on a schedule it runs at once and then every so often', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const directory = mkdtempSync(join(root, 'd-'))
  await publishAll(outbox, [oldEvent('a', 1)])
  await publishEverything(fixture, new RecordingProducer())
  await using _runner = outbox.startArchive({ directory, hotDays: 3, everyMs: 20 })
  await eventually('the old day', async () => (await outbox.archivedDays()).length === 2, {
    timeoutMs: 60_000,
  })
  await publishAll(outbox, [
    testEvent('b', 1, { eventId: derivedUuid(oldMs - dayMs, 'test', 'b') }),
  ])
  await publishEverything(fixture, new RecordingProducer())
  await eventually('a later one', async () => (await outbox.archivedDays()).length === 4, {
    timeoutMs: 60_000,
  })
})

test('archive: events caused at any time find their day, or one is made for them', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const ages = [0, 1, 2, 10, 400, 18_000]
  const events = ages.map((days) =>
    testEvent(`age-${days}`, 1, {
      eventId: derivedUuid(Date.now() - days * dayMs, 'test', String(days)),
    }),
  )
  await publishAll(outbox, events)
  // Derived again and mixed with a new one: the derived ones are not written twice.
  const [first] = events
  assert.ok(first)
  await publishAll(outbox, [first, testEvent('x', 1), ...events])
  await publishEverything(fixture, producer)
  assert.equal(producer.records.length, ages.length + 1)
  const future = testEvent('f', 1, { eventId: derivedUuid(Date.now() + 2 * dayMs, 'f') })
  await assert.rejects(publishAll(outbox, [future]), { code: 'MR_OUTBOX_INVALID_EVENT' })
})
