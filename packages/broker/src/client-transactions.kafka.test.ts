import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { testBroker, type TestBroker } from '../test/broker.ts'
import { readCommitted } from '../test/transactional-client.ts'

/** Transactional producers nobody here wrote, as they come. */
const topics = [{ name: 't', partitions: 3 }]

/** The committed values of all partitions. */
async function committedValues(broker: TestBroker): Promise<string[]> {
  await using client = await broker.connect()
  const values: string[] = []
  for (const partition of [0, 1, 2])
    values.push(...(await readCommitted(client, 't', partition)).map(([, value]) => value))
  return values.toSorted()
}

function kafkajs(broker: TestBroker): Kafka {
  return new Kafka({
    clientId: 'kafkajs',
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: logLevel.NOTHING,
  })
}

test('kafkajs: transactions over partitions and offsets, committed and aborted', async () => {
  await using broker = await testBroker({ topics })
  const kafka = kafkajs(broker)
  const transactionalId = `id-${uuidv7()}`
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  const admin = kafka.admin()
  await Promise.all([producer.connect(), admin.connect()])
  try {
    for (const [value, offset, isCommit] of [
      ['a', 1, true],
      ['b', 2, false],
      ['c', 3, true],
    ] as const) {
      const transaction = await producer.transaction()
      const messages = [0, 1, 2].map((partition) => ({ partition, value: `${value}${partition}` }))
      await transaction.send({ topic: 't', messages })
      await transaction.sendOffsets({
        consumerGroupId: 'g',
        topics: [{ topic: 't', partitions: [{ partition: 0, offset: `${offset}` }] }],
      })
      await (isCommit ? transaction.commit() : transaction.abort())
    }
    assert.deepEqual(await committedValues(broker), ['a0', 'a1', 'a2', 'c0', 'c1', 'c2'])
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })
    assert.equal(committed?.partitions.find(({ partition }) => partition === 0)?.offset, '3')
  } finally {
    await Promise.all([producer.disconnect(), admin.disconnect()])
  }
})

test('kafkajs: a second producer of the id fences the first', async () => {
  await using broker = await testBroker({ topics })
  const options = { transactionalId: 'id', idempotent: true, retry: { retries: 2 } }
  const [first, second] = [kafkajs(broker).producer(options), kafkajs(broker).producer(options)]
  try {
    await first.connect()
    const open = await first.transaction()
    await open.send({ topic: 't', messages: [{ value: 'lost' }] })
    await second.connect()
    const next = await second.transaction()
    await next.send({ topic: 't', messages: [{ value: 'kept' }] })
    await next.commit()
    await assert.rejects(open.commit())
    assert.deepEqual(await committedValues(broker), ['kept'])
  } finally {
    await Promise.all([first.disconnect(), second.disconnect()])
  }
})

test('platformatic: transactions, with the ids that keep it from being fenced at its start', async () => {
  await using broker = await testBroker({ topics })
  for (const round of ['a', 'b']) {
    const producer = new Producer({
      clientId: 'platformatic',
      bootstrapBrokers: [`127.0.0.1:${broker.port}`],
      serializers: stringSerializers,
      idempotent: true,
      transactionalId: 'id',
      // Without these a second start under the id is fenced, here as on Apache Kafka.
      producerId: -1n,
      producerEpoch: -1,
    })
    try {
      for (const [value, isCommit] of [
        [`${round}1`, true],
        [`${round}2`, false],
        [`${round}3`, true],
      ] as const) {
        const transaction = await producer.beginTransaction()
        for (const partition of [0, 1, 2])
          await transaction.send({ messages: [{ topic: 't', partition, value }] })
        await (isCommit ? transaction.commit() : transaction.abort())
      }
    } finally {
      await producer.close()
    }
  }
  const expected = ['a1', 'a3', 'b1', 'b3'].flatMap((value) => [value, value, value])
  assert.deepEqual(await committedValues(broker), expected)
})
