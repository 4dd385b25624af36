import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  batchLastOffset,
  createTopicsApi,
  deleteRecordsApi,
  errorCodes,
  fetchApi,
  listOffsetsApi,
  nextBatch,
  produceApi,
  RecordBatchBuilder,
  RecordColumns,
} from '@millrace/protocol'
import type { Broker } from './index.ts'
import type { WireClient } from '../test/wire-client.ts'
import { openWireTarget, type WireTarget } from '../test/wire-target.ts'

/**
 * Compaction as clients see it, on a broker of this package in its own thread, and with `npm run test:kafka` on Apache Kafka, whose cleaner
 * looks every second.
 */
let target: WireTarget
let client: WireClient

before(async () => {
  target = await openWireTarget({
    options: { worker: true },
    properties: { 'log.cleaner.backoff.ms': '1000' },
  })
  client = await target.connect()
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

async function compactedTopic(configs: Record<string, string> = {}): Promise<string> {
  const name = `compaction-${uuidv7()}`
  const settings = {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'segment.ms': '100',
    'delete.retention.ms': '100',
    ...configs,
  }
  const { topics } = await client.call(createTopicsApi, 7, {
    topics: [
      {
        name,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 10_000,
  })
  assert.equal(topics[0]!.errorCode, 0, topics[0]!.errorMessage ?? '')
  await eventually('the topic has a leader', async () => {
    const { topics: listed } = await client.call(listOffsetsApi, 5, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    })
    return listed[0]!.partitions[0]!.errorCode === 0
  })
  return name
}

type Entry = readonly [key: string, value: string | null]

async function produce(
  topic: string,
  entries: readonly Entry[],
  codec = 0,
  on = client,
): Promise<number> {
  const builder = new RecordBatchBuilder()
  for (const [key, value] of entries) builder.add(key, value, [], systemClock.now())
  const records = Buffer.from(builder.build({ codec }))
  const { responses } = await on.call(produceApi, 9, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })
  const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
  assert.equal(errorCode, 0)
  return Number(baseOffset)
}

interface Page {
  readonly records: readonly (readonly [offset: number, key: string, value: string | null])[]
  readonly nextOffset: number
  readonly highWatermark: number
}

async function fetch(topic: string, offset: number, on = client): Promise<Page> {
  const { responses } = await on.call(fetchApi, 11, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [
      {
        topic,
        partitions: [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 20_000 }],
      },
    ],
  })
  const { errorCode, records, highWatermark } = responses[0]!.partitions[0]!
  assert.equal(errorCode, 0)
  const bytes = records as Buffer
  const columns = new RecordColumns()
  const found: (readonly [number, string, string | null])[] = []
  let nextOffset = offset
  for (let at = 0, next; (next = nextBatch(bytes, at)) !== -1; at = next) {
    columns.read(bytes, at)
    for (let index = 0; index < columns.count; index++) {
      const value = columns.value(index)
      if (columns.offset(index) >= offset)
        found.push([columns.offset(index), String(columns.key(index)), value && String(value)])
    }
    nextOffset = batchLastOffset(bytes, at) + 1
  }
  return { records: found, nextOffset, highWatermark: Number(highWatermark) }
}

async function fetchAll(topic: string, from = 0): Promise<Page['records']> {
  const records: (readonly [number, string, string | null])[] = []
  for (let offset = from; ;) {
    const page = await fetch(topic, offset)
    records.push(...page.records)
    if (page.nextOffset >= page.highWatermark) return records
    assert.ok(page.nextOffset > offset, `stuck at ${offset} of ${page.highWatermark}`)
    offset = page.nextOffset
  }
}

/** Ours on demand; Apache Kafka in its own time, for which the active segment must be closed by another record. */
async function untilCompacted(
  topic: string,
  what: string,
  isDone: (records: Page['records']) => boolean,
): Promise<Page['records']> {
  const { ours } = target
  let records: Page['records'] = []
  const once = async (): Promise<boolean> => {
    if (ours === undefined) await produce(topic, [['~', `${systemClock.now()}`]])
    else await ours.broker.compactNow()
    records = (await fetchAll(topic)).filter(([, key]) => key !== '~')
    return isDone(records)
  }
  await eventually(what, once, { timeoutMs: 120_000, everyMs: ours === undefined ? 500 : 50 })
  return records
}

