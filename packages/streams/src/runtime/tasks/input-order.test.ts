import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerBatch } from '@millrace/kafka'
import { InputOrder } from './input-order.ts'
import { RecordQueue } from './record-queue.ts'

/** A batch of records whose offsets count from `first` and whose timestamps are given. */
function batch(topic: string, first: number, ...timestamps: readonly number[]): ConsumerBatch {
  return {
    topic,
    partition: 0,
    length: timestamps.length,
    offset: (index: number) => first + index,
    timestampMs: (index: number) => timestamps[index] as number,
    key: () => null,
    value: (index: number) => Buffer.from(`${topic}${timestamps[index]}`),
    headers: () => [],
    // A marker stands behind each batch.
    nextOffset: BigInt(first + timestamps.length + 1),
  } as unknown as ConsumerBatch
}

function order(
  queues: readonly RecordQueue[],
  options: { readonly maxTaskIdleMs?: number; readonly lag?: number | null } = {},
): InputOrder {
  const { maxTaskIdleMs = 0, lag = 0 } = options
  return new InputOrder(
    queues,
    maxTaskIdleMs,
    (queue) => queue.headTimestamp,
    () => lag,
  )
}

test('inputs: the smallest head timestamp is next, and a partition is never sorted (trap 3)', () => {
  const left = new RecordQueue('l', 0, 0n)
  const right = new RecordQueue('r', 0, 0n)
  left.add(batch('l', 0, 5, 1, 9))
  right.add(batch('r', 0, 3, 7))
  const inputs = order([left, right])
  const taken: string[] = []
  for (let next; (next = inputs.next(0));) taken.push(String(next.take()?.value))
  assert.deepEqual(taken, ['r3', 'l5', 'l1', 'r7', 'l9'])
})

test('inputs: of two heads of one time that of the other partition is next (trap 3)', () => {
  const left = new RecordQueue('l', 0, 0n)
  const right = new RecordQueue('r', 0, 0n)
  left.add(batch('l', 0, 5, 5, 5, 6))
  right.add(batch('r', 0, 5, 5, 6))
  const inputs = order([left, right])
  const taken: string[] = []
  for (let next; (next = inputs.next(0));) taken.push(String(next.take()?.value))
  assert.deepEqual(taken, ['l5', 'r5', 'l5', 'r5', 'l5', 'r6', 'l6'])
})

test('inputs: what to commit is the head, else behind the last record and its marker (trap 37)', () => {
  const queue = new RecordQueue('t', 0, 40n)
  assert.equal(queue.nextOffset, 40n)
  queue.add(batch('t', 44, 1, 2))
  assert.equal(queue.nextOffset, 44n)
  queue.take()
  assert.equal(queue.nextOffset, 45n)
  queue.take()
  assert.equal(queue.nextOffset, 47n)
  assert.equal(queue.take(), undefined)
})

for (const { name, options, atMs, goesOn } of [
  { name: 'nothing more on its topic', options: { lag: 0 }, atMs: 0, goesOn: true },
  { name: 'records on their way', options: { lag: 3 }, atMs: 1_000, goesOn: false },
  { name: 'nothing known of it', options: { lag: null }, atMs: 1_000, goesOn: false },
  {
    name: 'records on their way, and no waiting wished',
    options: { lag: 3, maxTaskIdleMs: -1 },
    atMs: 0,
    goesOn: true,
  },
  {
    name: 'nothing more, and a wait that is not over',
    options: { lag: 0, maxTaskIdleMs: 50 },
    atMs: 49,
    goesOn: false,
  },
  {
    name: 'nothing more, and a wait that is over',
    options: { lag: 0, maxTaskIdleMs: 50 },
    atMs: 50,
    goesOn: true,
  },
])
  test(`inputs: an empty partition with ${name} ${goesOn ? 'is not waited for' : 'is waited for'} (trap 3)`, () => {
    const left = new RecordQueue('l', 0, 0n)
    const right = new RecordQueue('r', 0, 0n)
    left.add(batch('l', 0, 5))
    const inputs = order([left, right], options)
    inputs.next(0)
    assert.equal(inputs.next(atMs) === left, goesOn)
  })

test('inputs: the wait for an empty partition begins anew once it had a record', () => {
  const left = new RecordQueue('l', 0, 0n)
  const right = new RecordQueue('r', 0, 0n)
  left.add(batch('l', 0, 5, 6, 7))
  const inputs = order([left, right], { maxTaskIdleMs: 50 })
  assert.equal(inputs.next(0), undefined)
  right.add(batch('r', 0, 1))
  assert.equal(inputs.next(40), right)
  right.take()
  assert.equal(inputs.next(60), undefined)
  assert.equal(inputs.next(109), undefined)
  assert.equal(inputs.next(110), left)
})
