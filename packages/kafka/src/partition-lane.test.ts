import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KafkaError } from './errors.ts'
import { nextSequence, PartitionLane, type QueuedRecord } from './partition-lane.ts'
import { SendCall } from './send-call.ts'

const record = (call: SendCall, index: number, sizeBytes = 100): QueuedRecord => ({
  call,
  index,
  key: null,
  value: String(index),
  headers: [],
  timestampMs: 0,
  sizeBytes,
})
const indexes = (records: readonly QueuedRecord[]): number[] => records.map(({ index }) => index)
const none = (): void => assert.fail('nothing is to be dropped')

test('sequences go on at 0 after the largest int32', () => {
  assert.equal(nextSequence(0, 5), 5)
  assert.equal(nextSequence(0x7fff_fffe, 1), 0x7fff_ffff)
  assert.equal(nextSequence(0x7fff_fffe, 5), 3)
})

test('lane: takes what fits, at least one record, in order', () => {
  const lane = new PartitionLane('t', 0)
  const call = new SendCall(4, 0)
  ;[100, 100, 5_000, 100].forEach((size, index) => lane.push(record(call, index, size)))
  assert.deepEqual(indexes(lane.take(300, none)), [0, 1])
  assert.deepEqual(indexes(lane.take(300, none)), [2])
  assert.deepEqual(indexes(lane.take(0, none)), [3])
  assert.equal(lane.hasWork, false)
})

test('lane: what is given back comes before everything else, in its pieces', () => {
  const lane = new PartitionLane('t', 0)
  const call = new SendCall(5, 0)
  for (let index = 0; index < 5; index++) lane.push(record(call, index))
  const taken = lane.take(461, none)
  assert.deepEqual(indexes(taken), [0, 1, 2, 3])
  lane.giveBack(taken.slice(0, 2), taken.slice(2))
  assert.deepEqual(indexes(lane.take(10_000, none)), [0, 1])
  assert.deepEqual(indexes(lane.take(10_000, none)), [2, 3])
  assert.deepEqual(indexes(lane.take(10_000, none)), [4])
})

test('lane: records of calls that have failed are left out and told', async () => {
  const lane = new PartitionLane('t', 0)
  const [failed, alive] = [new SendCall(2, 0), new SendCall(2, 0)]
  lane.push(record(failed, 0))
  lane.push(record(alive, 0))
  lane.giveBack([record(failed, 1), record(alive, 1)])
  failed.fail(new KafkaError('MR_KAFKA_CLOSED', 'closed'))
  await assert.rejects(failed.settled)
  const dropped: QueuedRecord[] = []
  assert.deepEqual(indexes(lane.take(10_000, (row) => dropped.push(row))), [1])
  assert.deepEqual(indexes(lane.take(10_000, (row) => dropped.push(row))), [0])
  assert.deepEqual(
    dropped.map(({ call }) => call),
    [failed, failed],
  )
})

test('call: resolves once, with one row per record in the order given', async () => {
  const call = new SendCall(2, 0)
  call.acknowledge(1, { topic: 't', partition: 1, offset: 9n })
  assert.equal(call.isSettled, false)
  call.acknowledge(0, { topic: 't', partition: 0, offset: 3n })
  call.fail(new KafkaError('MR_KAFKA_CLOSED', 'too late'))
  assert.deepEqual(
    (await call.settled).map(({ offset }) => offset),
    [3n, 9n],
  )
})
