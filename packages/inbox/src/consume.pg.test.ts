import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid, systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { PostgresError } from '@millrace/postgres'
import { book, dealtWith, deposit, openFixture } from '../test/fixture.ts'
import { forEachEvent } from './inbox.ts'
import { undatedIdOf } from './log-id.ts'

test('consume: effects, log and position commit together, then the offset', async () => {
  await using fixture = await openFixture()
  const events = [deposit(1), deposit(2), deposit(3)]
  for (const event of events) fixture.send(event)
  const consumer = fixture.consume()
  await dealtWith(consumer, 3)

  assert.deepEqual(
    await fixture.effects(),
    events.map((event) => ({ event_id: event.eventId, count: 1 })),
  )
  const row = await fixture.inbox.findEvent(events[1]?.eventId ?? '')
  assert.ok(row)
  assert.equal(row.status, 'PROCESSED')
  assert.equal(row.consumerGroup, 'ledger')
  assert.equal(row.serviceName, 'bank')
  assert.equal(row.topic, 'accounts')
  assert.equal(row.partitionNumber, 0)
  assert.equal(row.offset, 1n)
  assert.equal(row.eventKey, 'a1')
  assert.equal(row.eventType, 'deposit_made')
  assert.equal(row.correlationId, events[1]?.correlationId)
  assert.equal(row.payload, JSON.stringify(events[1]))
  assert.equal(row.attempts, 1)
  assert.equal(row.retryCount, 0)
  assert.equal(row.maxRetries, 2)
  assert.ok(row.processingTimeMs !== null && row.processingTimeMs >= 0)
  assert.ok(row.processedAt && row.processedAt >= row.receivedAt)
  const position = await fixture.database.query(
    'select consumer_group, topic, partition_number, "offset" from consumer_position',
  )
  assert.deepEqual(position.rows, [
    { consumer_group: 'ledger', topic: 'accounts', partition_number: 0, offset: 3n },
  ])
  await eventually('offset committed', () => fixture.kafka.committed('ledger', 'accounts') === 3n)
  await eventually('lag measured', () => consumer.stats().lagRecords === 0)
})

test('consume: the view has the columns of the requirement', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  fixture.send(event)
  await dealtWith(fixture.consume(), 1)
  const found = await fixture.database.query(
    `select id, event_id, service_name, topic, partition_number, "offset", consumer_group, event_type,
       payload, status, retry_count, max_retries, processing_time_ms, error_message, error_stack_trace,
       correlation_id, received_at, processed_at, created_at, updated_at, metadata
     from event_consumption_log`,
  )
  assert.equal(found.rows.length, 1)
  assert.equal(found.rows[0]?.['event_id'], event.eventId)
})

test('duplicates inside a batch, across batches and across partitions take effect once and are counted', async () => {
  await using fixture = await openFixture()
  const event = deposit(7)
  fixture.send(event)
  fixture.send(event)
  const consumer = fixture.consume()
  await dealtWith(consumer, 2)
  fixture.send(event)
  fixture.send(event, 1)
  await dealtWith(consumer, 4)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  assert.equal(consumer.stats().processed, 1)
  assert.equal(consumer.stats().duplicatesSkipped, 3)
  const totals = { processed: 1, duplicatesSkipped: 3, skipped: 0, failed: 0 }
  assert.deepEqual(await fixture.inbox.totals(), totals)
})

test('the same event in two groups of one database takes effect once in each', async () => {
  await using fixture = await openFixture()
  const { createInbox } = await import('./inbox.ts')
  const { contracts } = await import('../test/fixture.ts')
  const event = deposit(7)
  fixture.send(event)
  const first = fixture.consume()
  const other = createInbox({
    database: fixture.database,
    serviceName: 'audit',
    groupId: 'audit',
    contracts,
    schema: 'public',
  })
  await using second = other.consume({
    kafka: { brokers: ['memory'], clientId: 'test' },
    client: fixture.kafka,
    topics: ['accounts'],
    handler: book,
  })
  second.start()
  await dealtWith(first, 1)
  await dealtWith(second, 1)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 2 }])
  assert.equal((await fixture.inbox.listEvents({ eventId: event.eventId, group: null })).length, 2)
  assert.equal((await fixture.inbox.listEvents({ eventId: event.eventId })).length, 1)
})

