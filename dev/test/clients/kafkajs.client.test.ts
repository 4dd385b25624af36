import assert from 'node:assert/strict'
import kafkajs, { type Consumer, type Kafka } from 'kafkajs'
import { clientSuite, installedPackage, type ClientTest } from './client-suite.ts'
import { patiently } from './tool-process.ts'

/** kafkajs 2.2.4: low versions of every request, and habits of its own. */

function connect(on: ClientTest): Kafka {
  return new kafkajs.Kafka({
    brokers: [on.address],
    clientId: 'kafkajs',
    logLevel: kafkajs.logLevel.NOTHING,
  })
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n))

/** Reads until it has seen `count` records, or until `isEnough`. */
async function reader(
  on: ClientTest,
  groupId: string,
  topic: string,
  into: string[],
  options: { readonly readUncommitted?: boolean } = {},
): Promise<Consumer> {
  const consumer = connect(on).consumer({
    groupId,
    sessionTimeout: 10_000,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 200,
    ...options,
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 100,
    eachMessage: async ({ message }) => {
      into.push(String(message.value))
    },
  })
  return consumer
}

await clientSuite(installedPackage('kafkajs'), (suite) => {
  suite.test('admin: topics, partitions, settings, offsets, groups, records', async (on) => {
    const admin = connect(on).admin()
    await admin.connect()
    const topic = on.unique('t')
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), true)
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), false)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await patiently('three partitions', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]?.partitions.length === 3
    })
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resources[0]!, configEntries: [{ name: 'retention.ms', value: '777000' }] }],
    })
    await patiently('the setting is told', async () => {
      const answer = await admin.describeConfigs({ resources, includeSynonyms: false })
      const entries = answer.resources[0]!.configEntries
      return (
        entries.find(({ configName }) => configName === 'retention.ms')?.configValue === '777000'
      )
    })
    const producer = connect(on).producer()
    await producer.connect()
    const messages = numbered(0, 30).map((value, n) => ({ value, partition: n % 3 }))
    await producer.send({ topic, messages })
    await producer.disconnect()
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '4' }] })
    const offsets = await admin.fetchTopicOffsets(topic)
    assert.deepEqual(
      offsets.toSorted((a, b) => a.partition - b.partition).map(({ low, high }) => [low, high]),
      [
        ['0', '10'],
        ['4', '10'],
        ['0', '10'],
      ],
    )
    const groupId = on.unique('g')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] })
    const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] })
    assert.equal(fetched?.partitions.find(({ partition }) => partition === 0)?.offset, '7')
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
    await admin.deleteGroups([groupId])
    await admin.deleteTopics({ topics: [topic] })
    await patiently('it is gone', async () => !(await admin.listTopics()).includes(topic))
    assert.equal((await admin.describeCluster()).brokers.length, 1)
    await admin.disconnect()
  })

  suite.test(
    'an idempotent producer, gzip, and a group of two that shares and goes on',
    async (on) => {
      const topic = await on.topic(4)
      const groupId = on.unique('g')
      const read: [string[], string[]] = [[], []]
      const first = await reader(on, groupId, topic, read[0])
      const second = await reader(on, groupId, topic, read[1])
      const admin = connect(on).admin()
      await admin.connect()
      await patiently('two stable members', async () => {
        const { groups } = await admin.describeGroups([groupId])
        return groups[0]?.state === 'Stable' && groups[0].members.length === 2
      })
      const producer = connect(on).producer({ idempotent: true })
      await producer.connect()
      const send = (values: readonly string[]) =>
        producer.send({
          topic,
          compression: 1,
          messages: values.map((value) => ({ value, partition: Number(value) % 4 })),
        })
      for (let n = 0; n < 400; n += 50) await send(numbered(n, n + 50))
      await patiently('all are read', () => read.flat().length >= 400)
      assert.ok(read[0].length > 0 && read[1].length > 0)
      await second.disconnect()
      await send(numbered(400, 500))
      await patiently('the first reads all again', () => read.flat().length >= 500)
      await first.disconnect()
      await producer.disconnect()
      await admin.disconnect()
      assert.deepEqual(
        read.flat().toSorted((a, b) => Number(a) - Number(b)),
        numbered(0, 500),
        'each once: what was read was committed before it was given up',
      )
    },
  )

  suite.test('transactions: commit with offsets, abort, read committed', async (on) => {
    const [input, output] = [await on.topic(1), await on.topic(1)]
    const groupId = on.unique('g')
    const producer = connect(on).producer({
      transactionalId: on.unique('x'),
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    for (const [value, isCommitted] of [
      ['one', true],
      ['two', false],
      ['three', false],
      ['four', true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: output, messages: [{ value }] })
      const partitions = [{ partition: 0, offset: String(value.length) }]
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic: input, partitions }],
      })
      await (isCommitted ? transaction.commit() : transaction.abort())
    }
    const admin = connect(on).admin()
    await admin.connect()
    const committed = await admin.fetchOffsets({ groupId, topics: [input] })
    assert.equal(committed[0]?.partitions[0]?.offset, '4')
    const read: string[] = []
    const consumer = await reader(on, on.unique('g'), output, read)
    await patiently('both are read', () => read.length >= 2)
    assert.deepEqual(read, ['one', 'four'])
    await consumer.disconnect()
    await admin.disconnect()
    await producer.disconnect()
  })
})
