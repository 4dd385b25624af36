import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchBaseSequence, RecordBatchBuilder } from '@millrace/protocol'
import { KafkaError } from './errors.ts'
import { OutgoingBatch } from './outgoing-batch.ts'
import { nextSequence, PartitionLane } from './partition-lane.ts'
import { SendCall } from './send-call.ts'

const identity = { producerId: 1, producerEpoch: 0 }

function batchOf(count: number, call = new SendCall(count, 0)): OutgoingBatch {
  const batch = new OutgoingBatch(new RecordBatchBuilder(), 0)
  for (let index = 0; index < count; index++) batch.add(call, index, null, `v${index}`, [], 0)
  return batch
}

function launch(lane: PartitionLane): OutgoingBatch {
  const batch = lane.candidate()
  assert.ok(batch)
  if (lane.unresolved[0] !== batch) {
    batch.stamp({ codec: 0, identity, baseSequence: lane.nextSequence, transactional: false })
    lane.launch(batch)
  }
  batch.isFlying = true
  return batch
}

function fail(batch: OutgoingBatch): void {
  batch.isFlying = false
}

test('sequences go on at 0 after the largest int32', () => {
  assert.equal(nextSequence(0, 5), 5)
  assert.equal(nextSequence(0x7fff_fffe, 1), 0x7fff_ffff)
  assert.equal(nextSequence(0x7fff_fffe, 5), 3)
})

test('lane: one batch under way until the broker knows the producer, then five with sequences in a row', () => {
  const lane = new PartitionLane('t', 0)
  for (let n = 1; n <= 7; n++) lane.waiting.push(batchOf(n))
  const first = launch(lane)
  assert.equal(lane.candidate(), undefined)
  fail(first)
  lane.resolve(first)
  lane.isProven = true
  const flying = [1, 2, 3, 4, 5].map(() => launch(lane))
  assert.equal(lane.candidate(), undefined)
  assert.deepEqual(
    flying.map(({ bytes }) => batchBaseSequence(bytes, 0)),
    [1, 3, 6, 10, 15],
  )
})

test('lane: after a fault nothing new goes out, and what was under way goes out again one by one, in order', () => {
  const lane = new PartitionLane('t', 0)
  lane.isProven = true
  for (let n = 1; n <= 4; n++) lane.waiting.push(batchOf(1))
  const [first, second, third] = [launch(lane), launch(lane), launch(lane)] as const
  fail(second)
  assert.equal(lane.candidate(), undefined, 'others are under way')
  fail(first)
  fail(third)
  for (const batch of [first, second, third]) {
    assert.equal(launch(lane), batch)
    const isLast = batch === third
    assert.equal(lane.candidate(), isLast ? lane.waiting[0] : undefined)
    fail(batch)
    lane.resolve(batch)
  }
})

test('lane: what is taken back goes out before everything else, from the sequence of the first', () => {
  const lane = new PartitionLane('t', 0)
  lane.isProven = true
  for (let n = 0; n < 3; n++) lane.waiting.push(batchOf(4))
  const [first, second] = [launch(lane), launch(lane)] as const
  fail(first)
  fail(second)
  const halves = [batchOf(2), batchOf(2)]
  const last = lane.waiting[0]
  assert.equal(lane.takeBack(halves), false)
  assert.deepEqual(lane.waiting, [...halves, second, last])
  assert.equal(lane.nextSequence, 0)
})

test('lane: what is taken back may be with the broker when any attempt had an unknown outcome', () => {
  const lane = new PartitionLane('t', 0)
  lane.isProven = true
  lane.waiting.push(batchOf(1), batchOf(1))
  const [first, second] = [launch(lane), launch(lane)] as const
  fail(first)
  fail(second)
  second.mayBeApplied = true
  assert.equal(lane.takeBack([]), true)
})

test('batch: records of calls that have failed are told, and left out of a copy', async () => {
  const [failed, alive] = [new SendCall(2, 0), new SendCall(2, 0)]
  const batch = new OutgoingBatch(new RecordBatchBuilder(), 0)
  batch.add(failed, 0, 'a', null, [], 5)
  batch.add(alive, 0, null, 'b', [['h', 'x']], 6)
  batch.add(failed, 1, null, 'c', [], 7)
  batch.add(alive, 1, 'd', 'd', [], 8)
  assert.equal(batch.hasUnwanted, false)
  failed.fail(new KafkaError('MR_KAFKA_CLOSED', 'closed'))
  await assert.rejects(failed.settled)
  assert.deepEqual([batch.hasUnwanted, batch.isUnwanted], [true, false])
  const target = new OutgoingBatch(new RecordBatchBuilder(), 0)
  const copy = batch.copyTo(target, (delta) => !batch.isUnwantedAt(delta))
  const expected = new OutgoingBatch(new RecordBatchBuilder(), 0)
  const other = new SendCall(2, 0)
  expected.add(other, 0, null, 'b', [['h', 'x']], 6)
  expected.add(other, 1, 'd', 'd', [], 8)
  const stamp = { codec: 0, identity, baseSequence: 0, transactional: false }
  copy.stamp(stamp)
  expected.stamp(stamp)
  assert.deepEqual(copy.bytes, expected.bytes)
  copy.acknowledge(3, 40)
  await alive.settled
  assert.deepEqual([...alive.offsets, ...alive.partitions], [40, 41, 3, 3])
})

test('call: resolves once, with one row per record in the order given', async () => {
  const call = new SendCall(2, 0)
  call.acknowledge(1, 1, 9)
  assert.equal(call.isSettled, false)
  call.acknowledge(0, 0, 3)
  call.fail(new KafkaError('MR_KAFKA_CLOSED', 'too late'))
  await call.settled
  assert.deepEqual(
    call.rows(() => 't'),
    [
      { topic: 't', partition: 0, offset: 3n },
      { topic: 't', partition: 1, offset: 9n },
    ],
  )
})
