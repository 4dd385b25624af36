import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core'
import {
  joinWindows,
  jsonSerde,
  StreamsBuilder,
  StreamsError,
  stringSerde,
} from '@millrace/streams'
import { noHeaders } from '../record.ts'
import { sentBytes, StreamTask } from '../task/stream-task.ts'
import type { Topology } from '../topology/topology.ts'

const text = { key: stringSerde, value: stringSerde }
const joiner = (left: string | null, right: string | null): string => `${left}+${right}`

function joinTopology(kind: 'leftJoin' | 'outerJoin', withinMs = 10): Topology {
  const builder = new StreamsBuilder()
  const left = builder.stream('left', text)
  const right = builder.stream('right', text)
  const options = { windows: joinWindows({ withinMs, graceMs: 0 }), store: 'pairs' }
  left[kind](right, joiner, options).to('out', text)
  return builder.build()
}

interface Written {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
}

/** A task as an application runs it: throttled, unlike one of a test driver. */
function started(topology: Topology, changelogs: readonly Written[] = []) {
  const clock = new SimulatedClock(1_000_000)
  const written: Written[] = []
  const task = new StreamTask({
    applicationId: 'app',
    taskId: '0_0',
    partition: 0,
    topology,
    nodes: new Set(topology.nodes.keys()),
    clock,
    collector: {
      send: (topic, _partition, key, value, timestamp) =>
        void written.push({ topic, key: sentBytes(key), value: sentBytes(value), timestamp }),
      partitionCount: () => 1,
    },
  })
  task.initStores()
  for (const { topic, key, value, timestamp } of changelogs)
    for (const [name, store] of task.stores)
      if (topic === `app-${name}-changelog`)
        store.restore(key as Buffer, value, timestamp, noHeaders)
  task.initOperators()
  let offset = 0
  return {
    clock,
    written,
    pipe: (topic: string, key: string, timestamp: number, value: string): void => {
      const partition = 0
      task.process({
        topic,
        partition,
        offset: offset++,
        timestamp,
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: noHeaders,
      })
    },
    /** What was joined since the last call. */
    out: () =>
      written
        .splice(0)
        .filter(({ topic }) => topic === 'out')
        .map(({ value, timestamp }) => `${String(value)}@${timestamp}`),
  }
}

test('waiting rows are walked over at most once a second of the wall clock', async () => {
  const { clock, pipe, out } = started(joinTopology('leftJoin'))
  pipe('left', 'a', 5, 'l1')
  pipe('right', 'z', 100, 'r')
  assert.deepEqual(out(), [], 'the first walk was that before l1 had come')
  await clock.advance(999)
  pipe('right', 'z', 101, 'r')
  assert.deepEqual(out(), [])
  await clock.advance(1)
  pipe('right', 'z', 102, 'r')
  assert.deepEqual(out(), ['l1+null@5'])
  pipe('left', 'b', 103, 'l2')
  pipe('right', 'z', 200, 'r')
  assert.deepEqual(out(), [])
  await clock.advance(1000)
  pipe('right', 'z', 201, 'r')
  assert.deepEqual(out(), ['l2+null@103'])
})

test('after a restart partners are still there, and rows that wait are given up or joined', () => {
  const before = started(joinTopology('outerJoin'))
  before.pipe('left', 'a', 5, 'l1')
  before.pipe('left', 'b', 6, 'l2')
  before.pipe('left', 'b', 6, 'l3')
  before.pipe('right', 'c', 7, 'r1')
  const after = started(joinTopology('outerJoin'), before.written)
  after.pipe('right', 'a', 8, 'r2')
  assert.deepEqual(after.out(), ['l1+r2@8'])
  after.pipe('left', 'z', 50, 'l4')
  assert.deepEqual(after.out(), [], 'the first walk, which is throttled now, was at r2')
  const last = started(joinTopology('outerJoin'), before.written)
  last.pipe('left', 'z', 50, 'l4')
  assert.deepEqual(last.out(), ['l1+null@5', 'l2+null@6', 'l3+null@6', 'null+r1@7'])
})