test('compaction: a reader gets the last value of each key at its old offset, and a tombstone for a while', async () => {
  // Long enough to be seen where the cleaner runs by itself.
  const tombstonesMs = target.ours === undefined ? '15000' : '100'
  const topic = await compactedTopic({ 'delete.retention.ms': tombstonesMs })
  await produce(topic, [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
  ])
  await produce(
    topic,
    [
      ['c', '1'],
      ['b', null],
    ],
    4,
  )
  const records = await untilCompacted(topic, 'keys stand once', (found) => found.length === 3)
  assert.deepEqual(records, [
    [2, 'a', '2'],
    [3, 'c', '1'],
    [4, 'b', null],
  ])
  const left = await untilCompacted(topic, 'the tombstone is gone', (found) => found.length === 2)
  assert.deepEqual(left, [
    [2, 'a', '2'],
    [3, 'c', '1'],
  ])
  // Any offset can be read from, also one that is gone.
  for (const [from, first] of [
    [0, 2],
    [1, 2],
    [3, 3],
  ] as const)
    assert.equal((await fetchAll(topic, from))[0]![0], first)
  assert.ok((await produce(topic, [['d', '1']])) >= 5)
})

test('compaction: a topic that is compacted only refuses DeleteRecords; with delete it takes them', async () => {
  const deleteUpTo = async (topic: string, offset: bigint): Promise<number> => {
    const { topics } = await client.call(deleteRecordsApi, 2, {
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: 5_000,
    })
    return topics[0]!.partitions[0]!.errorCode
  }
  const compacted = await compactedTopic()
  await produce(compacted, [['a', '1']])
  assert.equal(await deleteUpTo(compacted, 1n), errorCodes.POLICY_VIOLATION)
  const both = await compactedTopic({ 'cleanup.policy': 'compact,delete' })
  await produce(both, [['a', '1']])
  await produce(both, [
    ['b', '1'],
    ['c', '1'],
  ])
  assert.equal(await deleteUpTo(both, 2n), 0)
  assert.deepEqual(await fetchAll(both, 2), [[2, 'c', '1']])
})

test('compaction: consumers that read while it runs end with the same table as one that comes after', async () => {
  const topic = await compactedTopic()
  const keyCount = 20
  const rounds = target.ours === undefined ? 100 : 400
  let isProducing = true
  const table = new Map<string, string>()
  const producing = (async () => {
    await using own = await target.connect()
    for (let n = 0; n < rounds; n++) {
      const entries = Array.from(
        { length: 5 },
        (_, index) =>
          [`key ${(n * 7 + index * 3) % keyCount}`, `${n}/${index}`.padEnd(200)] as const,
      )
      await produce(topic, entries, n % 5, own)
      for (const [key, value] of entries) table.set(key, value)
    }
    isProducing = false
  })()
  const consume = async (): Promise<Map<string, string | null>> => {
    await using own = await target.connect()
    const seen = new Map<string, string | null>()
    let last = -1
    for (let offset = 0; ;) {
      // Asked before: an answer under way when the last record is written does not have it.
      const isComplete = !isProducing
      const page = await fetch(topic, offset, own)
      for (const [at, key, value] of page.records) {
        assert.ok(at > last, `offset ${at} after ${last}`)
        last = at
        seen.set(key, value)
      }
      if (isComplete && page.nextOffset >= page.highWatermark) return seen
      if (page.nextOffset === offset) await new Promise((resolve) => setImmediate(resolve))
      offset = page.nextOffset
    }
  }
  const consuming = Promise.all([consume(), consume()])
  const compactAlong = async (own: Broker): Promise<void> => {
    for (;;) {
      await own.compactNow()
      if (!isProducing) return
    }
  }
  if (target.ours !== undefined) await compactAlong(target.ours.broker)
  await producing
  for (const seen of await consuming) assert.deepEqual(seen, table)
  const compacted = await untilCompacted(
    topic,
    'keys stand once',
    (found) => found.length === keyCount,
  )
  assert.deepEqual(new Map(compacted.map(([, key, value]) => [key, value])), table)
})

test('compaction: it survives a restart of the broker', async (t) => {
  const { ours } = target
  if (ours === undefined) return t.skip('how Apache Kafka keeps its records is its own affair')
  const topic = await compactedTopic()
  for (let n = 0; n < 10; n++)
    await produce(topic, [
      ['a', `${n}`],
      [`b${n}`, 'x'],
    ])
  await ours.broker.compactNow()
  const before = await fetchAll(topic)
  assert.equal(before.length, 11)
  await ours.restart()
  await client[Symbol.asyncDispose]()
  client = await target.connect()
  assert.deepEqual(await fetchAll(topic), before)
  assert.equal(await produce(topic, [['a', 'next']]), 20)
})
