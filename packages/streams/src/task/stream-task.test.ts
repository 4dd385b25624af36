import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { text } from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { noHeaders } from '../record.ts'
import { longSerde } from '../serde.ts'
import { RecordCache } from '../state/record-cache.ts'
import { nodeGroups } from '../topology/node-groups.ts'
import { sentBytes, StreamTask } from './stream-task.ts'

test('a task that becomes a standby closes its operators once, keeps its stores, follows its changelog, and goes on from there', () => {
  const calls: string[] = []
  const builder = new StreamsBuilder()
  builder.stream('in', text).process(() => ({
    init: (context) =>
      void context.schedule({ intervalMs: 10, type: 'STREAM_TIME' }, () => calls.push('due')),
    process: () => void calls.push('record'),
    close: () => void calls.push('closed'),
  }))

  builder
    .stream('in', text)
    .groupByKey()
    .count({ store: { name: 'counts', type: 'memory' } })
    .toStream()
    .to('out', { value: longSerde })
  const topology = builder.build()
  const sent: string[] = []
  const task = new StreamTask({
    applicationId: 'app',
    taskId: '0_0',
    partition: 0,
    topology,
    nodes: nodeGroups(topology)[0]?.nodes ?? new Set(),
    collector: {
      send: (topic, _, key, value) => {
        const bytes = value === null ? null : sentBytes(value)
        if (topic === 'out') sent.push(`${String(key)}=${bytes && longSerde.deserialize(bytes)}`)
      },
      partitionCount: () => 1,
    },
    clock: systemClock,
    cache: new RecordCache(1_000_000),
  })
  const process = (key: string, timestamp: number): void => {
    task.process({
      topic: 'in',
      partition: 0,
      offset: 0,
      timestamp,
      key: Buffer.from(key),
      value: Buffer.from('x'),
      headers: noHeaders,
    })
    task.punctuateStreamTime()
  }
  task.initStores()
  task.initOperators()
  process('a', 15)
  process('b', 16)
  task.flush()
  assert.deepEqual(sent, ['a=1', 'b=1'])
  assert.deepEqual(calls, ['record', 'due', 'record'])

  calls.length = sent.length = 0
  task.renewOperators()
  assert.deepEqual([calls, task.streamTime, task.partitionTime('in')], [['closed'], -1, -1])
  assert.equal(task.punctuateStreamTime(), false)
  // Another has counted on meanwhile.
  const value = longSerde.serialize(7)
  task.stores.get('counts')?.restore(Buffer.from('a'), value, 20, noHeaders)
  task.renewOperators()
  assert.deepEqual(calls, ['closed'], 'those that never began are not closed')

  task.initOperators()
  process('a', 25)
  process('b', 26)
  task.flush()
  assert.deepEqual(sent, ['a=8', 'b=2'])
  assert.deepEqual(calls, ['closed', 'record', 'due', 'record'])
  task.close()
  assert.deepEqual(calls.slice(-1), ['closed'])
})
