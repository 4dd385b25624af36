import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  type KafkaOptions,
} from './index.ts'

const refused = { code: 'MR_KAFKA_REFUSED' }

for (const backend of await kafkaBackends())
  describe(`cluster admin on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'cluster-admin-test' }
    })
    after(() => kafka.stop())

    test('the cluster tells its id, brokers and controller', async () => {
      await using admin = await createAdmin(options)
      const { clusterId, controllerId, brokers } = await admin.describeCluster()
      assert.ok(clusterId.length > 0)
      assert.deepEqual(
        brokers.map(({ port }) => port),
        [kafka.port],
      )
      assert.equal(controllerId, brokers[0]?.nodeId)
    })

    test('settings of a topic are changed one by one and go back to their defaults', async () => {
      const topic = await createTopic(options, 1, { 'retention.ms': '3600000' })
      await using admin = await createAdmin(options)
      const resource = { type: 'topic', name: topic } as const
      const entry = async (name: string) =>
        (await admin.describeConfigs(resource)).find((row) => row.name === name)
      await admin.alterConfigs(resource, [{ name: 'cleanup.policy', value: 'compact' }])
      await eventually('the change is in force', async () => {
        const policy = await entry('cleanup.policy')
        return policy?.value === 'compact' && !policy.isDefault
      })
      assert.equal((await entry('retention.ms'))?.value, '3600000')
      await admin.alterConfigs(resource, [{ name: 'cleanup.policy', value: null }])
      await eventually('the default is in force', async () => {
        const policy = await entry('cleanup.policy')
        return policy?.value === 'delete' && policy.isDefault
      })
      await assert.rejects(
        admin.alterConfigs(resource, [{ name: 'retention.ms', value: 'x' }]),
        refused,
      )
    })

    test('partitions are added, never taken away', async () => {
      const topic = await createTopic(options, 1)
      await using admin = await createAdmin(options)
      await admin.createPartitions(topic, 3)
      assert.equal((await admin.describeTopics([topic])).get(topic), 3)
      await assert.rejects(admin.createPartitions(topic, 2), refused)
    })

    test('records are deleted up to an offset, or all; offsets are found by time', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await createProducer(options)
      await producer.send(
        [10, 20, 30, 40].map((timestampMs) => ({ topic, key: null, value: 'x', timestampMs })),
      )
      await using admin = await createAdmin(options)
      const partition = { topic, partition: 0 }
      assert.deepEqual(await admin.deleteRecords([{ ...partition, offset: 1n }]), [
        { ...partition, offset: 1n },
      ])
      assert.deepEqual(await admin.listOffsets([partition], 'earliest'), [
        { ...partition, offset: 1n },
      ])
      const since = async (timestampMs: number) =>
        (await admin.offsetsAtTimes([{ ...partition, timestampMs }]))[0]?.offset
      assert.deepEqual([await since(25), await since(41)], [2n, null])
      await admin.deleteRecords([{ ...partition, offset: -1n }])
      assert.equal((await admin.listOffsets([partition], 'earliest'))[0]?.offset, 4n)
    })

    test('a group is listed and described with its members; its offsets are set once they are gone, then it is deleted', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await using admin = await createAdmin(options)
      const consumer = await createConsumer({ ...options, groupId, topics: [topic] })
      const reading = (async () => {
        for await (const batch of consumer) assert.fail(`nothing is there to read: ${batch.topic}`)
      })()
      const [group] = await eventually('the group is stable', async () => {
        const groups = await admin.describeGroups([groupId])
        return groups[0]?.state === 'Stable' && groups
      })
      assert.equal(group?.protocolType, 'consumer')
      assert.deepEqual(
        group?.members.map(({ clientId, assignment }) => ({ clientId, assignment })),
        [
          {
            clientId: 'cluster-admin-test',
            assignment: [
              { topic, partition: 0 },
              { topic, partition: 1 },
            ],
          },
        ],
      )
      assert.ok((await admin.listGroups()).some((row) => row.groupId === groupId))
      const offsets = [{ topic, partition: 1, offset: 7n }]
      await assert.rejects(admin.alterGroupOffsets(groupId, offsets), refused)
      await assert.rejects(admin.deleteGroups([groupId]), refused)
      await consumer.close()
      await reading
      await eventually('the group is empty', async () => {
        const [row] = await admin.describeGroups([groupId])
        return row?.state === 'Empty'
      })
      await admin.alterGroupOffsets(groupId, offsets)
      assert.deepEqual(
        (await admin.groupOffsets(groupId)).map(({ partition, offset }) => ({ partition, offset })),
        [{ partition: 1, offset: 7n }],
      )
      await admin.deleteGroupOffsets(groupId, [{ topic, partition: 1 }])
      assert.deepEqual(await admin.groupOffsets(groupId), [])
      await admin.alterGroupOffsets(groupId, offsets)
      await admin.deleteGroups([groupId])
      assert.equal((await admin.describeGroups([groupId]))[0]?.state, 'Dead')
    })

    test('open transactions are listed and described, and hold the end for committed readers', async () => {
      const topic = await createTopic(options, 1)
      const transactionalId = uniqueName('txn')
      await using admin = await createAdmin(options)
      await using producer = await createTransactionalProducer({
        ...options,
        transactionalId,
        transactionTimeoutMs: 50_000,
      })
      await producer.begin()
      await producer.send([{ topic, key: null, value: 'x' }])
      const listed = (await admin.listTransactions()).find(
        (row) => row.transactionalId === transactionalId,
      )
      assert.equal(listed?.state, 'Ongoing')
      const [described] = await admin.describeTransactions([transactionalId])
      assert.deepEqual(described?.partitions, [{ topic, partition: 0 }])
      assert.equal(described?.timeoutMs, 50_000)
      assert.ok((described?.startedAtMs ?? 0) > 0)
      const end = async (isolation: 'read_committed' | 'read_uncommitted') =>
        (await admin.listOffsets([{ topic, partition: 0 }], 'latest', isolation))[0]?.offset
      assert.deepEqual([await end('read_committed'), await end('read_uncommitted')], [0n, 1n])
      await producer.commit()
      await eventually('the end moves on', async () => (await end('read_committed')) === 2n)
      assert.deepEqual(await admin.describeTransactions([uniqueName('nobody')]), [])
    })
  })