// Java adds to the largest long there, which overflows unless nothing is added.
test('after a restart a join without width and grace looks at its rows once another waits', () => {
  const before = started(joinTopology('leftJoin', 0))
  before.pipe('left', 'a', 5, 'l1')
  const after = started(joinTopology('leftJoin', 0), before.written)
  after.pipe('left', 'b', 50, 'l2')
  assert.deepEqual(after.out(), [])
  after.pipe('right', 'z', 60, 'r1')
  assert.deepEqual(after.out(), ['l1+null@5', 'l2+null@50'])
})

const refusals: readonly {
  readonly name: string
  readonly code: string
  readonly says: RegExp
  readonly build: () => void
}[] = [
  {
    name: 'stores without a name',
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    says: /KSTREAM-JOINTHIS-\d{10}-store.*option `store`/s,
    build() {
      const builder = new StreamsBuilder()
      const left = builder.stream('left', text)
      left.join(builder.stream('right', text), joiner, {
        windows: joinWindows({ withinMs: 1, graceMs: 0 }),
        name: 'pairs',
      })
    },
  },
  {
    name: 'a repartition topic without a name',
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    says: /KSTREAM-KEY-SELECT-\d{10}-repartition.*option `name`/s,
    build() {
      const builder = new StreamsBuilder()
      const left = builder.stream('left', text).selectKey((value) => value, { key: stringSerde })
      left.join(builder.stream('right', text), joiner, {
        windows: joinWindows({ withinMs: 1, graceMs: 0 }),
        store: 'pairs',
      })
    },
  },
  {
    name: 'values nobody can write',
    code: 'MR_STREAMS_NO_SERDE',
    says: /"pairs-other-join-store" needs the serde of its values.*option `rightValue`/s,
    build() {
      const builder = new StreamsBuilder()
      const right = builder.stream('right', text).mapValues((value) => ({ value }))
      builder.stream('left', text).join(right, (left, { value }) => left + value, {
        windows: joinWindows({ withinMs: 1, graceMs: 0 }),
        store: 'pairs',
      })
      builder.build()
    },
  },
  {
    name: 'streams of two builders',
    code: 'MR_STREAMS_BAD_TOPOLOGY',
    says: /cannot be joined .* of another StreamsBuilder/,
    build() {
      const left = new StreamsBuilder().stream('left', text)
      left.join(new StreamsBuilder().stream('right', text), joiner, {
        windows: joinWindows({ withinMs: 1, graceMs: 0 }),
        store: 'pairs',
      })
    },
  },
]

for (const { name, code, says, build } of refusals)
  test(`a join refuses ${name}`, () =>
    assert.throws(
      build,
      (error) => error instanceof StreamsError && error.code === code && says.test(error.message),
    ))

test('types of both sides and of the result flow through a join', () => {
  const builder = new StreamsBuilder()
  const orders = builder.stream('orders', {
    key: stringSerde,
    value: jsonSerde<{ total: number }>(),
  })
  const payments = builder.stream('payments', {
    key: stringSerde,
    value: jsonSerde<{ paid: number }>(),
  })
  orders
    .leftJoin(payments, ({ total }, payment) => ({ open: total - (payment?.paid ?? 0) }), {
      windows: joinWindows({ beforeMs: 0, afterMs: 60_000, graceMs: 5_000 }),
      name: 'paid-orders',
      store: 'paid-orders',
      value: jsonSerde<{ open: number }>(),
    })
    .filter(({ open }) => open > 0)
    .to('open-orders')
  const topology = builder.build()
  assert.deepEqual(
    [...topology.stores.values()].map(({ name, changelog }) => [name, changelog]),
    [
      ['paid-orders-this-join-store', { policy: 'delete', retentionMs: 65_000 }],
      ['paid-orders-outer-other-join-store', { policy: 'delete', retentionMs: 65_000 }],
      ['paid-orders-left-shared-join-store', { policy: 'compact' }],
    ],
  )
  assert.deepEqual(topology.copartitioned, [
    ['KSTREAM-SOURCE-0000000000', 'KSTREAM-SOURCE-0000000001'],
  ])
})
