import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordBatchBuilder } from '@millrace/protocol'
import { FetchedBatch } from './fetched-batch.ts'
import { fetchedRecords, type AbortedTransaction } from './fetched-records.ts'

const where = { topic: 't', partition: 3 }
const facts = { ...where, highWatermark: 0n, generationId: 1, signal: new AbortController().signal }
/** Marker keys: version 0, then 0 for abort or 1 for commit. */
const abortKey = Buffer.from([0, 0, 0, 0])
const commitKey = Buffer.from([0, 0, 0, 1])

interface BatchPlan {
  readonly baseOffset: number
  readonly values: readonly string[]
  readonly producerId?: number
  readonly marker?: 'abort' | 'commit'
}

function batch({ baseOffset, values, producerId, marker }: BatchPlan): Buffer {
  const builder = new RecordBatchBuilder()
  if (marker) builder.add(marker === 'abort' ? abortKey : commitKey, 'm', [], 0)
  for (const value of values) builder.add(null, value, [['h', null]], 1_000)
  return Buffer.from(
    builder.build({
      baseOffset,
      ...(producerId === undefined ? {} : { producerId, producerEpoch: 0, transactional: true }),
      control: marker !== undefined,
    }),
  )
}

function read(
  plans: readonly BatchPlan[],
  from: number,
  aborted: readonly AbortedTransaction[] | null,
) {
  const { runs, nextOffset } = fetchedRecords(Buffer.concat(plans.map(batch)), from, aborted)
  const records = runs.length > 0 ? new FetchedBatch(facts, runs).records : []
  if (runs.length > 0) assert.equal(runs.at(-1)?.nextOffset, nextOffset)
  return { values: records.map(({ value }) => String(value)), nextOffset }
}

const aborted = (producerId: bigint, firstOffset: bigint) => ({ producerId, firstOffset })

/** One producer: transactions A abort, B abort, C commit, D abort, E commit; the case that other clients get wrong. */
const fiveTransactions: readonly BatchPlan[] = [
  { baseOffset: 0, values: ['A1', 'A2'], producerId: 7 },
  { baseOffset: 2, values: [], producerId: 7, marker: 'abort' },
  { baseOffset: 3, values: ['B1', 'B2'], producerId: 7 },
  { baseOffset: 5, values: [], producerId: 7, marker: 'abort' },
  { baseOffset: 6, values: ['C1'], producerId: 7 },
  { baseOffset: 7, values: [], producerId: 7, marker: 'commit' },
  { baseOffset: 8, values: ['D1'], producerId: 7 },
  { baseOffset: 9, values: [], producerId: 7, marker: 'abort' },
  { baseOffset: 10, values: ['E1'], producerId: 7 },
  { baseOffset: 11, values: [], producerId: 7, marker: 'commit' },
]

for (const c of [
  {
    name: 'read_committed drops each aborted transaction of one producer and no other',
    plans: fiveTransactions,
    from: 0,
    aborted: [aborted(7n, 0n), aborted(7n, 3n), aborted(7n, 8n)],
    expected: { values: ['C1', 'E1'], nextOffset: 12 },
  },
  {
    name: 'aborted ranges count whatever their order in the answer',
    plans: fiveTransactions,
    from: 0,
    aborted: [aborted(7n, 8n), aborted(7n, 0n), aborted(7n, 3n)],
    expected: { values: ['C1', 'E1'], nextOffset: 12 },
  },
  {
    name: 'an aborted transaction that began before the answer is dropped up to its marker',
    plans: fiveTransactions.slice(2),
    from: 4,
    aborted: [aborted(7n, 3n), aborted(7n, 8n)],
    expected: { values: ['C1', 'E1'], nextOffset: 12 },
  },
  {
    name: 'an aborted transaction whose marker is not in the answer is dropped to its end',
    plans: fiveTransactions.slice(0, 1),
    from: 0,
    aborted: [aborted(7n, 0n)],
    expected: { values: [], nextOffset: 2 },
  },
  {
    name: 'other producers, and records outside of transactions, are not touched',
    plans: [
      { baseOffset: 0, values: ['a'], producerId: 7 },
      { baseOffset: 1, values: ['b'], producerId: 8 },
      { baseOffset: 2, values: ['c'] },
      { baseOffset: 3, values: [], producerId: 7, marker: 'abort' as const },
      { baseOffset: 4, values: [], producerId: 8, marker: 'commit' as const },
    ],
    from: 0,
    aborted: [aborted(7n, 0n)],
    expected: { values: ['b', 'c'], nextOffset: 5 },
  },
  {
    name: 'read_uncommitted gives everything but the markers',
    plans: fiveTransactions,
    from: 0,
    aborted: null,
    expected: { values: ['A1', 'A2', 'B1', 'B2', 'C1', 'D1', 'E1'], nextOffset: 12 },
  },
  {
    name: 'records before the offset asked for are left out of the first batch',
    plans: [{ baseOffset: 5, values: ['5', '6', '7'] }],
    from: 6,
    aborted: [],
    expected: { values: ['6', '7'], nextOffset: 8 },
  },
  {
    name: 'no bytes: nothing moves',
    plans: [],
    from: 9,
    aborted: [],
    expected: { values: [], nextOffset: 9 },
  },
])
  test(`fetched records: ${c.name}`, () =>
    assert.deepEqual(read(c.plans, c.from, c.aborted), c.expected))

test('fetched records: an answer that ends inside a batch is taken up to the batch before', () => {
  const bytes = Buffer.concat([
    batch({ baseOffset: 0, values: ['a'] }),
    batch({ baseOffset: 1, values: ['b'] }).subarray(0, 40),
  ])
  const { runs, nextOffset } = fetchedRecords(bytes, 0, null)
  const { records } = new FetchedBatch(facts, runs)
  assert.deepEqual([records.length, nextOffset], [1, 1])
  assert.deepEqual(records[0], {
    ...where,
    offset: 0n,
    timestampMs: 1_000,
    key: null,
    value: Buffer.from('a'),
    headers: [['h', Buffer.alloc(0)]],
  })
})

test('fetched records: a bit turned over on the way is noticed', () => {
  const bytes = batch({ baseOffset: 0, values: ['a'] })
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] as number) ^ 1
  assert.throws(() => fetchedRecords(bytes, 0, null), { code: 'MR_PROTOCOL_CORRUPT_BATCH' })
})

test('fetched records: what unpacks to more than allowed is taken up to the batch that exceeds it', () => {
  const builder = new RecordBatchBuilder()
  const batches: Buffer[] = []
  for (let baseOffset = 0; baseOffset < 5; baseOffset++) {
    builder.reset()
    builder.add(null, Buffer.alloc(100_000), [], 0)
    batches.push(Buffer.from(builder.build({ baseOffset, codec: 1 })))
  }
  const bytes = Buffer.concat(batches)
  assert.ok(bytes.length < 2_000)
  const upTo = (maxBytes: number) => fetchedRecords(bytes, 0, [], maxBytes).nextOffset
  assert.deepEqual([upTo(1), upTo(150_000), upTo(250_000), upTo(9e9)], [1, 2, 3, 5])
})
