/**
 * Why @platformatic/kafka 2.12.1 is not what this package is built on: each fault of its producer and consumer is shown on theirs, and the same on ours. The part
 * that shows theirs failing stays, so that an upgrade which mends it is noticed here.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import {
  Consumer as TheirConsumer,
  FetchIsolationLevels,
  ProduceAcks,
  Producer as TheirProducer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startBitFlipProxy, type RunningKafka } from '@millrace/testkit'
import { createTopic, textOf, uniqueName } from '../test/fixtures.ts'
import { readCommitted } from '../test/read-committed.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  partitionForKey,
  type KafkaOptions,
} from './index.ts'

for (const backend of await kafkaBackends())
  describe(`faults of the underlying client on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'underlying-test' }
    })
    after(() => kafka.stop())

    const theirs = () => ({ clientId: 'theirs', bootstrapBrokers: [...kafka.brokers] })
    const theirProducer = (transactionalId?: string) =>
      new TheirProducer({
        ...theirs(),
        serializers: stringSerializers,
        idempotent: true,
        acks: ProduceAcks.ALL,
        ...(transactionalId !== undefined && { transactionalId }),
      })

    test('read_committed: theirs hands out aborted records when one producer aborts several times', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('txn'),
      })
      for (const value of ['abort 1', 'commit 1', 'abort 2', 'abort 3', 'commit 2']) {
        await producer.begin()
        await producer.send([{ topic, key: null, value }])
        if (value.startsWith('commit')) await producer.commit()
        else await producer.abort()
      }
      assert.deepEqual(await readCommitted(options, topic), ['commit 1', 'commit 2'])
      const consumer = new TheirConsumer({
        ...theirs(),
        groupId: uniqueName('theirs'),
        deserializers: stringDeserializers,
        isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      })
      const seen: string[] = []
      try {
        const stream = await consumer.consume({
          topics: [topic],
          mode: 'earliest',
          autocommit: false,
          maxWaitTime: 200,
        })
        stream.on('data', ({ value }) => void seen.push(value))
        await eventually('theirs has read to the end', () => seen.includes('commit 2'))
        await stream.close()
      } finally {
        await consumer.close(true)
      }
      assert.ok(
        seen.some((value) => value.startsWith('abort')),
        `theirs is mended: it gave ${seen.join(', ')}`,
      )
    })

    test('checksum: theirs hands out a record of which a bit was flipped on the way; ours asks for it again', async () => {
      const topic = await createTopic(options, 1)
      const value = 'a balance of 1000'
      await using producer = await createProducer(options)
      await producer.send([{ topic, key: null, value }])
      await using forOurs = await startBitFlipProxy(kafka.port, value)
      await using consumer = await createConsumer({
        ...options,
        brokers: [forOurs.address],
        groupId: uniqueName('ours'),
        topics: [topic],
      })
      for await (const { records } of consumer) {
        assert.deepEqual(records.map(textOf), [value])
        break
      }
      assert.equal(forOurs.flippedBits, 1, 'it was damaged the first time')

      await using forTheirs = await startBitFlipProxy(kafka.port, value)
      const their = new TheirConsumer({
        ...theirs(),
        bootstrapBrokers: [forTheirs.address],
        groupId: uniqueName('theirs'),
        deserializers: stringDeserializers,
      })
      const seen: string[] = []
      try {
        const stream = await their.consume({ topics: [topic], mode: 'earliest', autocommit: false })
        stream.on('data', (message) => void seen.push(message.value))
        await eventually('theirs has read it', () => seen.length > 0)
        await stream.close()
      } finally {
        await their.close(true)
      }
      assert.equal(forTheirs.flippedBits, 1)
      assert.notEqual(seen[0], value, 'theirs is mended: it noticed')
    })

    test('partitions: their default puts keys elsewhere than Java where the count is no power of two', async () => {
      const topic = await createTopic(options, 6)
      const keys = Array.from({ length: 60 }, (_, number) => `key-${number}`)
      const java = keys.map((key) => partitionForKey(key, 6))
      await using ours = await createProducer(options)
      const rows = await ours.send(keys.map((key) => ({ topic, key, value: 'x' })))
      assert.deepEqual(
        rows.map(({ partition }) => partition),
        java,
      )
      await using admin = await createAdmin(options)
      const counts = async (): Promise<readonly number[]> =>
        (await admin.endOffsets(topic)).map(({ offset }) => Number(offset))
      const before = await counts()
      const producer = theirProducer()
      try {
        await producer.send({ messages: keys.map((key) => ({ topic, key, value: 'x' })) })
      } finally {
        await producer.close()
      }
      const theirCounts = (await counts()).map((count, index) => count - (before[index] as number))
      assert.notDeepEqual(theirCounts, before, 'theirs is mended: keys lie as in Java')
    })

    test('restart: theirs is fenced by its own transactional id; its transactions time out after 5 s', async () => {
      const topic = await createTopic(options, 1)
      await using admin = await createAdmin(options)
      const timeoutMs = async (transactionalId: string): Promise<number | undefined> =>
        (await admin.describeTransactions([transactionalId]))[0]?.timeoutMs
      const ourId = uniqueName('ours')
      for (let run = 0; run < 2; run++) {
        await using producer = await createTransactionalProducer({
          ...options,
          transactionalId: ourId,
        })
        await producer.begin()
        await producer.send([{ topic, key: null, value: 'x' }])
        await producer.commit()
      }
      assert.equal(await timeoutMs(ourId), 60_000)
      const theirId = uniqueName('theirs')
      const run = async (): Promise<void> => {
        const producer = theirProducer(theirId)
        try {
          const transaction = await producer.beginTransaction()
          await transaction.send({ messages: [{ topic, key: 'k', value: 'x' }] })
          await transaction.commit()
        } finally {
          await producer.close(true)
        }
      }
      await run()
      assert.equal(await timeoutMs(theirId), 5_000, 'theirs is mended: another time-out')
      await assert.rejects(run(), (error) => /FENCED|EPOCH/.test(inspect(error)))
    })

    test('offsets in an open transaction: theirs reads the old ones, which are about to change', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using producer = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('txn'),
      })
      await producer.begin()
      await producer.sendOffsets([{ topic, partition: 0, offset: 5n }], { groupId })
      await using impatient = await createAdmin({ ...options, requestTimeoutMs: 5_000 })
      await assert.rejects(impatient.groupLag(groupId, [topic]), (error: unknown) => {
        const { details } = error as { details: Record<string, unknown> }
        return details['errorName'] === 'UNSTABLE_OFFSET_COMMIT'
      })
      const consumer = new TheirConsumer({ ...theirs(), groupId })
      try {
        const found = await consumer.listCommittedOffsets({
          topics: [{ topic, partitions: [0] }],
        })
        assert.deepEqual(found.get(topic), [-1n], 'theirs is mended: it waits')
      } finally {
        await consumer.close(true)
      }
      await producer.commit()
      await using patient = await createAdmin(options)
      assert.equal((await patient.groupLag(groupId, [topic]))[0]?.committedOffset, 5n)
    })
  })
