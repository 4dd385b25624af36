import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partitionForKey } from '@millrace/kafka'
import {
  longSerde,
  sessionWindowedSerde,
  StreamsBuilder,
  stringSerde,
  timeWindowedSerde,
  tumblingWindows,
} from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'
import { windowedPartitioner } from './windowed.ts'

const window = { startMs: 1_767_225_600_000, endMs: 1_767_225_660_000 }

test('a time window’s key is the key and the start, whose end follows from the size', () => {
  const serde = timeWindowedSerde(stringSerde, 60_000)
  const bytes = serde.serialize({ key: 'k', window })
  assert.equal(bytes.toString('hex'), `6b${window.startMs.toString(16).padStart(16, '0')}`)
  assert.deepEqual(serde.deserialize(bytes), { key: 'k', window })
})

test('a session’s key is the key, the end and the start', () => {
  const serde = sessionWindowedSerde(stringSerde)
  const bytes = serde.serialize({ key: '', window })
  const [end, start] = [window.endMs, window.startMs].map((time) =>
    time.toString(16).padStart(16, '0'),
  )
  assert.equal(bytes.toString('hex'), `${end}${start}`)
  assert.deepEqual(serde.deserialize(bytes), { key: '', window })
})

for (const { name, serde, size } of [
  { name: 'time window', serde: timeWindowedSerde(stringSerde, 1), size: 8 },
  { name: 'session', serde: sessionWindowedSerde(stringSerde), size: 16 },
]) {
  test(`a ${name}’s key that is cut off is an error`, () => {
    for (let length = 0; length < size; length++)
      assert.throws(() => serde.deserialize(Buffer.alloc(length)), RangeError)
  })
  test(`a ${name}’s key with times beyond ±2^53 is an error`, () => {
    assert.throws(() => serde.deserialize(Buffer.alloc(size, 0x7f)), RangeError)
  })
}

test('windowed keys go to the partition of the key inside, whatever the window (trap 34)', () => {
  const partitioner = windowedPartitioner(timeWindowedSerde(stringSerde, 10))
  assert.ok(partitioner)
  for (const key of ['21', 'foobar', 'abc', ''])
    for (const startMs of [0, 10, 20]) {
      const windowed = { key, window: { startMs, endMs: startMs + 10 } }
      assert.equal(partitioner('t', windowed, null, 7), partitionForKey(Buffer.from(key), 7))
    }
  assert.equal(windowedPartitioner(stringSerde), undefined)
})

test('a sink’s own partitioner goes before that of windowed keys', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', { key: stringSerde, value: stringSerde })
    .groupByKey()
    .windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
    .count({ store: 'counts' })
    .toStream()
    .to('out', { value: longSerde, partitioner: () => 5 })
  const driver = new TopologyTestDriver(builder.build())
  driver.pipe('in', { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1 })
  assert.deepEqual(
    driver.take('out').map(({ partition }) => partition),
    [5],
  )
})
