import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringSerde } from '../../serde.ts'
import { StreamsBuilder } from '../../dsl/streams-builder.ts'
import { Topology, type OffsetReset } from '../../topology/topology.ts'
import { resetsOf, startPositions } from './start-positions.ts'

const text = { key: stringSerde, value: stringSerde }
const nowMs = 100_000
const partition = 0

/** Of a topic whose records have offsets 10 to 19 and times 90,010 to 90,019. */
const consumer: Parameters<typeof startPositions>[0] = {
  committed: async (partitions) =>
    partitions.map((row) => ({
      ...row,
      offset: row.topic === 'committed' ? 15n : null,
      metadata: '',
    })),
  beginningOffsets: async (partitions) => partitions.map((row) => ({ ...row, offset: 10n })),
  endOffsets: async (partitions) => partitions.map((row) => ({ ...row, offset: 20n })),
  offsetsForTimes: async (times) =>
    times.map(({ topic, partition, timestampMs }) => {
      const at = Math.max(90_010, timestampMs)
      const isThere = at <= 90_019
      return {
        topic,
        partition,
        offset: isThere ? BigInt(at - 90_000) : null,
        timestampMs: isThere ? at : null,
      }
    }),
}

const cases: readonly {
  readonly name: string
  readonly topic?: string
  readonly reset: OffsetReset | undefined
  readonly offset: bigint
}[] = [
  { name: 'what is committed counts first', topic: 'committed', reset: 'none', offset: 15n },
  { name: 'the earliest record', reset: 'earliest', offset: 10n },
  { name: 'what comes from now on', reset: 'latest', offset: 20n },
  { name: 'what the app says where the source does not', reset: undefined, offset: 20n },
  { name: 'the first record that is young enough', reset: { byDurationMs: 9_985 }, offset: 15n },
  { name: 'all, where all are', reset: { byDurationMs: 1_000_000 }, offset: 10n },
  { name: 'what comes from now on, where none is', reset: { byDurationMs: 0 }, offset: 20n },
]
for (const { name, topic = 'in', reset, offset } of cases)
  test(`a source begins with ${name}`, async () => {
    const topology = new Topology().addSource({
      name: 'source',
      topics: [topic],
      ...text,
      ...(reset !== undefined && { offsetReset: reset }),
    })
    const positions = await startPositions(
      consumer,
      [{ topic, partition }],
      resetsOf(topology, 'app', 'latest'),
      nowMs,
    )
    assert.deepEqual(
      positions.map((row) => [row.offset, row.isCommitted]),
      [[offset, topic === 'committed']],
    )
  })

test('a source that wants no offset made up stops, and says which partition has none', async () => {
  await assert.rejects(
    startPositions(consumer, [{ topic: 'in', partition }], () => 'none', nowMs),
    { code: 'MR_STREAMS_NO_OFFSET', details: { topic: 'in', partition } },
  )
})

test('a duration is at least 0, and of one topic the same wherever it is read', () => {
  for (const byDurationMs of [-1, 1.5, Number.NaN])
    assert.throws(
      () =>
        new Topology().addSource({
          name: 's',
          topics: ['in'],
          ...text,
          offsetReset: { byDurationMs },
        }),
      { code: 'MR_STREAMS_BAD_TOPOLOGY' },
    )
  const read = (...durations: readonly number[]) => {
    const builder = new StreamsBuilder()
    for (const byDurationMs of durations)
      builder.stream('in', { ...text, offsetReset: { byDurationMs } }).to('out')
    return builder.build()
  }
  assert.ok(read(5, 5).describe().includes('in'))
  assert.throws(() => read(5, 6), /from the last 5 ms and from the last 6 ms/)
})
