import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longSerde, StreamsBuilder, stringSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }

test('words are counted: through a repartition topic, with changelog and outputs', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('lines', text)
    .flatMapValues((line) => line.toLowerCase().split(' '))
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: 'counts' })
    .toStream()
    .to('word-counts', { value: longSerde })
  const driver = new TopologyTestDriver(builder.build())
  driver.pipe('lines', { key: null, value: Buffer.from('To be or not to be'), timestamp: 5 })
  const counts = driver
    .take('word-counts')
    .map(({ key, value, timestamp }) => [
      String(key),
      value && longSerde.deserialize(value),
      timestamp,
    ])
  assert.deepEqual(counts, [
    ['to', 1, 5],
    ['be', 1, 5],
    ['or', 1, 5],
    ['not', 1, 5],
    ['to', 2, 5],
    ['be', 2, 5],
  ])
  assert.equal(driver.take('test-words-repartition').length, 6)
  assert.equal(driver.take('test-counts-changelog').length, 6)
})

test('a topology that reads what it writes is an error of the driver, whatever handlers say, and not a hang', () => {
  const builder = new StreamsBuilder()
  builder.stream('round', text).to('round')
  const driver = new TopologyTestDriver(builder.build(), {
    maxWritten: 100,
    onProcessingError: () => 'CONTINUE',
    onProductionError: () => 'CONTINUE',
  })
  const record = { key: null, value: Buffer.from('again'), timestamp: 1 }
  assert.throws(() => driver.pipe('round', record), { code: 'MR_STREAMS_ENDLESS' })
  assert.equal(driver.take().length, 100)
})
