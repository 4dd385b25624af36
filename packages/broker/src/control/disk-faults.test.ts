import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import {
  createTopicsApi,
  errorCodes,
  fetchApi,
  initProducerIdApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  produceApi,
} from '@millrace/protocol'
import { recordBatch, recordsOf } from '../../test/batches.ts'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import type { WireClient } from '../../test/wire-client.ts'
import type { FsyncMode } from '../log/partition-log.ts'

const topics = [{ name: 't', partitions: 2 }]
const { COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, KAFKA_STORAGE_ERROR, NONE } =
  errorCodes

/** @returns error code and base offset */
async function produce(client: WireClient, value: string, partition = 0) {
  const records = recordBatch({ values: [value], timestampsMs: [systemClock.now()] })
  const { responses } = await client.call(produceApi, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: partition, records }] }],
  })
  const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
  return { errorCode, baseOffset }
}

async function valuesOf(client: WireClient, partition = 0): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const { responses } = await client.call(fetchApi, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [
        {
          topic: 't',
          partitions: [
            { partition, fetchOffset: BigInt(values.length), partitionMaxBytes: 1_000_000 },
          ],
        },
      ],
    })
    const found = recordsOf(responses[0]!.partitions[0]!.records ?? Buffer.alloc(0))
    if (found.length === 0) return values
    values.push(...found.map(([, value]) => value))
  }
}

function createTopic(client: WireClient, name: string) {
  return client.call(createTopicsApi, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  })
}

async function commit(client: WireClient, offset: bigint): Promise<number> {
  const { topics: answers } = await client.call(offsetCommitApi, 8, {
    groupId: 'g',
    memberId: '',
    topics: [
      {
        name: 't',
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }],
      },
    ],
  })
  return answers[0]!.partitions[0]!.errorCode
}

async function committed(client: WireClient): Promise<bigint> {
  const { groups } = await client.call(offsetFetchApi, 8, {
    groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }],
    requireStable: false,
  })
  return groups[0]!.topics[0]!.partitions[0]!.committedOffset
}

/** Crashes the broker, with a power cut, and starts it again. */
async function cutPower({ broker }: TestBroker): Promise<void> {
  await broker.crash({ loseUnsynced: true })
  await broker.restart()
}

for (const fsync of ['os', 'group', 'always'] as const satisfies readonly FsyncMode[])
  test(`disk full, fsync ${fsync}: everything that needs room is refused, the rest goes on, and with room all goes on`, async () => {
    await using broker = await testBroker({ topics, fsync })
    await using client = await broker.connect()
    assert.deepEqual(await produce(client, 'before'), { errorCode: NONE, baseOffset: 0n })
    assert.equal(await commit(client, 1n), NONE)
    // Room for a part of a batch, which is left behind torn.
    const fault = await broker.broker.faults.add({ action: { type: 'diskFull', freeBytes: 40 } })
    assert.equal((await produce(client, 'refused')).errorCode, KAFKA_STORAGE_ERROR)
    assert.equal((await produce(client, 'refused', 1)).errorCode, KAFKA_STORAGE_ERROR)
    assert.equal(await commit(client, 2n), COORDINATOR_NOT_AVAILABLE)
    const created = await createTopic(client, 'new')
    assert.equal(created.topics[0]!.errorCode, KAFKA_STORAGE_ERROR)
    for (const [transactionalId, code] of [
      ['tx', COORDINATOR_NOT_AVAILABLE],
      [null, COORDINATOR_LOAD_IN_PROGRESS],
    ] as const) {
      const request = { transactionalId, transactionTimeoutMs: 1000 }
      assert.equal((await client.call(initProducerIdApi, 4, request)).errorCode, code)
    }
    assert.deepEqual(await valuesOf(client), ['before'], 'reading goes on')
    assert.equal(await committed(client), 1n)
    assert.ok((await fault.remove()).hits >= 6)
    assert.deepEqual(await produce(client, 'after'), { errorCode: NONE, baseOffset: 1n })
    assert.equal(await commit(client, 2n), NONE)
    assert.equal((await createTopic(client, 'new')).topics[0]!.errorCode, NONE)
    await broker.broker.crash()
    await broker.broker.restart()
    await using again = await broker.connect()
    assert.deepEqual(await valuesOf(again), ['before', 'after'])
    assert.deepEqual(await valuesOf(again, 1), [])
    assert.equal(await committed(again), 2n)
  })

