import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordBatchBuilder } from '@millrace/protocol'
import { AnswerHold } from './answer-memory.ts'
import { AssignedPartition } from './assigned-partition.ts'
import { fetchedRecords, type FetchedRecords, type RecordRun } from './fetched-records.ts'

function fetched(baseOffset: number, count: number, hold?: AnswerHold): FetchedRecords {
  const builder = new RecordBatchBuilder()
  for (let index = 0; index < count; index++) builder.add(null, 'v', [], 0)
  return fetchedRecords(
    Buffer.from(builder.build({ baseOffset })),
    baseOffset,
    null,
    Infinity,
    hold,
  )
}

const offsets = (runs: readonly RecordRun[]): number[] =>
  runs.flatMap(({ columns, from, until }) =>
    Array.from({ length: until - from }, (_, index) => columns.offset(from + index)),
  )
const nextOf = (runs: readonly RecordRun[]): number | undefined => runs.at(-1)?.nextOffset

function filled(): AssignedPartition {
  const partition = new AssignedPartition({ topic: 't', partition: 0 }, 1)
  partition.fill(fetched(0, 3), 5n)
  partition.fill(fetched(3, 2), 5n)
  return partition
}

test('partition: hands out in order, across answers, and counts the memory it holds', () => {
  const partition = filled()
  const held = partition.bufferedBytes
  assert.ok(held > 5 * 32, `${held} bytes, the columns with them`)
  assert.equal(partition.fetchOffset, 5)
  assert.deepEqual(offsets(partition.takeOut(2).runs), [0, 1])
  partition.comeBack()
  assert.equal(Math.round(partition.bufferedBytes), Math.round((held * 3) / 5))
  assert.deepEqual(offsets(partition.takeOut(2).runs), [2, 3])
  partition.comeBack()
  assert.equal(Math.round(partition.bufferedBytes), Math.round(held / 5))
  assert.deepEqual(offsets(partition.takeOut(2).runs), [4])
  partition.comeBack()
  assert.equal(partition.hasRecords, false)
  assert.ok(Math.abs(partition.bufferedBytes) < 1e-6)
})

for (const size of [2, 3, 4])
  test(`partition: what is put back after ${size} of 3 and 2 is handed out again`, () => {
    const partition = filled()
    const held = partition.bufferedBytes
    const first = offsets(partition.takeOut(size).runs)
    partition.putBack()
    assert.equal(Math.round(partition.bufferedBytes), Math.round(held))
    assert.deepEqual(offsets(partition.takeOut(size).runs), first)
    partition.comeBack()
    assert.deepEqual(offsets(partition.takeOut(9).runs), [0, 1, 2, 3, 4].slice(size))
  })

test('partition: the offset to commit lies behind what was handed out, and behind what was dropped after it', () => {
  const partition = filled()
  assert.equal(partition.position, 0)
  assert.equal(nextOf(partition.takeOut(2).runs), 2)
  assert.equal(partition.position, 2)
  assert.equal(nextOf(partition.takeOut(1).runs), 3)
  partition.fill({ runs: [], nextOffset: 7 }, 7n)
  assert.equal(nextOf(partition.takeOut(1).runs), 4)
  assert.equal(nextOf(partition.takeOut(1).runs), 7)
  assert.equal(partition.position, 7)
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

test('partition: a hand-out that was let go is fetched again when its loop is left', () => {
  const partition = filled()
  partition.takeOut(1)
  partition.comeBack()
  const ticket = partition.ticket
  partition.takeOut(2).letGo()
  partition.putBack()
  assert.deepEqual(
    [partition.hasRecords, partition.bufferedBytes, partition.fetchOffset],
    [false, 0, 1],
  )
  assert.equal(partition.accepts(ticket), false)
})

test('partition: the memory of an answer is let go once, when the last hand-out of it is', () => {
  let letGo = 0
  const hold = new AnswerHold(() => letGo++)
  const partition = new AssignedPartition({ topic: 't', partition: 0 }, 1)
  partition.fill(fetched(0, 3, hold), 5n)
  partition.fill(fetched(3, 2, hold), 5n)
  hold.letGo() // The fetcher has read all of it.
  const first = partition.takeOut(2)
  partition.putBack()
  first.letGo() // Too late: the records are to be handed out again.
  const again = partition.takeOut(2)
  partition.comeBack()
  const rest = partition.takeOut(9)
  partition.comeBack()
  rest.letGo()
  rest.letGo()
  assert.equal(letGo, 0)
  again.letGo()
  assert.equal(letGo, 1)
})