test('a poison event in the middle of a batch fails alone; the others take effect in order', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 20 }, (_, index) => deposit(index))
  const poison = events[11]
  assert.ok(poison)
  for (const event of events) fixture.send(event)
  const order: number[] = []
  let attempts = 0
  const consumer = fixture.consume({
    handler: async (batch, context) => {
      if (batch.some(({ event }) => event.eventId === poison.eventId)) {
        if (batch.length === 1) attempts++
        throw new RangeError('amount 11 is cursed\0')
      }
      await book(batch, context)
    },
    onCommitted: (batch) => {
      for (const { event } of batch) order.push((event.data as { amount: number }).amount)
    },
  })
  await dealtWith(consumer, 20)

  assert.equal(attempts, 3)
  assert.deepEqual(await fixture.inbox.totals(), {
    processed: 19,
    duplicatesSkipped: 0,
    skipped: 0,
    failed: 1,
  })
  assert.deepEqual(
    order,
    events.map((_, index) => index).filter((index) => index !== 11),
  )
  assert.equal((await fixture.effects()).length, 19)
  const row = await fixture.inbox.findEvent(poison.eventId)
  assert.ok(row)
  assert.equal(row.status, 'FAILED')
  assert.equal(row.attempts, 3)
  assert.equal(row.retryCount, 2)
  assert.equal(row.errorClass, 'RangeError')
  assert.match(row.errorMessage ?? '', /cursed/)
  assert.match(row.errorStackTrace ?? '', /consume\.pg\.test/)
  assert.equal(row.errorFingerprint?.length, 16)
  assert.equal(row.processedAt, null)

  const [letter, ...more] = fixture.kafka.records('accounts-dlq')
  assert.equal(more.length, 0)
  assert.equal(letter?.value?.toString(), JSON.stringify(poison))
  const headers = Object.fromEntries(
    letter?.headers.map(([name, value]) => [name, value.toString()]) ?? [],
  )
  assert.equal(headers['mr_dlq_original_topic'], 'accounts')
  assert.equal(headers['mr_dlq_original_partition'], '0')
  assert.equal(headers['mr_dlq_original_offset'], '11')
  assert.equal(headers['mr_dlq_attempts'], '3')
  assert.match(headers['mr_dlq_cause'] ?? '', /cursed/)
  assert.match(headers['mr_dlq_stack'] ?? '', /RangeError/)
  assert.deepEqual(row.metadata['deadLetter'], { topic: 'accounts-dlq', partition: 0, offset: '0' })
})

test('an event that fails twice and then succeeds ends PROCESSED with three attempts', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  fixture.send(event)
  let attempts = 0
  const consumer = fixture.consume({
    handler: async (batch, context) => {
      if (++attempts < 3) throw new Error('not yet')
      await book(batch, context)
    },
  })
  await dealtWith(consumer, 1)
  const row = await fixture.inbox.findEvent(event.eventId)
  assert.equal(row?.status, 'PROCESSED')
  assert.equal(row?.attempts, 3)
  assert.equal(row?.nextRetryAt, null)
  assert.equal(consumer.stats().failedAttempts, 2)
  assert.equal((await fixture.inbox.totals()).processed, 1)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  assert.equal(fixture.kafka.records('accounts-dlq').length, 0)
})

test('while an event waits for its next attempt, other keys of its partition and the other partition go on', async () => {
  await using fixture = await openFixture()
  const poison = deposit(-1)
  fixture.send(poison, 0)
  const consumer = fixture.consume({
    retryBackoff: { baseMs: 600_000, maxMs: 600_000 },
    handler: async (batch, context) => {
      if (batch.some(({ event }) => event.eventId === poison.eventId)) throw new Error('no')
      await book(batch, context)
    },
  })
  await eventually('failed once', () => consumer.stats().failedAttempts === 1)
  fixture.send(deposit(1), 1)
  fixture.send(deposit(2), 0, 'a2')
  await dealtWith(consumer, 2)
  assert.equal(consumer.stats().processed, 2)
  const row = await fixture.inbox.findEvent(poison.eventId)
  assert.equal(row?.status, 'RECEIVED')
  assert.ok(row.nextRetryAt && row.nextRetryAt.getTime() > Date.now() + 20_000)
  assert.equal(consumer.stats().pausedPartitions, 0)
})