for (const fsync of ['group', 'always'] as const)
  test(`a sync fails, fsync ${fsync}: nothing of it is acknowledged or read, and after a restart nothing acknowledged is lost by a power cut`, async () => {
    await using broker = await testBroker({ topics, fsync })
    await using client = await broker.connect()
    assert.equal((await produce(client, 'a')).errorCode, NONE)
    const fault = await broker.broker.faults.add({ action: { type: 'syncFails' }, count: 1 })
    assert.equal((await produce(client, 'lost')).errorCode, KAFKA_STORAGE_ERROR)
    await fault.waitForHits(1)
    // What is on the device nobody knows: the log stops, others do not.
    assert.equal((await produce(client, 'b')).errorCode, KAFKA_STORAGE_ERROR)
    assert.equal((await produce(client, 'other', 1)).errorCode, NONE)
    assert.deepEqual(await valuesOf(client), ['a'])
    await broker.broker.crash()
    await broker.broker.restart()
    await using second = await broker.connect()
    assert.deepEqual(await produce(second, 'c'), { errorCode: NONE, baseOffset: 1n })
    // The kernel took the lost pages for written; nothing acknowledged may stand behind them.
    await cutPower(broker)
    await using third = await broker.connect()
    assert.deepEqual(await valuesOf(third), ['a', 'c'])
    assert.deepEqual(await valuesOf(third, 1), ['other'])
  })

for (const fsync of ['group', 'always'] as const)
  test(`the journal's sync fails, fsync ${fsync}: no change is acknowledged until a restart, and none of those is lost after it`, async () => {
    await using broker = await testBroker({ topics, fsync })
    await using client = await broker.connect()
    assert.equal(await commit(client, 1n), NONE)
    await broker.broker.faults.add({ action: { type: 'syncFails' }, count: 1 })
    assert.equal(await commit(client, 2n), COORDINATOR_NOT_AVAILABLE)
    assert.equal(await commit(client, 3n), COORDINATOR_NOT_AVAILABLE)
    assert.equal((await produce(client, 'a')).errorCode, NONE, 'logs are not the journal')
    await broker.broker.crash()
    await broker.broker.restart()
    await using second = await broker.connect()
    assert.equal(await committed(second), 1n)
    assert.equal(await commit(second, 4n), NONE)
    await cutPower(broker)
    await using third = await broker.connect()
    assert.equal(await committed(third), 4n)
    assert.deepEqual(await valuesOf(third), ['a'])
  })

test('disk faults: counted by writes and syncs, seedable, of no request, and refused with a match', async () => {
  await using broker = await testBroker({ topics, fsync: 'os' })
  await using client = await broker.connect()
  const { faults } = broker.broker
  const every = await faults.add({ action: { type: 'diskFull' }, skip: 1, count: 1 })
  assert.equal((await produce(client, 'a')).errorCode, NONE)
  assert.equal((await produce(client, 'b')).errorCode, KAFKA_STORAGE_ERROR)
  assert.equal((await produce(client, 'c')).errorCode, NONE)
  const { matched, hits, isActive } = await every.status()
  assert.deepEqual([matched, hits, isActive], [2, 1, false])
  for (const type of ['diskFull', 'syncFails'] as const)
    await assert.rejects(faults.add({ match: {}, action: { type } }), {
      code: 'MR_BROKER_BAD_FAULT',
      message: /takes no match/,
    })
  assert.equal((await client.call(metadataApi, 12, { topics: null })).topics.length, 1)
  const latest = await client.call(listOffsetsApi, 5, {
    replicaId: -1,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
  })
  assert.equal(latest.topics[0]!.partitions[0]!.offset, 2n)
})
