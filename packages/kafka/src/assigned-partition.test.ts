import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssignedPartition } from './assigned-partition.ts'
import type { ConsumerRecord } from './types.ts'

const record = (offset: number): ConsumerRecord => ({
  topic: 't',
  partition: 0,
  offset: BigInt(offset),
  timestampMs: 0,
  key: null,
  value: null,
  headers: [],
})
const offsets = (records: readonly ConsumerRecord[]): number[] =>
  records.map(({ offset }) => Number(offset))

function filled(): AssignedPartition {
  const partition = new AssignedPartition({ topic: 't', partition: 0 }, 1)
  partition.fill({ records: [0, 1, 2].map(record), nextOffset: 3 }, 300, 5n)
  partition.fill({ records: [3, 4].map(record), nextOffset: 5 }, 200, 5n)
  return partition
}

test('partition: hands out in order, across answers, and counts its bytes', () => {
  const partition = filled()
  assert.deepEqual([partition.fetchOffset, partition.bufferedBytes], [5, 500])
  assert.deepEqual(offsets(partition.takeOut(2)), [0, 1])
  partition.comeBack()
  assert.equal(partition.bufferedBytes, 300)
  assert.deepEqual(offsets(partition.takeOut(2)), [2, 3])
  partition.comeBack()
  assert.equal(partition.bufferedBytes, 100)
  assert.deepEqual(offsets(partition.takeOut(2)), [4])
  partition.comeBack()
  assert.deepEqual([partition.hasRecords, partition.bufferedBytes], [false, 0])
})

for (const size of [2, 3, 4])
  test(`partition: what is put back after ${size} of 3 and 2 is handed out again`, () => {
    const partition = filled()
    const first = offsets(partition.takeOut(size))
    partition.putBack()
    assert.equal(partition.bufferedBytes, 500)
    assert.deepEqual(offsets(partition.takeOut(size)), first)
    partition.comeBack()
    assert.deepEqual(offsets(partition.takeOut(9)), [0, 1, 2, 3, 4].slice(size))
  })

test('partition: a jump forgets what was fetched, handed out and asked for', () => {
  const partition = filled()
  const ticket = partition.ticket
  partition.takeOut(2)
  partition.jump(9)
  partition.putBack()
  assert.deepEqual(
    [partition.hasRecords, partition.bufferedBytes, partition.fetchOffset],
    [false, 0, 9],
  )
  assert.equal(partition.accepts(ticket), false)
  assert.equal(partition.accepts(partition.ticket), true)
  partition.end.abort()
  assert.equal(partition.accepts(partition.ticket), false)
})