test('a failed event is not tried again when its record comes again, but is as another record', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  fixture.send(event)
  let isBroken = true
  let calls = 0
  const handler: typeof book = async (batch, context) => {
    calls++
    if (isBroken) throw new Error('broken')
    await book(batch, context)
  }
  const consumer = fixture.consume({ handler, maxAttempts: 1 })
  await dealtWith(consumer, 1)
  await consumer.close()
  isBroken = false
  // The offset was committed; take it back, as a crash before that commit would have left it.
  fixture.kafka.group('ledger').committed.clear()
  const again = fixture.consume({ handler, maxAttempts: 1 })
  await dealtWith(again, 1)
  assert.equal(calls, 1)
  assert.equal(await fixture.statusOf(event.eventId), 'FAILED')
  fixture.send(event)
  await dealtWith(again, 2)
  assert.equal(await fixture.statusOf(event.eventId), 'PROCESSED')
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
})

const undecodable = [
  {
    name: 'bytes that are not UTF-8',
    value: Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    reason: /UTF-8/,
  },
  { name: 'text that is not JSON', value: Buffer.from('{"eventId":'), reason: /not JSON/ },
  { name: 'JSON that is no envelope', value: Buffer.from('{"a":1}'), reason: /envelope/ },
  {
    name: 'data that breaks its contract',
    value: Buffer.from(JSON.stringify({ ...deposit(1), data: { account: 'a1', amount: 'much' } })),
    reason: /data\.amount/,
  },
  {
    name: 'a version from the future',
    value: Buffer.from(JSON.stringify({ ...deposit(1), version: 9 })),
    reason: /version 9/,
  },
  { name: 'a tombstone', value: null, reason: /no value/ },
]
for (const each of undecodable) {
  test(`undecodable: ${each.name} is FAILED with its bytes, copied to the dead letters, and passed`, async () => {
    await using fixture = await openFixture()
    const before = deposit(1)
    const after = deposit(2)
    const timestampMs = Date.now() - 5_000
    fixture.send(before)
    fixture.kafka.append('accounts', { key: 'k', value: each.value, partition: 0, timestampMs })
    fixture.send(after)
    const consumer = fixture.consume()
    await dealtWith(consumer, 3)
    assert.equal((await fixture.effects()).length, 2)
    const row = await fixture.inbox.findEvent(derivedUuid(timestampMs, 'accounts', '0', '1'))
    assert.ok(row)
    assert.equal(row.status, 'FAILED')
    assert.equal(row.errorClass, 'decode')
    assert.match(row.errorMessage ?? '', each.reason)
    assert.equal(row.payload, each.value?.toString('base64') ?? null)
    assert.equal(row.metadata['idDerivedFrom'], 'position')
    const letters = fixture.kafka.records('accounts-dlq')
    assert.equal(letters.length, 1)
    assert.deepEqual(letters[0]?.value, each.value)
    assert.equal(letters[0]?.key?.toString(), 'k')
    assert.equal(consumer.stats().failed, 1)
    // Read again, it is known.
    await consumer.close()
    fixture.kafka.group('ledger').committed.clear()
    await dealtWith(fixture.consume(), 3)
    assert.equal(fixture.kafka.records('accounts-dlq').length, 1)
  })
}

test('an unknown event type is SKIPPED, and handled when it comes again to a consumer that knows it', async () => {
  await using fixture = await openFixture()
  const event = { ...deposit(3), eventType: 'account_renamed' }
  fixture.send(event)
  const consumer = fixture.consume()
  await dealtWith(consumer, 1)
  assert.equal(await fixture.statusOf(event.eventId), 'SKIPPED')
  assert.equal(consumer.stats().skipped, 1)
  fixture.send({ ...event, eventType: 'deposit_made' })
  await dealtWith(consumer, 2)
  assert.equal(await fixture.statusOf(event.eventId), 'PROCESSED')
})

