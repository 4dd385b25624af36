import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longSerde, StreamsBuilder, stringSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }

test('topics of the driver are written and read with their types: as records, as pairs, as a table', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .mapValues((value) => (value === '' ? null : value.length), { value: longSerde })
    .to('out')
  const driver = new TopologyTestDriver(builder.build())
  const input = driver.input('in', text)
  const output = driver.output('out', { key: stringSerde, value: longSerde })
  const headers = [{ key: 'h', value: null }]
  input.pipe('a', 'xyz', { timestamp: 5, headers })
  assert.deepEqual(output.read(), [
    { key: 'a', value: 3, timestamp: 5, headers, partition: undefined },
  ])
  for (const [key, value] of [
    ['a', 'x'],
    ['b', 'xx'],
    [null, 'x'],
    ['b', ''],
    ['a', 'xxxx'],
  ] as const)
    input.pipe(key, value)
  assert.deepEqual(
    output.readTable(),
    new Map<string | null, number>([
      ['a', 4],
      [null, 1],
    ]),
  )
  assert.deepEqual(output.readPairs(), [])
})
