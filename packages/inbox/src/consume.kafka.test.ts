import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startBroker, type Broker } from '@millrace/broker'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  type KafkaOptions,
} from '@millrace/kafka'
import { book, contracts, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import { createInbox } from './inbox.ts'
import { millraceKafka } from './kafka-client.ts'
import type { ConsumeOptions, InboxConsumer } from './types.ts'

let broker: Broker | undefined
let dir = ''
let brokers: readonly string[] = (process.env['KAFKA_BROKERS'] ?? '').split(',').filter(Boolean)

before(async () => {
  if (brokers.length > 0) return
  dir = await mkdtemp(join(tmpdir(), 'millrace-inbox-broker-'))
  broker = await startBroker({ dir })
  brokers = [broker.address]
})

after(async () => {
  await broker?.close()
  if (dir) await rm(dir, { recursive: true, force: true })
})

/** Topic and group of the test's own. */
async function setUp(): Promise<{
  readonly kafka: KafkaOptions
  readonly topic: string
  readonly groupId: string
}> {
  const kafka = { brokers, clientId: 'inbox-test' }
  const topic = `accounts-${uuidv7()}`
  await using admin = await createAdmin(kafka)
  await admin.ensureTopics([{ name: topic, partitions: 3 }])
  return { kafka, topic, groupId: `ledger-${uuidv7()}` }
}

function consumerOf(
  fixture: Fixture,
  at: Awaited<ReturnType<typeof setUp>>,
  more: Partial<ConsumeOptions> = {},
): InboxConsumer {
  const inbox = createInbox({
    database: fixture.database,
    serviceName: 'bank',
    groupId: at.groupId,
    contracts,
    schema: 'public',
  })
  return inbox.consume({
    kafka: at.kafka,
    topics: [at.topic],
    handler: book,
    client: millraceKafka,
    lagIntervalMs: 100,
    retryBackoff: { baseMs: 5, maxMs: 20 },
    consumer: { maxWaitMs: 100, heartbeatIntervalMs: 200, sessionTimeoutMs: 30_000 },
    ...more,
  })
}

test('broker: events, a poison and an undecodable record; offsets committed, dead letters written, lag 0', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  await using consumer = consumerOf(fixture, at, {
    handler: async (batch, context) => {
      if (batch.some(({ event }) => (event.data as { amount: number }).amount === 13))
        throw new Error('unlucky')
      await book(batch, context)
    },
  })
  consumer.start()
  await using producer = await createProducer(at.kafka)
  const events = Array.from({ length: 60 }, (_, index) =>
    deposit(index, { account: `a${index % 7}` }),
  )
  await producer.send([
    ...events.map((event) => ({
      topic: at.topic,
      key: event.aggregateId,
      value: JSON.stringify(event),
    })),
    { topic: at.topic, key: 'a1', value: Buffer.from([0xff]) },
  ])
  await eventually('all dealt with', () => {
    const stats = consumer.stats()
    return stats.processed === 59 && stats.failed === 2
  })
  assert.equal((await fixture.effects()).length, 59)
  await eventually('lag 0', () => consumer.stats().lagRecords === 0)
  assert.equal(consumer.stats().partitions.length, 3)

  await using letters = await createConsumer({
    ...at.kafka,
    groupId: `letters-${uuidv7()}`,
    topics: [`${at.topic}-dlq`],
  })
  const values: string[] = []
  for await (const batch of letters) {
    for (const record of batch.records) values.push(record.value?.toString('latin1') ?? '')
    if (values.length >= 2) break
  }
  assert.deepEqual(values.toSorted(), [JSON.stringify(events[13]), '\xff'].toSorted())
})

test('broker: a partition whose handler is slow does not hold the others back', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  const othersDone = Promise.withResolvers<void>()
  const partitions = new Set<number>()
  await using consumer = consumerOf(fixture, at, {
    handler: async (batch, context) => {
      const { partition } = batch[0]!
      partitions.add(partition)
      if (partition === 0) await othersDone.promise
      await book(batch, context)
    },
  })
  consumer.start()
  await using producer = await createProducer(at.kafka)
  const send = (from: number, partition: number): Promise<unknown> =>
    producer.send(
      Array.from({ length: 10 }, (_, index) => {
        const event = deposit(from + index, { account: `p${partition}` })
        return { topic: at.topic, partition, key: null, value: JSON.stringify(event) }
      }),
    )
  await send(0, 0)
  await eventually('partition 0 is being handled', () => partitions.has(0))
  await send(10, 1)
  await send(20, 2)
  await eventually('the others are done', () => consumer.stats().processed === 20)
  assert.equal(consumer.stats().state, 'running')
  othersDone.resolve()
  await eventually('all done', () => consumer.stats().processed === 30)
})

test('broker: on a topic written in transactions the lag reaches 0, and aborted events take no effect', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  await using consumer = consumerOf(fixture, at)
  consumer.start()
  await using producer = await createTransactionalProducer({
    ...at.kafka,
    transactionalId: at.groupId,
  })
  for (let index = 0; index < 6; index++) {
    await producer.begin()
    const value = JSON.stringify(deposit(index, { account: `a${index}` }))
    await producer.send([{ topic: at.topic, partition: index % 3, key: null, value }])
    if (index % 2 === 0) await producer.commit()
    else await producer.abort()
  }
  await eventually('all committed ones are handled', () => consumer.stats().processed === 3)
  await eventually('lag 0', () => consumer.stats().lagRecords === 0)
  assert.equal((await fixture.effects()).length, 3)
})

