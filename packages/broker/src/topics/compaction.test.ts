import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, SimulatedClock } from '@millrace/core/testing'
import { batchLastOffset, nextBatch } from '@millrace/protocol'
import { checkedBatch, recordsOf, testTimeMs } from '../../test/batches.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { BrokerState } from '../broker-state.ts'
import { limits } from '../limits.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Topic } from './topic.ts'

function open(disk = new MemoryDisk(), clock = new SimulatedClock(testTimeMs)): BrokerState {
  return BrokerState.open({ directory: 'data', disk, clock })
}

async function compactedTopic(
  state: BrokerState,
  name = 't',
  configs: Record<string, string> = {},
): Promise<Topic> {
  return state.topics.create(
    name,
    1,
    new Map([['cleanup.policy', 'compact'], ...Object.entries(configs)]),
  )
}

/** Ten records of one key in a segment of their own. */
function fill(log: PartitionLog, key = 'k'): void {
  for (let n = 0; n < 10; n++) log.append(checkedBatch({ values: [`${n}`], keys: [key] }))
  log.roll()
}

function recordCount(log: PartitionLog): number {
  let count = 0
  for (let offset = log.logStartOffset; offset < log.highWatermark;) {
    const part = log.read(offset, 1_000_000, true)!
    count += recordsOf(part).length
    for (let at = 0, next; (next = nextBatch(part, at)) !== -1; at = next)
      offset = batchLastOffset(part, at) + 1
  }
  return count
}

test('compaction: runs by itself once min.cleanable.dirty.ratio is reached, and not before', async () => {
  const clock = new SimulatedClock(testTimeMs)
  const state = open(new MemoryDisk(), clock)
  const [log] = (await compactedTopic(state)).partitions
  const [lazy] = (await compactedTopic(state, 'lazy', { 'min.cleanable.dirty.ratio': '1' }))
    .partitions
  const [plain] = (await state.topics.create('plain', 1, new Map())).partitions
  fill(log!)
  fill(lazy!)
  fill(plain!)
  await clock.advance(limits.cleanerIntervalMs)
  await eventually('the dirty log is compacted', () => recordCount(log!) === 1)
  await eventually(
    'and the other, which was dirty through and through',
    () => recordCount(lazy!) === 1,
  )
  for (let n = 0; n < 200; n++) lazy!.append(checkedBatch({ values: [`${n}`], keys: [`${n}`] }))
  lazy!.roll()
  await state.topics.compactNow()
  fill(lazy!)
  fill(log!)
  await clock.advance(limits.cleanerIntervalMs)
  await eventually('the dirty log is compacted again', () => recordCount(log!) === 1)
  assert.equal(recordCount(lazy!), 201 + 10)
  assert.equal(recordCount(plain!), 10)
  await state.close()
})

test('compaction: a topic that becomes compacted is, and one that ceases to be is not any more', async () => {
  const state = open()
  const topic = await state.topics.create('t', 1, new Map())
  const log = topic.partitions[0]!
  fill(log)
  assert.equal((await state.topics.compactNow()).partitionCount, 0)
  await state.topics.alterConfigs(topic, new Map([['cleanup.policy', 'compact']]))
  const result = await state.topics.compactNow()
  assert.equal(result.partitionCount, 1)
  assert.ok(result.bytesAfter < result.bytesBefore / 5)
  assert.equal(recordCount(log), 1)
  await state.topics.alterConfigs(topic, new Map())
  fill(log)
  assert.equal((await state.topics.compactNow()).partitionCount, 0)
  assert.equal(recordCount(log), 11)
  await state.close()
})

test('compaction: on demand it goes on until all is compacted, and what the clock says of the lag holds', async () => {
  const clock = new SimulatedClock(testTimeMs)
  const state = open(new MemoryDisk(), clock)
  const topic = await compactedTopic(state, 't', { 'min.compaction.lag.ms': '60000' })
  fill(topic.partitions[0]!)
  await state.topics.compactNow()
  assert.equal(recordCount(topic.partitions[0]!), 10)
  await clock.advance(60_001)
  await state.topics.compactNow()
  assert.equal(recordCount(topic.partitions[0]!), 1)
  await state.close()
})

test('compaction: closing the broker ends it between two slices; what it had begun is gone after the start', async () => {
  const disk = new MemoryDisk()
  const state = open(disk)
  const topic = await compactedTopic(state)
  const value = 'x'.repeat(10_000)
  for (let n = 0; n < 200; n++)
    topic.partitions[0]!.append(checkedBatch({ values: [value], keys: [`${n % 100}`] }))
  const compacting = state.topics.compactNow()
  await new Promise((resolve) => setImmediate(resolve))
  await state.close()
  await compacting
  const again = open(disk)
  const log = again.topics.byName('t')!.partitions[0]!
  assert.deepEqual(
    disk.list(log.directory).filter((name) => /cleaned|swap/.test(name)),
    [],
  )
  assert.equal(recordCount(log), 200)
  await again.topics.compactNow()
  assert.equal(recordCount(log), 100)
  await again.close()
})

test('compaction: a log that is damaged on disk is left as it is, and the others are compacted', async () => {
  const disk = new MemoryDisk()
  const state = open(disk)
  const damaged = (await compactedTopic(state, 'damaged')).partitions[0]!
  const whole = (await compactedTopic(state, 'whole')).partitions[0]!
  fill(damaged)
  fill(whole)
  const path = `${damaged.directory}/00000000000000000000.log`
  disk.tamper(path, (bytes) => {
    bytes.writeInt32BE(0x7fff_0000, 8)
    return bytes
  })
  const before = disk.readFile(path)
  assert.equal((await state.topics.compactNow()).partitionCount, 1)
  assert.equal(recordCount(whole), 1)
  assert.deepEqual(disk.readFile(path), before)
  await state.close()
})

test('compaction: a batch with a flipped bit stays as it is, and nothing is concluded from its keys', async () => {
  const disk = new MemoryDisk()
  const state = open(disk)
  const log = (await compactedTopic(state)).partitions[0]!
  for (const value of ['old', 'flipped', 'new'])
    log.append(checkedBatch({ values: [value], keys: [value === 'new' ? 'other' : 'k'] }))
  const path = `${log.directory}/00000000000000000000.log`
  const whole = disk.readFile(path)!
  const at = whole.indexOf('flipped')
  disk.tamper(path, (bytes) => {
    bytes[at]! ^= 1
    return bytes
  })
  const before = disk.readFile(path)!
  await state.topics.compactNow()
  assert.deepEqual(disk.readFile(path), before)
  await state.close()
})
