import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { noHeaders, type RawRecord } from '../record.ts'
import { jsonSerde, longSerde, stringSerde, type RangeReader, type Serde } from '../serde.ts'
import { StreamTask } from './stream-task.ts'

const bytes = Buffer.from('kvalue')

/** A record as the runtime has it, which notes whether its value was read. */
function recordOf(isTombstone: boolean, read: string[]): RawRecord {
  return {
    topic: 'in',
    partition: 0,
    offset: 3,
    timestamp: 5,
    key: bytes.subarray(0, 1),
    value: isTombstone ? null : bytes.subarray(1),
    headers: noHeaders,
    readKey: (make) => make(bytes, 0, 1),
    readValue: (make: RangeReader<unknown>) => {
      const value = isTombstone ? null : make(bytes, 1, 6)
      if (value === 'value') read.push(value)
      return value
    },
  }
}

interface Case<V> {
  readonly name: string
  readonly value: Serde<V>
  readonly alsoPeeks?: boolean
  readonly isRead: boolean
  readonly error?: string
}

const cases: readonly Case<unknown>[] = [
  { name: 'a text that is only counted is not read', value: stringSerde, isRead: false },
  {
    name: 'a text that another step looks at is read',
    value: stringSerde,
    alsoPeeks: true,
    isRead: true,
  },
  {
    name: 'what is only counted and makes no sense is an error all the same',
    value: jsonSerde(),
    isRead: false,
    error: 'MR_STREAMS_UNDECODABLE',
  },
]

for (const { name, value, alsoPeeks, isRead, error } of cases)
  test(`values of a source: ${name}`, () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream('in', { key: stringSerde, value })
    if (alsoPeeks) stream.peek(() => {})
    stream.groupByKey().count({ store: 'counts' }).toStream().to('out', { value: longSerde })
    const topology = builder.build()
    const counts: number[] = []
    const task = new StreamTask({
      applicationId: 'app',
      taskId: '0_0',
      partition: 0,
      topology,
      nodes: new Set(topology.nodes.keys()),
      collector: {
        send: (topic, _partition, _key, sent) =>
          void (topic === 'out' && counts.push(longSerde.deserialize(sent as Buffer))),
        partitionCount: () => 1,
      },
      clock: systemClock,
    })
    task.initStores()
    task.initOperators()
    const read: string[] = []
    const process = (): void => task.process(recordOf(false, read))
    if (error !== undefined) return assert.throws(process, { code: error })
    process()
    task.process(recordOf(true, read))
    process()
    assert.deepEqual(counts, [1, 2], 'a record without a value is not counted')
    assert.deepEqual(read, isRead ? ['value', 'value'] : [])
    task.close()
  })