test('text that Postgres refuses (NUL) in key, type and error does not stop the partition', async () => {
  await using fixture = await openFixture()
  const odd = { ...deposit(3), eventType: 'odd\0type' }
  fixture.kafka.append('accounts', { key: 'k\0', value: JSON.stringify(odd), partition: 0 })
  const bad = deposit(4)
  fixture.send(bad)
  const consumer = fixture.consume({
    maxAttempts: 1,
    handler: () => Promise.reject(new Error('a\0b')),
  })
  await dealtWith(consumer, 2)
  assert.equal((await fixture.inbox.findEvent(odd.eventId))?.eventType, 'odd\uFFFDtype')
  assert.equal((await fixture.inbox.findEvent(bad.eventId))?.errorMessage, 'a\uFFFDb')
})

test('events of other days get their partition; ids without a credible time are filed undated, and dedupe', async () => {
  await using fixture = await openFixture()
  const dayMs = 86_400_000
  const idAt = (ms: number): string => {
    const hex = Math.floor(ms).toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-7${uuidv7().slice(15)}`
  }
  const late = deposit(1, { eventId: idAt(Date.now() - 9 * dayMs) })
  const ancient = deposit(2, { eventId: idAt(Date.UTC(2021, 0, 1)) })
  const future = deposit(3, { eventId: idAt(Date.now() + 4_000 * dayMs) })
  const random = deposit(4, { eventId: 'd9428888-122b-41e1-b85c-61d34b1ec7d4' })
  const all = [late, ancient, future, random]
  for (const event of [...all, ...all]) fixture.send(event)
  const consumer = fixture.consume()
  await dealtWith(consumer, 8)
  assert.equal(consumer.stats().processed, 4)
  assert.equal(consumer.stats().duplicatesSkipped, 4)
  const row = await fixture.inbox.findEvent(late.eventId)
  assert.equal(row?.eventId, late.eventId)
  for (const event of [ancient, future, random]) {
    const filed = await fixture.inbox.findEvent(event.eventId)
    assert.equal(filed?.eventId, undatedIdOf(event.eventId))
    assert.equal(filed?.metadata['idDerivedFrom'], event.eventId)
  }
  const parts = await fixture.database.query<{ name: string; rows: number }>(
    `select tableoid::regclass::text as name, count(*)::integer as rows
     from event_consumption_data group by 1 order by 1`,
  )
  const lateDay = new Date(Date.now() - 9 * dayMs).toISOString().slice(0, 10).replaceAll('-', '')
  assert.deepEqual(parts.rows, [
    { name: `event_consumption_data_${lateDay}`, rows: 1 },
    { name: 'event_consumption_data_undated', rows: 3 },
  ])
})

test('a day partition dropped by somebody else is made again', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(1))
  const consumer = fixture.consume()
  await dealtWith(consumer, 1)
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  await fixture.database.query(`drop table event_consumption_data_${day}`)
  fixture.send(deposit(2))
  await dealtWith(consumer, 2)
  assert.equal(consumer.stats().failed, 0)
})

test('transient errors of Postgres are nobody’s fault: the batch is tried again until it commits', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  fixture.send(event)
  let calls = 0
  const consumer = fixture.consume({
    maxAttempts: 1,
    handler: async (batch, context) => {
      if (++calls <= 4) {
        const cause = new PostgresError('MR_POSTGRES_UNAVAILABLE', 'shutting down')
        throw calls % 2 === 0 ? cause : new Error('query failed', { cause })
      }
      await book(batch, context)
    },
  })
  await dealtWith(consumer, 1)
  assert.equal(consumer.stats().transientRetries, 4)
  assert.equal(consumer.stats().failed, 0)
  assert.equal((await fixture.inbox.findEvent(event.eventId))?.attempts, 1)
})

test('a commit whose end is unknown is looked up, and counted once', async () => {
  let lost = 0
  await using fixture = await openFixture({
    wrap: (database) => ({
      url: database.url,
      query: (statement, values) => database.query(statement, values),
      listen: (channel, onNotify, options) => database.listen(channel, onNotify, options),
      close: () => database.close(),
      [Symbol.asyncDispose]: () => database.close(),
      transaction: async (work, options) => {
        const result = await database.transaction(work, options)
        const { rowCount } = await database.query('select 1 from effect')
        if (rowCount === 0 || lost++ > 0) return result
        throw new PostgresError('MR_POSTGRES_COMMIT_UNKNOWN', 'the answer was lost')
      },
    }),
  })
  const committed: string[] = []
  const event = deposit(5)
  fixture.send(event)
  const consumer = fixture.consume({
    onCommitted: (events) => void committed.push(...events.map((each) => each.event.eventId)),
  })
  await dealtWith(consumer, 1)
  assert.ok(lost > 0)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  assert.equal(consumer.stats().processed, 1)
  assert.equal(consumer.stats().duplicatesSkipped, 0)
  assert.deepEqual(committed, [event.eventId])
})

test('two consumers of the same events at once: each effect once, nobody fails', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 200 }, (_, index) => deposit(index))
  for (const event of events) {
    fixture.send(event, 0)
    fixture.send(event, 1)
  }
  const consumers = [
    fixture.consume({ maxBatchRecords: 20 }),
    fixture.consume({ maxBatchRecords: 20 }),
  ]
  await eventually('all dealt with', () => {
    const sum = consumers.reduce((total, each) => {
      const stats = each.stats()
      return total + stats.processed + stats.duplicatesSkipped
    }, 0)
    return sum >= 400
  })
  const effects = await fixture.effects()
  assert.equal(effects.length, 200)
  assert.ok(effects.every((effect) => effect.count === 1))
  assert.equal(consumers[0]?.stats().failed, 0)
  assert.equal(consumers[1]?.stats().failed, 0)
})

test('revoked mid-batch: the handler is told, its work is rolled back, the new owner does it once', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  fixture.send(event)
  let aborted = 0
  const isHandling = Promise.withResolvers<void>()
  const slow = fixture.consume({
    drainTimeoutMs: 50,
    handler: async (batch, context) => {
      isHandling.resolve()
      await book(batch, context)
      await eventually('abort', () => context.signal.aborted)
      aborted++
    },
  })
  await isHandling.promise
  const other = fixture.consume()
  await eventually('told', () => aborted >= 1)
  await slow.close()
  await eventually('done by the other', () => other.stats().processed === 1)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  assert.equal(slow.stats().processed, 0)
  assert.equal(slow.stats().failed, 0)
})

test('close lets the current batch end and commits its offset', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(5))
  const started = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const consumer = fixture.consume({
    handler: async (batch, context) => {
      started.resolve()
      await release.promise
      await book(batch, context)
    },
  })
  await started.promise
  const closing = consumer.close()
  release.resolve()
  await closing
  assert.equal((await fixture.effects()).length, 1)
  assert.equal(fixture.kafka.committed('ledger', 'accounts'), 1n)
  assert.equal(consumer.stats().state, 'closed')
})

test('a batch that closing cuts short is not committed as idle while others still end', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(1), 0)
  fixture.send(deposit(2), 1)
  const started = new Set<number>()
  let aborted = 0
  const consumer = fixture.consume({
    lagIntervalMs: 10,
    drainTimeoutMs: 200,
    handler: async (batch, context) => {
      const partition = batch[0]?.partition ?? -1
      started.add(partition)
      await eventually('abort', () => context.signal.aborted)
      aborted++
      // One ends at once, the other keeps the consumer from closing for many looks at the lag.
      if (partition === 1) await systemClock.sleep(1_000)
      context.signal.throwIfAborted()
    },
  })
  await eventually('both under way', () => started.size === 2)
  await consumer.close()
  assert.equal(aborted, 2)
  assert.equal(fixture.kafka.committed('ledger', 'accounts', 0) ?? 0n, 0n)
  const other = fixture.consume()
  await dealtWith(other, 2)
  assert.equal(other.stats().processed, 2)
})

test('a newer generation fences a leftover; a group that counts anew is let in', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(1))
  const consumer = fixture.consume()
  await dealtWith(consumer, 1)
  // Someone of a later generation was here, says the table; the coordinator says we are the current one.
  await fixture.database.query('update consumer_position set generation = 1000')
  fixture.send(deposit(2))
  await dealtWith(consumer, 2)
  const rows = await fixture.database.query<{ generation: number }>(
    'select generation from consumer_position',
  )
  assert.ok((rows.rows[0]?.generation ?? 1000) < 1000)
  // And when the coordinator says no, nothing is written.
  const group = fixture.kafka.group('ledger')
  await fixture.database.query('update consumer_position set generation = 1000')
  group.generation += 5
  fixture.send(deposit(3))
  await eventually('the batch came', () => consumer.stats().state === 'running')
  assert.equal(consumer.stats().processed, 2)
})

test('external effects: the attempt is in the log before the handler runs; one that never ended is given up after the last', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  const seen: unknown[] = []
  fixture.send(event)
  fixture.send(deposit(6))
  const consumer = fixture.consume({
    effects: 'external',
    handler: forEachEvent(async ({ event: each }) => {
      const row = await fixture.inbox.findEvent(each.eventId)
      seen.push([row?.status, row?.attempts])
    }),
  })
  await dealtWith(consumer, 2)
  assert.deepEqual(seen, [
    ['PROCESSING', 1],
    ['PROCESSING', 1],
  ])
  const cut = deposit(7)
  fixture.send(cut)
  await dealtWith(consumer, 3)
  await fixture.database.query(
    `update event_consumption_data set status = 'PROCESSING', attempts = 3 where event_id = $1`,
    [cut.eventId],
  )
  fixture.send(cut)
  await dealtWith(consumer, 4)
  const row = await fixture.inbox.findEvent(cut.eventId)
  assert.equal(row?.status, 'FAILED')
  assert.equal(row?.errorClass, 'MR_INBOX_ATTEMPT_CUT_SHORT')
})

test('the dead letter waits for the broker; the event is not lost meanwhile', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(5))
  fixture.kafka.isDown = true
  const consumer = fixture.consume({
    maxAttempts: 1,
    handler: () => Promise.reject(new Error('no')),
  })
  await eventually('waits', () => consumer.stats().state === 'waiting')
  assert.equal(consumer.stats().failed, 0)
  fixture.kafka.isDown = false
  await dealtWith(consumer, 1)
  assert.equal(fixture.kafka.records('accounts-dlq').length, 1)
})

test('payload onFailure: bodies of handled events are not kept, those of failed ones are', async () => {
  await using fixture = await openFixture({ payload: 'onFailure' })
  const good = deposit(1)
  const bad = deposit(2)
  fixture.send(good)
  fixture.send(bad)
  const consumer = fixture.consume({
    maxAttempts: 1,
    handler: forEachEvent(async ({ event }) => {
      if (event.eventId === bad.eventId) throw new Error('no')
    }),
  })
  await dealtWith(consumer, 2)
  assert.equal((await fixture.inbox.findEvent(good.eventId))?.payload, null)
  assert.equal((await fixture.inbox.findEvent(bad.eventId))?.payload, JSON.stringify(bad))
})

test('listEvents: by correlation id, status and limit, newest first', async () => {
  await using fixture = await openFixture()
  const correlationId = uuidv7()
  const events = [deposit(1, { correlationId }), deposit(2), deposit(3, { correlationId })]
  for (const event of events) fixture.send(event)
  await dealtWith(fixture.consume(), 3)
  const idsOf = async (options: Parameters<typeof fixture.inbox.listEvents>[0]): Promise<unknown> =>
    (await fixture.inbox.listEvents(options)).map((row) => row.eventId)
  assert.deepEqual(await idsOf({ correlationId }), [events[2]?.eventId, events[0]?.eventId])
  assert.deepEqual(await idsOf({ limit: 1 }), [events[2]?.eventId])
  assert.deepEqual(await idsOf({ status: 'FAILED' }), [])
  assert.deepEqual(await idsOf({ eventId: 'no-uuid' }), [])
  await assert.rejects(() => idsOf({ limit: 0 }), { code: 'MR_INBOX_BAD_OPTION' })
})

test('migrate: twenty at once, into a schema of its own', async () => {
  await using fixture = await openFixture()
  const { createInbox } = await import('./inbox.ts')
  const { contracts } = await import('../test/fixture.ts')
  const options = { database: fixture.database, serviceName: 's', groupId: 'g', contracts }
  await Promise.all(
    Array.from({ length: 20 }, () => createInbox({ ...options, schema: 'tracking' }).migrate()),
  )
  const other = createInbox({ ...options, schema: 'tracking' })
  assert.deepEqual(await other.listEvents(), [])
  assert.throws(() => createInbox({ ...options, schema: 'a b' }), { code: 'MR_INBOX_BAD_OPTION' })
})
