import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProducerColumns } from '@millrace/kafka'
import { noHeaders } from '../../record.ts'
import { OutputCollector } from './output-collector.ts'

/** A collector whose producer acknowledges each call in turn, at offsets that go on from call to call. */
function collecting() {
  const calls: ProducerColumns[] = []
  let offset = 0
  const collector = new OutputCollector({
    send: async (columns) => {
      calls.push(columns)
      const { length } = columns.values
      const offsets = Float64Array.from({ length }, () => offset++)
      return { partitions: new Int32Array(length).fill(3), offsets }
    },
    partitionCounts: () => new Map(),
    tracked: new Set(['changes']),
    nowMs: () => 77,
  })
  const send = (topic: string, key: string): void =>
    collector.send(topic, 3, key, 'v', 5, noHeaders)
  return { collector, calls, send }
}

const keysOf = (calls: readonly ProducerColumns[]) => calls.flatMap(({ keys }) => keys)

test('a flush of many records is handed over in parts while it goes on, in order, and the rest with the round', async () => {
  const { collector, calls, send } = collecting()
  const sent = Array.from({ length: 2_500 }, (_, index) => `k${index}`)
  for (const key of sent) send('changes', key)
  const handedOver = calls.reduce((sum, { values }) => sum + values.length, 0)
  assert.ok(handedOver > 1_000 && handedOver < 2_500, `${handedOver} were handed over`)
  assert.deepEqual(keysOf(calls), sent.slice(0, handedOver))
  assert.equal(collector.count, 2_500)
  await collector.flush()
  assert.deepEqual(keysOf(calls), sent)
  assert.deepEqual([collector.count, collector.waitingBytes], [0, 0])
  assert.equal(collector.endOf('changes', 3), 2_500)
})

test('few records of a topic wait for the round, however many others have', () => {
  const { collector, calls, send } = collecting()
  send('few', 'a')
  for (let index = 0; index < 2_000; index++) send('changes', 'k')
  assert.ok(calls.length > 0)
  assert.ok(calls.every(({ topic }) => topic === 'changes'))
  collector.handOver()
  assert.deepEqual(keysOf(calls.filter(({ topic }) => topic === 'few')), ['a'])
})
