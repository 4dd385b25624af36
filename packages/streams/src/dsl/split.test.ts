import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsBuilder, stringSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
const long = (value: string) => value.length > 3
const even = (value: string) => value.length % 2 === 0

const branches = { long, even }

function outputs(builder: StreamsBuilder): { readonly written: unknown; readonly dropped: number } {
  const driver = new TopologyTestDriver(builder.build())
  for (const value of ['abcdef', 'ab', 'abc'])
    driver.pipe('in', { key: null, value: Buffer.from(value), timestamp: 1 })
  const written = driver.take().map(({ topic, value }) => [topic, String(value)])
  return { written, dropped: driver.droppedCount }
}

const taken = [
  ['long', 'abcdef'],
  ['even', 'ab'],
]

test('split: the first predicate that matches wins, and the rest goes to the default branch (trap 29)', () => {
  const builder = new StreamsBuilder()
  const streams = builder.stream('in', text).split({ name: 'by-', branches, default: 'rest' })
  streams.rest.to('rest')
  streams.even.to('even')
  streams.long.to('long')
  assert.deepEqual(outputs(builder), { written: [...taken, ['rest', 'abc']], dropped: 0 })
})

test('split: without a default branch the rest is left out and not counted (trap 29)', () => {
  const builder = new StreamsBuilder()
  const streams = builder.stream('in', text).split({ name: 'by-', branches })
  streams.even.to('even')
  streams.long.to('long')
  assert.deepEqual(outputs(builder), { written: taken, dropped: 0 })
})

for (const c of [
  { name: 'a number', branches: { '1': long }, says: /cannot have a branch "1"/ },
  {
    name: 'that of the default branch',
    branches: { rest: long },
    says: /cannot have a branch "rest"/,
  },
])
  test(`split: ${c.name} is refused as a branch's name`, () => {
    const stream = new StreamsBuilder().stream('in', text)
    assert.throws(() => stream.split({ branches: c.branches, default: 'rest' }), {
      code: 'MR_STREAMS_BAD_TOPOLOGY',
      message: c.says,
    })
  })

test('split: into nothing is refused', () => {
  const stream = new StreamsBuilder().stream('in', text)
  assert.throws(() => stream.split({ branches: {} }), { message: /splits into no branches/ })
})

test('print: a line per record, with the label, nulls and objects readable', () => {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const builder = new StreamsBuilder()
  const stream = builder.stream('in', { ...text, name: 'source' })
  stream.print({ write })
  stream.mapValues((value) => ({ value })).print({ write, label: 'as object' })
  stream.print({ write, format: (value, key) => `${key}=${value}` })
  const driver = new TopologyTestDriver(builder.build())
  driver.pipe('in', { key: null, value: Buffer.from('v') })
  assert.deepEqual(lines, [
    '[source]: null, v',
    '[as object]: null, {"value":"v"}',
    '[source]: null=v',
  ])
})
