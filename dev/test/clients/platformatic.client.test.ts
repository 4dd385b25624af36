import assert from 'node:assert/strict'
import {
  Admin,
  Consumer,
  FetchIsolationLevels,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
  type CompressionAlgorithmValue,
} from '@platformatic/kafka'
import { clientSuite, installedPackage, type ClientTest } from './client-suite.ts'
import { patiently } from './tool-process.ts'

/** @platformatic/kafka as it comes: the highest version of every request, the broker's own ones too. */

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n))

const base = (on: ClientTest) => ({ clientId: 'platformatic', bootstrapBrokers: [on.address] })

async function readAll(
  on: ClientTest,
  topic: string,
  count: number,
  groupId = on.unique('g'),
): Promise<string[]> {
  const consumer = new Consumer({
    ...base(on),
    groupId,
    deserializers: stringDeserializers,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  })
  const values: string[] = []
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: 200,
    })
    stream.on('data', (message) => {
      values.push(message.value)
      void message.commit()
    })
    await patiently(`${count} records are read`, () => values.length >= count)
    await stream.close()
  } finally {
    await consumer.close(true)
  }
  return values
}

await clientSuite(installedPackage('@platformatic/kafka'), (suite) => {
  suite.test('admin: topics, partitions, settings, groups', async (on) => {
    const admin = new Admin(base(on))
    const topic = on.unique('t')
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 })
    await patiently('it is listed', async () => (await admin.listTopics()).includes(topic))
    await admin.createPartitions({ topics: [{ name: topic, count: 3 }] })
    await patiently('three partitions', async () => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true })
      return metadata.topics.get(topic)?.partitionsCount === 3
    })
    const groups = await admin.listGroups({})
    assert.ok(groups instanceof Map)
    await admin.deleteTopics({ topics: [topic] })
    await patiently('it is gone', async () => !(await admin.listTopics()).includes(topic))
    await admin.close()
  })

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as CompressionAlgorithmValue[])
    suite.test(`idempotent, ${compression}: records of a key stay in order`, async (on) => {
      const topic = await on.topic(3)
      const producer = new Producer({
        ...base(on),
        serializers: stringSerializers,
        idempotent: true,
      })
      for (let n = 0; n < 60; n += 20) {
        const messages = numbered(n, n + 20).map((value) => ({ topic, key: 'same', value }))
        await producer.send({ messages, compression, acks: ProduceAcks.ALL })
      }
      await producer.close()
      const groupId = on.unique('g')
      assert.deepEqual(await readAll(on, topic, 60, groupId), numbered(0, 60))
    })

  suite.test(
    'transactions: AddPartitionsToTxn in its batched form; commit and abort',
    async (on) => {
      const topic = await on.topic(1)
      const producer = new Producer({
        ...base(on),
        serializers: stringSerializers,
        idempotent: true,
        transactionalId: on.unique('x'),
        producerId: -1n,
        producerEpoch: -1,
        timeout: 30_000,
      })
      for (const [value, isCommitted] of [
        ['one', true],
        ['two', false],
        ['three', true],
      ] as const) {
        const transaction = await producer.beginTransaction()
        await transaction.send({ messages: [{ topic, key: value, value }] })
        await (isCommitted ? transaction.commit() : transaction.abort())
      }
      await producer.close()
      assert.deepEqual(await readAll(on, topic, 2), ['one', 'three'])
    },
  )
})
