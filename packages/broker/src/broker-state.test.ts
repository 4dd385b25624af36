import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkedBatch, recordsOf } from '../test/batches.ts'
import { MemoryDisk } from '../test/memory-disk.ts'
import { BrokerState } from './broker-state.ts'
import type { FsyncMode } from './log/partition-log.ts'

function open(disk: MemoryDisk, fsync: FsyncMode = 'os'): BrokerState {
  return BrokerState.open({ directory: 'data', disk, fsync })
}

const noConfigs = new Map<string, string>()

for (const fsync of ['group', 'always'] as const) {
  test(`state: a power cut in ${fsync} mode loses no topic, record, offset, producer id or log start that was acknowledged`, async () => {
    const disk = new MemoryDisk()
    const state = open(disk, fsync)
    const topic = await state.topics.create('t', 2, new Map([['retention.ms', '-1']]))
    await state.topics.addPartitions(topic, 3)
    const log = topic.partitions[2]!
    for (const value of ['a', 'b', 'c']) {
      log.append(checkedBatch({ values: [value] }))
      if (fsync === 'group') await state.groupSync.wait(log)
    }
    await state.topics.advanceLogStart(topic, 2, 1)
    await state.groups.commit('g', [['t', 2, 2, 0, 'note']])
    const producerId = state.producerIds.take()
    await state.journal.durable()
    disk.cutPower()

    const again = open(disk, fsync)
    const found = again.topics.byName('t')!
    assert.equal(found.id, topic.id)
    assert.equal(found.partitions.length, 3)
    assert.equal(found.configs.get('retention.ms'), '-1')
    const log2 = found.partitions[2]!
    assert.equal(log2.logStartOffset, 1)
    assert.deepEqual(recordsOf(log2.read(1, 1000, true)!).length > 0, true)
    assert.equal(log2.endOffset, 3)
    assert.equal(again.groups.committed('g', 't', 2)?.offset, 2)
    assert.ok(again.producerIds.take() > producerId)
    assert.equal(again.clusterId, state.clusterId)
    await again.close()
    await state.close().catch(() => {})
  })
}

test('state: a deleted topic leaves no files, and remains of a crash are swept', async () => {
  const disk = new MemoryDisk()
  const state = open(disk)
  const topic = await state.topics.create('t', 1, noConfigs)
  await state.topics.delete(topic)
  assert.deepEqual(disk.list('data/topics'), [])
  disk.open('data/topics/left-behind/0/00000000000000000000.log')
  await state.close()
  const again = open(disk)
  assert.deepEqual(disk.list('data/topics'), [])
  assert.equal(again.topics.partitionCount, 0)
  await again.close()
})

test('state: a clean stop is told from a crash, and the mark is used once', async () => {
  const disk = new MemoryDisk()
  const messages: unknown[] = []
  const logger = {
    debug: () => {},
    info: (_: string, fields?: Readonly<Record<string, unknown>>) =>
      void messages.push(fields?.['wasStoppedCleanly']),
    warn: () => {},
    error: () => {},
    child: () => logger,
  }
  const start = () => BrokerState.open({ directory: 'data', disk, logger })
  await start().close()
  start()
  start()
  assert.deepEqual(messages, [false, true, false])
})

test('state: two names that Kafka would confuse cannot both exist', async () => {
  const state = open(new MemoryDisk())
  await state.topics.create('a.b', 1, noConfigs)
  assert.match(state.topics.faultOfNew('a_b', 1, noConfigs)?.text ?? '', /collides/)
  assert.equal(state.topics.faultOfNew('a-b', 1, noConfigs), undefined)
  assert.match(state.topics.faultOfNew('__consumer_offsets', 1, noConfigs)?.text ?? '', /reserved/)
  await state.close()
})
