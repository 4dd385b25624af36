import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { startDiscussions } from '../test/running-service.ts'

const ageMs = 20 * 86_400_000

test('discussions: with a directory given, old days of the event log go to files by themselves', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-discussions-archive-'))
  await using home = await testDatabase()
  await using database = openDatabase({ url: home.url, applicationName: 'test' })
  const outbox = createOutbox({ database, serviceName: 'tests', schema: 'public' })
  await outbox.migrate()
  const eventId = derivedUuid(Date.now() - ageMs, 'old')
  await outbox.transaction(async (tx) => {
    tx.publish(
      {
        eventId,
        eventType: 'thing_happened',
        version: 1,
        timestamp: new Date().toISOString(),
        correlationId: eventId,
        causationId: null,
        source: 'tests',
        aggregateType: 'thing',
        aggregateId: 'a',
        aggregateVersion: null,
        metadata: {},
        data: {},
      },
      { topic: 't', key: null },
    )
  })
  await database.query(
    `insert into event_delivery_chunk (day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
     select event_day(event_id), id, id, 1, now(), '{0}', '{0}', '{0}' from event_production_data where event_id = $1`,
    [eventId],
  )
  try {
    await using _service = await startDiscussions({
      databaseUrl: home.url,
      archiveDirectory: directory,
    })
    await eventually('the old day', async () => (await outbox.archivedDays()).length === 2, {
      timeoutMs: 60_000,
    })
    assert.equal(await outbox.findEvent(eventId), undefined)
    const [day] = await outbox.archivedDays()
    assert.equal(await outbox.restore(day?.day ?? ''), true)
    assert.equal((await outbox.findEvent(eventId))?.status, 'PUBLISHED')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
