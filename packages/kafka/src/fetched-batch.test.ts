import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordBatchBuilder } from '@millrace/protocol'
import { FetchedBatch } from './fetched-batch.ts'
import { fetchedRecords } from './fetched-records.ts'

const facts = {
  topic: 't',
  partition: 3,
  highWatermark: 9n,
  generationId: 2,
  signal: new AbortController().signal,
}

/** Record batches of 3, 1 and 4 records, from offset 10 on; the first is compressed. */
function bytesOf(): Buffer {
  const builder = new RecordBatchBuilder()
  const batches: Buffer[] = []
  let offset = 10
  for (const count of [3, 1, 4]) {
    builder.reset()
    const baseOffset = offset
    for (let index = 0; index < count; index++, offset++)
      builder.add(
        offset % 2 === 0 ? `k${offset}` : null,
        offset === 13 ? null : `v${offset}`,
        offset === 14 ? [['h', 'x']] : [],
        1_000 + offset,
      )
    batches.push(Buffer.from(builder.build({ baseOffset, codec: count === 3 ? 1 : 0 })))
  }
  return Buffer.concat(batches)
}

function batchOf(fromOffset: number): FetchedBatch {
  return new FetchedBatch(facts, fetchedRecords(bytesOf(), fromOffset, null).runs)
}

for (const from of [10, 12, 13, 15])
  test(`batch from offset ${from}: columns, iteration and records tell the same, in any order of looking`, () => {
    const batch = batchOf(from)
    assert.ok(batch.sizeBytes >= 40 * batch.length && batch.sizeBytes < 100 * batch.length)
    const expected = Array.from({ length: 18 - from }, (_, index) => {
      const offset = from + index
      return {
        topic: 't',
        partition: 3,
        offset: BigInt(offset),
        timestampMs: 1_000 + offset,
        key: offset % 2 === 0 ? Buffer.from(`k${offset}`) : null,
        value: offset === 13 ? null : Buffer.from(`v${offset}`),
        headers: offset === 14 ? [['h', Buffer.from('x')]] : [],
      }
    })
    assert.deepEqual(batch.records, expected)
    assert.deepEqual([...batch], expected)
    assert.equal(batch.records, batch.records)
    assert.deepEqual([batch.length, batch.nextOffset, batch.highWatermark], [18 - from, 18n, 9n])
    const indexes = expected.map((_, index) => index)
    for (const order of [indexes, indexes.toReversed(), [...indexes, ...indexes.toReversed()]])
      for (const index of order) {
        const row = expected[index] as (typeof expected)[number]
        assert.equal(batch.offset(index), Number(row.offset))
        assert.equal(batch.timestampMs(index), row.timestampMs)
        assert.deepEqual(batch.key(index), row.key)
        assert.deepEqual(batch.value(index), row.value)
        assert.equal(batch.keySizeBytes(index), row.key?.length ?? -1)
        assert.equal(batch.valueSizeBytes(index), row.value?.length ?? -1)
        assert.deepEqual(batch.headers(index), row.headers)
      }
  })

test('batch: an index outside of it is refused', () => {
  const batch = batchOf(12)
  for (const index of [-1, 6, 1.5, NaN]) assert.throws(() => batch.value(index), RangeError)
})

test('batch: what was released is not read, and keeps its facts', () => {
  let released = 0
  const { runs } = fetchedRecords(bytesOf(), 10, null)
  const batch = new FetchedBatch(facts, runs, () => released++)
  assert.equal(batch.records.length, 8)
  {
    using held = batch
    held.release()
  }
  assert.equal(released, 1)
  for (const read of [
    () => batch.value(0),
    () => batch.offset(7),
    () => batch.records,
    () => [...batch],
  ])
    assert.throws(read, { code: 'MR_KAFKA_WRONG_STATE', message: /"t" partition 3 .*release/ })
  assert.deepEqual([batch.length, batch.nextOffset, batch.highWatermark], [8, 18n, 9n])
})