test('broker: a handler longer than the session timeout keeps its partitions: heartbeats go on meanwhile', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  const sessionTimeoutMs = 10_000
  let calls = 0
  await using consumer = consumerOf(fixture, at, {
    consumer: { maxWaitMs: 100, heartbeatIntervalMs: 500, sessionTimeoutMs },
    handler: async (batch, context) => {
      calls++
      await systemClock.sleep(sessionTimeoutMs + 2_000, context.signal)
      await book(batch, context)
    },
  })
  consumer.start()
  await using producer = await createProducer(at.kafka)
  const value = JSON.stringify(deposit(1))
  await producer.send([{ topic: at.topic, partition: 0, key: null, value }])
  await eventually('being handled', () => calls === 1)
  await eventually('done', () => consumer.stats().processed === 1)
  assert.equal(calls, 1)
  assert.equal(consumer.stats().assignedPartitions, 3)
  await eventually('lag 0', () => consumer.stats().lagRecords === 0)
})

test('broker: with maxConcurrentPartitions 1 one batch is handled at a time', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  let running = 0
  let most = 0
  await using consumer = consumerOf(fixture, at, {
    maxConcurrentPartitions: 1,
    handler: async (batch, context) => {
      most = Math.max(most, ++running)
      await book(batch, context)
      running--
    },
  })
  await using producer = await createProducer(at.kafka)
  for (const partition of [0, 1, 2])
    await producer.send([
      {
        topic: at.topic,
        partition,
        key: null,
        value: JSON.stringify(deposit(partition, { account: 'a' })),
      },
    ])
  consumer.start()
  await eventually('all done', () => consumer.stats().processed === 3)
  assert.equal(most, 1)
})

test('broker: members come and go while events flow; each takes effect once, in order per key', async () => {
  await using fixture = await openFixture()
  const at = await setUp()
  const orders = new Map<string, number[]>()
  const note: ConsumeOptions['onCommitted'] = (events) => {
    for (const { event } of events) {
      const list = orders.get(event.aggregateId) ?? []
      list.push((event.data as { amount: number }).amount)
      orders.set(event.aggregateId, list)
    }
  }
  const open = (): InboxConsumer => {
    const consumer = consumerOf(fixture, at, { maxBatchRecords: 5, onCommitted: note })
    consumer.start()
    return consumer
  }
  const consumers = [open()]
  await using producer = await createProducer(at.kafka)
  const total = 600
  for (let sent = 0; sent < total; sent += 20) {
    await producer.send(
      Array.from({ length: 20 }, (_, index) => {
        const event = deposit(sent + index, { account: `a${index % 5}` })
        return { topic: at.topic, key: event.aggregateId, value: JSON.stringify(event) }
      }),
    )
    if (sent === 100 || sent === 300) consumers.push(open())
    if (sent === 200) await consumers[0]?.close()
  }
  await eventually('all effects', async () => (await fixture.effects()).length === total)
  await Promise.all(consumers.map((consumer) => consumer.close()))
  const effects = await fixture.effects()
  assert.ok(effects.every((effect) => effect.count === 1))
  for (const [key, amounts] of orders)
    assert.deepEqual(
      amounts,
      amounts.toSorted((a, b) => a - b),
      `order of ${key}`,
    )
  assert.equal([...orders.values()].flat().length, total)
})

test('broker: restarted on the same port, the consumer goes on by itself', async (t) => {
  if (!broker) return t.skip('needs a broker of our own to restart')
  await using fixture = await openFixture()
  const at = await setUp()
  await using consumer = consumerOf(fixture, at)
  consumer.start()
  const send = async (amount: number): Promise<void> => {
    await using producer = await createProducer(at.kafka)
    await producer.send([{ topic: at.topic, key: 'k', value: JSON.stringify(deposit(amount)) }])
  }
  await send(1)
  await eventually('first', () => consumer.stats().processed === 1)
  const { port } = broker
  await broker.close()
  broker = await startBroker({ dir, port })
  await send(2)
  await eventually('second', () => consumer.stats().processed === 2)
  assert.equal(consumer.stats().failed, 0)
})

test('broker away: close is quick, with offsets to commit, a dead letter to write, or never reached', async (t) => {
  if (!broker) return t.skip('needs a broker of our own to stop')
  await using fixture = await openFixture()
  const at = await setUp()
  const letter = await setUp()
  const consumer = consumerOf(fixture, at)
  consumer.start()
  const { port } = broker
  const stopping = consumerOf(fixture, letter, {
    maxAttempts: 1,
    handler: async () => {
      await broker?.close()
      throw new Error('poison')
    },
  })
  stopping.start()
  await eventually('joined', () =>
    [consumer, stopping].every((each) => each.stats().state === 'running'),
  )
  await using producer = await createProducer(at.kafka)
  await producer.send([{ topic: at.topic, key: 'k', value: JSON.stringify(deposit(1)) }])
  await eventually('handled', () => consumer.stats().processed === 1)
  await producer.send([{ topic: letter.topic, key: 'k', value: JSON.stringify(deposit(2)) }])
  await eventually('failed', () => stopping.stats().failedAttempts === 1)
  const never = consumerOf(fixture, at)
  never.start()
  const startMs = performance.now()
  await Promise.all([consumer, stopping, never].map((each) => each.close()))
  const tookMs = performance.now() - startMs
  broker = await startBroker({ dir, port })
  assert.ok(tookMs < 8_000, `closed in ${tookMs} ms`)
})
