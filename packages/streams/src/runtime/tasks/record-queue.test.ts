import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerBatch } from '@millrace/kafka'
import type { RawRecord } from '../../record.ts'
import { RecordQueue } from './record-queue.ts'

const text = (source: Buffer, start: number, end: number): string =>
  source.toString('utf8', start, end)

/** Two records; the second has a header where that is asked for. */
function batch(first: number, released: number[], hasHeader = false): ConsumerBatch {
  const bytes = Buffer.from('ab')
  return {
    topic: 't',
    partition: 0,
    length: 2,
    sizeBytes: 40,
    offset: (index: number) => first + index,
    timestampMs: () => 5,
    key: (index: number) => bytes.subarray(index, index + 1),
    value: () => null,
    readKey: (index: number, read: typeof text) => read(bytes, index, index + 1),
    headers: (index: number) => (hasHeader && index === 1 ? [['h', bytes]] : []),
    nextOffset: BigInt(first + 2),
    release: () => void released.push(first),
  } as unknown as ConsumerBatch
}

const looks: readonly {
  readonly name: string
  readonly look: (record: RawRecord) => unknown
  readonly hasHeader?: boolean
  readonly released: readonly number[]
}[] = [
  { name: 'text is read in place', look: (record) => record.readKey?.(text), released: [0, 2] },
  { name: 'nobody looks', look: () => {}, released: [0, 2] },
  { name: 'a key is given out', look: (record) => record.key, released: [] },
  { name: 'a value is given out', look: (record) => record.value, released: [] },
  {
    name: 'headers are given out, as copies',
    look: (record) => record.headers,
    hasHeader: true,
    released: [0, 2],
  },
]

for (const { name, look, hasHeader, released } of looks)
  test(`record queue: the memory of a batch is let go with the first record after it, unless there may be views of it: ${name}`, () => {
    const gone: number[] = []
    const queue = new RecordQueue('t', 0, 0n)
    for (const first of [0, 2, 4]) queue.add(batch(first, gone, hasHeader))
    for (let offset = 0; offset < 5; offset++) {
      const record = queue.take() as RawRecord
      assert.equal(record.offset, offset)
      // The last record of a batch can be looked at until the next one is taken.
      assert.equal(gone.includes(2 * Math.floor(offset / 2)), false)
      look(record)
    }
    assert.deepEqual(gone, released)
    assert.equal(queue.nextOffset, 5n)
    assert.equal(queue.sizeBytes, 40, 'one batch is not taken whole')
  })

test('record queue: a batch that was peeked at stays', () => {
  const gone: number[] = []
  const queue = new RecordQueue('t', 0, 0n)
  for (const first of [0, 2, 4]) queue.add(batch(first, gone))
  assert.equal(String(queue.peek()?.key), 'a')
  for (let count = 0; count < 5; count++) queue.take()
  assert.deepEqual(gone, [2])
})
