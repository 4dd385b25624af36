import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBroker } from '@millrace/broker'
import { discussionEventsTopic } from '@millrace/contracts'
import { derivedUuid, noopMeter, seededRandom, silentLogger, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { createAdmin, createProducer } from '@millrace/kafka'
import { openDatabase } from '@millrace/postgres'
import { startService } from '@millrace/runtime'
import { RandomDiscussion } from '../test/random-discussion.ts'
import { createDiscussionInbox } from './consume-discussions.ts'
import { discussionAnalyticsService } from './service.ts'

const dayMs = 86_400_000

/** One moment for the whole file: the days are counted from it, also past midnight. */
const nowMs = Date.now()

/** Events of one thread, each written so many days ago. */
function eventsOfDays(...daysAgo: readonly number[]): readonly EventEnvelope[] {
  const talk = new RandomDiscussion(seededRandom(1))
  talk.run(40)
  return daysAgo.map((days, index) => {
    const event = talk.events[index]
    assert.ok(event)
    return { ...event, eventId: derivedUuid(nowMs - days * dayMs, 'archive', String(days)) }
  })
}

async function send(broker: string, events: readonly EventEnvelope[]): Promise<void> {
  const kafka = { brokers: [broker], clientId: 'test' }
  await using admin = await createAdmin(kafka)
  await admin.ensureTopics([discussionEventsTopic])
  await using producer = await createProducer(kafka)
  const topic = discussionEventsTopic.name
  await producer.send(
    events.map((event) => ({ topic, key: event.aggregateId, value: JSON.stringify(event) })),
  )
}

test('discussion-analytics: with a directory given, days of the consumption log beyond the hot ones go to files by themselves', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-analytics-archive-'))
  await using home = await testDatabase()
  await using broker = await startBroker({ dir: join(directory, 'broker') })
  await using database = openDatabase({ url: home.url, applicationName: 'test' })
  const common = { logger: silentLogger, meter: noopMeter, clock: systemClock }
  const inbox = createDiscussionInbox({ database, ...common })
  const files = join(directory, 'files')
  const start = (env: Readonly<Record<string, string>>) =>
    startService(discussionAnalyticsService, {
      env: { PORT: '0', DATABASE_URL: home.url, KAFKA_BROKERS: broker.address, ...env },
      logger: silentLogger,
    })
  try {
    const events = eventsOfDays(33, 28, 0)
    await send(broker.address, events)
    {
      await using service = await start({})
      await service.ready
      await eventually('all handled', async () => (await inbox.totals()).processed === 3, {
        timeoutMs: 60_000,
      })
    }
    assert.deepEqual(await inbox.archivedDays(), [], 'nothing without a directory')

    await using service = await start({
      KAFKA_ENABLED: 'false',
      ARCHIVE_DIRECTORY: files,
      ARCHIVE_CONSUMPTION_HOT_DAYS: '30',
    })
    await service.ready
    await eventually(
      'the old day',
      async () => (await inbox.archivedDays()).some((day) => day.state === 'ARCHIVED'),
      { timeoutMs: 60_000 },
    )
    const [old = '', warm = '', fresh = ''] = events.map((event) => event.eventId)
    const day = new Date(nowMs - 33 * dayMs).toISOString().slice(0, 10)
    assert.deepEqual(
      (await inbox.archivedDays()).map((each) => [each.day, each.rowCount]),
      [[day, 1n]],
    )
    assert.ok(readdirSync(files).length > 0)
    assert.equal(await inbox.findEvent(old), undefined)
    for (const id of [warm, fresh]) assert.equal((await inbox.findEvent(id))?.status, 'PROCESSED')
    assert.equal(await inbox.restoreDay(day), true)
    assert.equal((await inbox.findEvent(old))?.payload, JSON.stringify(events[0]))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('discussion-analytics: fewer hot days than what may be delivered again is refused at the start', async () => {
  await assert.rejects(
    startService(discussionAnalyticsService, {
      env: {
        PORT: '0',
        DATABASE_URL: 'postgres://localhost/unused',
        ARCHIVE_DIRECTORY: '/unused',
        ARCHIVE_CONSUMPTION_HOT_DAYS: '13',
      },
      logger: silentLogger,
    }),
    { code: 'MR_RUNTIME_BAD_CONFIG', message: /ARCHIVE_CONSUMPTION_HOT_DAYS/ },
  )
})
