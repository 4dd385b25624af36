import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  kafkaBackends,
  startApacheKafka,
  startFaultProxy,
  type FaultProxy,
  type RunningKafka,
} from '@millrace/testkit'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import { readCommitted } from '../test/read-committed.ts'
import {
  createAdmin,
  createTransactionalProducer,
  KafkaError,
  type KafkaOptions,
  type ProducerRecord,
  type TransactionalProducer,
  type TransactionalProducerOptions,
} from './index.ts'

const produceKey = 0
const endTxnKey = 26

const backends = await kafkaBackends()
const isApacheWanted = backends.some(({ name }) => name === 'Apache Kafka')

for (const backend of backends)
  describe(`transactional producer on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'transactions-test' }
    })
    after(() => kafka.stop())

    const committed = (topic: string): Promise<readonly string[]> => readCommitted(options, topic)

    const open = (transactionalId = uniqueName('txn')): Promise<TransactionalProducer> =>
      createTransactionalProducer({ ...options, transactionalId })

    /** A producer whose transaction, with one record, the brokers have ended, which moves its epoch; it has not been told. */
    const endedByBrokers = async (topic: string): Promise<TransactionalProducer> => {
      const producer = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('txn'),
        transactionTimeoutMs: 3_000,
      })
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'late' }])
      await using next = await open()
      await next.begin()
      await next.send([{ topic, key: null, value: 'after' }])
      await next.commit()
      // Held back behind the open transaction until the brokers end it.
      assert.deepEqual(await committed(topic), ['after'])
      return producer
    }

    test('committed records are read, aborted ones are not, over several transactions of one producer', async () => {
      const topic = await createTopic(options, 3)
      await using producer = await open()
      for (const [number, fate] of [
        'commit',
        'abort',
        'commit',
        'abort',
        'abort',
        'commit',
      ].entries()) {
        await producer.begin()
        for (const partition of [0, 1, 2])
          void producer.send([{ topic, partition, key: null, value: `${number}-${partition}` }])
        if (fate === 'commit') await producer.commit()
        else {
          await producer.send([{ topic, partition: 0, key: null, value: 'aborted too' }])
          await producer.abort()
        }
      }
      assert.deepEqual(
        await committed(topic),
        [0, 2, 5].flatMap((number) => [0, 1, 2].map((partition) => `${number}-${partition}`)),
      )
    })

    test('a transaction without records commits and aborts without a trace', async () => {
      await using producer = await open()
      await producer.begin()
      await producer.commit()
      await producer.begin()
      await producer.abort()
      await producer.abort()
    })

    test('offsets sent in a transaction count once it is committed, and never when it is aborted', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await using producer = await open()
      await using admin = await createAdmin(options)
      const offsets = async (): Promise<readonly (bigint | null)[]> =>
        (await admin.groupLag(groupId, [topic])).map(({ committedOffset }) => committedOffset)
      await producer.begin()
      await producer.send([0, 1].map((partition) => ({ topic, partition, key: null, value: 'x' })))
      await producer.sendOffsets([{ topic, partition: 0, offset: 1n }], { groupId })
      await producer.commit()
      assert.deepEqual(await offsets(), [1n, null])
      await producer.begin()
      await producer.sendOffsets([{ topic, partition: 1, offset: 1n }], { groupId })
      await producer.abort()
      assert.deepEqual(await offsets(), [1n, null])
      await producer.begin()
      const row = { topic, partition: 1, offset: 1n, metadata: 'a note' }
      await producer.sendOffsets([row], { groupId })
      await producer.commit()
      assert.deepEqual(await offsets(), [1n, 1n])
      assert.deepEqual(
        (await admin.groupOffsets(groupId)).find(({ partition }) => partition === 1),
        row,
      )
    })

    test('offsets of a generation that is over fail the transaction; after abort the producer goes on', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using producer = await open()
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'lost' }])
      const zombie = { groupId, generationId: 7, memberId: 'zombie' }
      await assert.rejects(producer.sendOffsets([{ topic, partition: 0, offset: 1n }], zombie), {
        code: 'MR_KAFKA_TRANSACTION_FAILED',
      })
      await assert.rejects(producer.commit(), { code: 'MR_KAFKA_TRANSACTION_FAILED' })
      await producer.abort()
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'kept' }])
      await producer.commit()
      assert.deepEqual(await committed(topic), ['kept'])
    })

    test('a second producer of the same id takes over: the open transaction is aborted, the first producer fenced', async () => {
      const topic = await createTopic(options, 1)
      const transactionalId = uniqueName('txn')
      await using first = await open(transactionalId)
      await using second = await open(transactionalId)
      await first.begin()
      await first.send([{ topic, key: null, value: 'zombie' }])
      await second.begin()
      await second.send([{ topic, key: null, value: 'heir' }])
      await assert.rejects(first.commit(), (error) => {
        assert.ok(error instanceof KafkaError)
        assert.deepEqual(
          [error.code, error.retryable, error.details['outcome']],
          ['MR_KAFKA_PRODUCER_FENCED', false, 'not committed'],
        )
        return true
      })
      await assert.rejects(first.begin(), { code: 'MR_KAFKA_PRODUCER_FENCED' })
      await second.commit()
      assert.deepEqual(await committed(topic), ['heir'])
    })

    test('a producer that starts again under its id goes on, time after time', async () => {
      const topic = await createTopic(options, 1)
      const transactionalId = uniqueName('txn')
      for (const value of ['a', 'b', 'c']) {
        await using producer = await open(transactionalId)
        await producer.begin()
        await producer.send([{ topic, key: null, value }])
        await producer.commit()
      }
      assert.deepEqual(await committed(topic), ['a', 'b', 'c'])
    })

    test('a refused record fails the transaction; commit says so, abort mends it', async () => {
      const topic = await createTopic(options, 1, { 'max.message.bytes': '10000' })
      await using producer = await open()
      await producer.begin()
      const large = { topic, key: null, value: Buffer.alloc(20_000) }
      void producer.send([{ topic, key: null, value: 'small' }])
      void producer.send([large]) // Not awaited: commit tells.
      await assert.rejects(producer.commit(), { code: 'MR_KAFKA_TRANSACTION_FAILED' })
      await assert.rejects(producer.send([large]), { code: 'MR_KAFKA_TRANSACTION_FAILED' })
      await producer.abort()
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'kept' }])
      await producer.commit()
      assert.deepEqual(await committed(topic), ['kept'])
    })

    test('a transaction goes on without records that are refused and left out', async () => {
      const topic = await createTopic(options, 1, { 'max.message.bytes': '10000' })
      await using producer = await open()
      for (const round of ['a', 'b']) {
        await producer.begin()
        const large = Buffer.alloc(20_000)
        await producer.sendColumns({
          topic,
          values: [`${round}1`, large, `${round}2`, large],
          onRefused: () => true,
        })
        await producer.sendColumns({ topic, values: [`${round}3`] })
        await producer.commit()
      }
      assert.deepEqual(await committed(topic), ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'])
    })

    test('calls out of order are refused and change nothing', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await open()
      const record = { topic, key: null, value: 'x' }
      const outOfOrder = { code: 'MR_KAFKA_WRONG_STATE' }
      await assert.rejects(producer.send([record]), outOfOrder)
      await assert.rejects(producer.commit(), outOfOrder)
      await producer.begin()
      await assert.rejects(producer.begin(), outOfOrder)
      await producer.send([record])
      await Promise.allSettled([producer.commit(), assert.rejects(producer.commit(), outOfOrder)])
      assert.deepEqual(await committed(topic), ['x'])
      await producer.close()
      await assert.rejects(producer.begin(), { code: 'MR_KAFKA_CLOSED' })
    })

    const proxied = (
      proxy: FaultProxy,
      more: Partial<TransactionalProducerOptions> = {},
    ): Promise<TransactionalProducer> =>
      createTransactionalProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
        transactionalId: uniqueName('txn'),
        ...more,
      })

    test('answers lost to Produce and to EndTxn: every transaction is there once', async () => {
      const topic = await createTopic(options, 2)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await proxied(proxy)
      for (let number = 0; number < 6; number++) {
        await producer.begin()
        if (number % 3 === 1) proxy.cutAnswersTo(produceKey, 1)
        await producer.send(
          [0, 1].map((partition) => ({ topic, partition, key: null, value: `${number}` })),
        )
        if (number % 3 === 2) proxy.cutAnswersTo(endTxnKey, 1)
        await producer.commit()
      }
      assert.deepEqual(
        await committed(topic),
        [0, 1, 2, 3, 4, 5].flatMap((number) => [`${number}`, `${number}`]),
      )
    })

    test('a commit that nobody answers is told as unknown, and settles when it is called again', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await proxied(proxy, {
        requestTimeoutMs: 6_000,
      })
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'x' }])
      proxy.cutAnswersTo(endTxnKey, 1_000)
      await assert.rejects(producer.commit(), { code: 'MR_KAFKA_COMMIT_UNKNOWN', retryable: true })
      await assert.rejects(producer.abort(), { code: 'MR_KAFKA_WRONG_STATE' })
      proxy.cutAnswersTo(endTxnKey, 0)
      await producer.commit()
      assert.deepEqual(await committed(topic), ['x'])
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'y' }])
      await producer.commit()
      assert.deepEqual(await committed(topic), ['x', 'y'])
    })

    test('a transaction longer than its time-out is aborted by the brokers and the producer told', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await endedByBrokers(topic)
      const error: unknown = await producer.commit().catch((reason: unknown) => reason)
      assert.ok(error instanceof KafkaError)
      // Version 1 of transactions cannot tell a time-out from a rival; version 2 can.
      if (error.code === 'MR_KAFKA_PRODUCER_FENCED') return
      assert.equal(error.code, 'MR_KAFKA_TRANSACTION_FAILED')
      await producer.abort()
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'again' }])
      await producer.commit()
      assert.deepEqual(await committed(topic), ['after', 'again'])
    })

    test('a record for a transaction that the brokers have ended is not refused for good: it fails with the transaction', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await endedByBrokers(topic)
      const error: unknown = await producer
        .send([{ topic, key: null, value: 'too late' }])
        .catch((reason: unknown) => reason)
      assert.ok(error instanceof KafkaError)
      assert.equal(error.code, 'MR_KAFKA_TRANSACTION_FAILED', String(error.cause))
      await assert.rejects(producer.commit(), { code: 'MR_KAFKA_TRANSACTION_FAILED' })
    })

    test('records given up unanswered fail the transaction; nothing of it is seen and the next one is whole', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await proxied(proxy, {
        deliveryTimeoutMs: 6_000,
      })
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'first' }])
      proxy.cutAnswersTo(produceKey, 1_000)
      await assert.rejects(producer.send([{ topic, key: null, value: 'unknown' }]))
      proxy.cutAnswersTo(produceKey, 0)
      await assert.rejects(producer.commit(), { code: 'MR_KAFKA_TRANSACTION_FAILED' })
      await producer.abort()
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'kept' }])
      await producer.commit()
      assert.deepEqual(await committed(topic), ['kept'])
    })
  })

describe('version 1 of transactions on Apache Kafka', { skip: !isApacheWanted }, () => {
  test('a cluster without version 2: commits, aborts, offsets, and an abort after records of unknown fate', async () => {
    const kafka = await startApacheKafka({
      formatArguments: ['--feature', 'transaction.version=1'],
    })
    assert.ok(kafka)
    try {
      const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'transactions-test' }
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await createTransactionalProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
        transactionalId: uniqueName('txn'),
        deliveryTimeoutMs: 8_000,
      })
      const rows = (value: string): ProducerRecord[] =>
        [0, 1].map((partition) => ({ topic, partition, key: null, value }))
      for (const number of [1, 2, 3]) {
        await producer.begin()
        await producer.send(rows(`kept ${number}`))
        await producer.sendOffsets([{ topic, partition: 0, offset: BigInt(number) }], { groupId })
        await producer.commit()
        await producer.begin()
        await producer.send(rows('aborted'))
        if (number === 2) {
          proxy.cutAnswersTo(produceKey, 1_000)
          await assert.rejects(producer.send(rows('unknown')))
          proxy.cutAnswersTo(produceKey, 0)
        }
        await producer.abort()
      }
      const kept = [1, 2, 3].flatMap((number) => [`kept ${number}`, `kept ${number}`])
      assert.deepEqual(await readCommitted(options, topic), kept)
      await using admin = await createAdmin(options)
      assert.equal((await admin.groupLag(groupId, [topic]))[0]?.committedOffset, 3n)
    } finally {
      await kafka.stop()
    }
  })
})
