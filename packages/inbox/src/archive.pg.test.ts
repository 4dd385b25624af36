import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { dealtWith, deposit, openFixture } from '../test/fixture.ts'
import { createConsumptionLog } from './log-reader.ts'
import { createOperations } from './operations/operations.ts'
import type { Refusal, ReplayRequest } from './operations/types.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-inbox-archive-'))
after(() => rmSync(root, { recursive: true, force: true }))

const dayMs = 86_400_000
const dayOf = (daysAgo: number): string =>
  new Date(Date.now() - daysAgo * dayMs).toISOString().slice(0, 10)

/** An event that was written so many days ago. */
const oldDeposit = (daysAgo: number, amount: number) =>
  deposit(amount, {
    account: `a${amount}`,
    eventId: derivedUuid(Date.parse(`${dayOf(daysAgo)}T06:00:00Z`), 'test', String(amount)),
  })

const days = { hotDays: 4, topicRetentionDays: 2, deadLetterDays: 2 }

test('archive: old days go to files and come back as they were, byte for byte; young ones stay', async () => {
  await using fixture = await openFixture()
  const directory = mkdtempSync(join(root, 'd-'))
  const events = [
    oldDeposit(6, 1),
    oldDeposit(6, 2),
    oldDeposit(5, 3),
    oldDeposit(1, 4),
    deposit(5),
  ]
  for (const event of events) fixture.send(event)
  fixture.send(Buffer.from([0, 1, 0xff, 0x22]))
  const consumer = fixture.consume()
  await dealtWith(consumer, 6)
  const log = createConsumptionLog({ database: fixture.database, schema: 'public' })
  const search = async () => (await log.search({ limit: 100 })).events
  fixture.send(events[0] ?? null)
  fixture.send(events[4] ?? null)
  await dealtWith(consumer, 8)
  const repeatsOf = async (index: number) =>
    (await log.find(events[index]?.eventId ?? ''))[0]?.repeats?.count
  assert.deepEqual([await repeatsOf(0), await repeatsOf(4)], [1, 1])
  const before = (await search()).map((event) =>
    event.eventId === events[0]?.eventId ? { ...event, repeats: null } : event,
  )
  const report = await fixture.inbox.archive({ directory, ...days })
  assert.deepEqual(report, { archived: [dayOf(6), dayOf(5)], held: [], isElsewhere: false })
  assert.equal((await search()).length, 3)
  assert.deepEqual(await log.find(events[0]?.eventId ?? ''), [])
  const archived = await fixture.inbox.archivedDays()
  assert.deepEqual(
    archived.map((day) => [day.day, day.rowCount]),
    [
      [dayOf(6), 2n],
      [dayOf(5), 1n],
    ],
  )
  const replay = {
    kind: 'replay',
    group: 'ledger',
    topic: 'accounts',
    from: new Date(dayOf(6)),
    to: new Date(),
  } as const
  const operations = createOperations({ database: fixture.database, schema: 'public' })
  const refusalOf = async (request: ReplayRequest): Promise<Refusal | undefined> =>
    (await operations.plan(request)).plan.refusals.find((each) => each.code === 'day-archived')
  const refusal = await refusalOf(replay)
  assert.equal(refusal?.isFinal, false)
  assert.ok(
    refusal?.explanation.startsWith(
      `${dayOf(6)}, ${dayOf(5)} of the log are in archive files, with 3 rows`,
    ),
    refusal?.explanation,
  )
  assert.equal(await refusalOf({ ...replay, from: new Date(dayOf(4)) }), undefined)
  assert.equal(await fixture.inbox.restoreDay(dayOf(6)), true)
  assert.equal(await fixture.inbox.restoreDay(dayOf(6)), false)
  assert.equal(await fixture.inbox.restoreDay(dayOf(5)), true)
  assert.deepEqual(await search(), before, 'all but the note of what came twice')

  // A restored day recognises its events.
  fixture.send(events[0] ?? null)
  await dealtWith(consumer, 9)
  assert.equal(consumer.stats().duplicatesSkipped, 3)
  assert.equal(await repeatsOf(0), 1)
})

test('archive: a day with an event that failed stays until it is mended, then it goes', async () => {
  await using fixture = await openFixture()
  const directory = mkdtempSync(join(root, 'd-'))
  let isAway = true
  fixture.send(oldDeposit(6, 1))
  fixture.send(oldDeposit(5, 2))
  const consumer = fixture.consume({
    maxAttempts: 1,
    outage: false,
    // Wherever it stands in the batch.
    handler: (events) =>
      isAway && events.some(({ event }) => (event.data as { amount: number }).amount === 1)
        ? Promise.reject(new Error('away'))
        : Promise.resolve(),
  })
  await eventually('one failed', () => consumer.stats().failed === 1)
  await dealtWith(consumer, 2)
  const first = await fixture.inbox.archive({ directory, ...days })
  assert.deepEqual(first.archived, [dayOf(5)])
  assert.deepEqual(first.held, [
    {
      day: dayOf(6),
      reason: 'it holds events that failed, are parked, or wait for their next attempt',
    },
  ])
  const tableOf = async (): Promise<unknown> =>
    (
      await fixture.database.query(
        `select inhrelid, xmin::text
         from pg_inherits
         where inhparent = 'event_consumption_data'::regclass
         order by inhrelid`,
      )
    ).rows
  const before = await tableOf()
  await fixture.inbox.archive({ directory, ...days })
  assert.deepEqual(await tableOf(), before, 'a day that stays is not taken out for a moment')
  isAway = false
  await fixture.database.query(
    `update event_consumption_data set status = 'RECEIVED', attempts = 0, next_retry_at = clock_timestamp()`,
  )
  await eventually('it is mended', async () => {
    const { archived } = await fixture.inbox.archive({ directory, ...days })
    return archived.includes(dayOf(6))
  })
})

test('archive: a log that lives shorter than what may be delivered again is refused; a schedule runs and ends', async () => {
  await using fixture = await openFixture()
  const directory = mkdtempSync(join(root, 'd-'))
  await assert.rejects(fixture.inbox.archive({ directory, hotDays: 13 }), {
    code: 'MR_INBOX_BAD_OPTION',
    message: /at least 14 \(topicRetentionDays 7 \+ deadLetterDays 7\)/,
  })
  fixture.send(oldDeposit(6, 1))
  await dealtWith(fixture.consume(), 1)
  const runner = fixture.inbox.scheduleArchive({ directory, ...days })
  await eventually('archived', async () =>
    (await fixture.inbox.archivedDays()).some((day) => day.state === 'ARCHIVED'),
  )
  await runner.close()
})
