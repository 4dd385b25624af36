import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { uniqueName } from '../test/fixtures.ts'
import { createAdmin, createProducer, type Admin, type KafkaOptions } from './index.ts'

for (const backend of await kafkaBackends())
  describe(`admin on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let admin: Admin
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'admin-test' }
      admin = await createAdmin(options)
    })
    after(async () => {
      await admin.close()
      await kafka.stop()
    })

    test('topics are created where missing, by several processes at once, and can be used right away', async () => {
      const topics = [
        { name: uniqueName('a'), partitions: 3 },
        { name: uniqueName('b'), partitions: 1, configs: { 'cleanup.policy': 'compact' } },
      ]
      const admins = await Promise.all([1, 2, 3, 4].map(() => createAdmin(options)))
      await Promise.all(admins.map((each) => each.ensureTopics(topics)))
      await Promise.all(admins.map((each) => each.close()))
      await admin.ensureTopics(topics)
      const names = topics.map(({ name }) => name)
      assert.deepEqual(
        await admin.describeTopics([...names, uniqueName('missing')]),
        new Map(topics.map(({ name, partitions }) => [name, partitions])),
      )
      const listed = await admin.listTopics()
      assert.ok(names.every((name) => listed.includes(name)))
    })

    test('a topic with another partition count is refused and stays as it is', async () => {
      const name = uniqueName('topic')
      await admin.ensureTopics([{ name, partitions: 2 }])
      await assert.rejects(admin.ensureTopics([{ name, partitions: 3 }]), {
        code: 'MR_KAFKA_TOPIC_MISMATCH',
        retryable: false,
        details: { topic: name, partitions: 2, wanted: 3 },
      })
      assert.deepEqual(await admin.describeTopics([name]), new Map([[name, 2]]))
    })

    test('a name or setting that the broker refuses fails at once, and for good', async () => {
      const refused = { code: 'MR_KAFKA_REFUSED', retryable: false }
      await assert.rejects(admin.ensureTopics([{ name: 'no spaces', partitions: 1 }]), refused)
      const configs = { 'cleanup.policy': 'nonsense' }
      await assert.rejects(
        admin.ensureTopics([{ name: uniqueName('topic'), partitions: 1, configs }]),
        refused,
      )
    })

    test('a deleted topic is gone; deleting it again is no fault', async () => {
      const name = uniqueName('topic')
      await admin.ensureTopics([{ name, partitions: 1 }])
      await admin.deleteTopics([name])
      assert.deepEqual(await admin.describeTopics([name]), new Map())
      await admin.deleteTopics([name])
    })

    test('end offsets and the lag of a group that has committed nothing', async () => {
      const topic = uniqueName('topic')
      await admin.ensureTopics([{ name: topic, partitions: 2 }])
      await using producer = await createProducer(options)
      await producer.send([1, 2, 3].map(() => ({ topic, partition: 1, key: null, value: 'x' })))
      const ends = (await admin.endOffsets(topic)).toSorted((a, b) => a.partition - b.partition)
      assert.deepEqual(ends, [
        { topic, partition: 0, offset: 0n },
        { topic, partition: 1, offset: 3n },
      ])
      const lag = await admin.groupLag(uniqueName('group'), [topic])
      assert.deepEqual(
        lag.toSorted((a, b) => a.partition - b.partition),
        [
          { topic, partition: 0, committedOffset: null, endOffset: 0n, lagRecords: 0 },
          { topic, partition: 1, committedOffset: null, endOffset: 3n, lagRecords: 3 },
        ],
      )
    })

    test('a broker that comes back within requestTimeoutMs is waited for', async () => {
      const name = uniqueName('topic')
      await kafka.kill()
      await using patient = await createAdmin({ ...options, requestTimeoutMs: 120_000 })
      const ensured = patient.ensureTopics([{ name, partitions: 1 }])
      await kafka.restart()
      await ensured
      assert.deepEqual(await patient.describeTopics([name]), new Map([[name, 1]]))
    })
  })

test('admin: with no broker at all a call fails in time and names the addresses', async () => {
  await using admin = await createAdmin({
    brokers: ['127.0.0.1:1', '127.0.0.1:2'],
    clientId: 'admin-test',
    requestTimeoutMs: 2_000,
  })
  await assert.rejects(admin.listTopics(), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'MR_KAFKA_UNREACHABLE')
    return error.message.includes('127.0.0.1:1') && error.message.includes('127.0.0.1:2')
  })
})
