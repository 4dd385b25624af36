import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, SimulatedClock } from '@millrace/core'
import {
  hoppingWindows,
  longSerde,
  sessionWindows,
  slidingWindows,
  StreamsBuilder,
  stringSerde,
  tumblingWindows,
  type KTable,
  type Topology,
  type Windowed,
} from '@millrace/streams'
import { sentBytes, StreamTask } from '../task/stream-task.ts'
import { sessionWindowedSerde, timeWindowedSerde } from '../windowed.ts'
import { RecordCache } from './record-cache.ts'
import { sessionStore } from './session-store.ts'
import type { StoreContext } from './store.ts'
import { timestampedWindowStore } from './window-store.ts'

const part = { name: 'store', key: stringSerde, value: longSerde, isCached: true }

/** What a store logged and sent. */
function listening(log: string[]): StoreContext {
  return {
    taskId: '0_0',
    record: {
      topic: 'in',
      partition: 0,
      offset: 7,
      timestamp: 77,
      headers: [{ key: 'h', value: null }],
      rawKey: null,
      rawValue: null,
    },
    logChange: (_, value, timestamp) =>
      void log.push(`${sentBytes(value)?.readInt32BE(4) ?? null}@${timestamp}`),
    countExpired: () => void log.push('expired'),
  }
}

function cachedWindows(maxBytes = 1e6) {
  const logged: string[] = []
  const sent: string[] = []
  const cache = new RecordCache(maxBytes)
  const store = timestampedWindowStore({ ...part, sizeMs: 10, retentionMs: 100 }).buildCached?.(
    cache,
  )
  assert.ok(store)
  store.init(listening(logged))
  const isCached = store.onFlush(({ key, window }, { newValue, oldValue }, timestamp, headers) => {
    const names = headers.map((header) => header.key).join()
    sent.push(`${key}${window.startMs}:${oldValue}>${newValue}@${timestamp}${names}`)
  }, true)
  assert.equal(isCached, true)
  return { store, cache, logged, sent }
}

test('a cached window store is as without, and sends and logs the last update of each window at its flush (trap 36)', () => {
  const { store, cache, logged, sent } = cachedWindows()
  store.put('a', 1, 5, 0)
  store.put('b', 1, 6, 0)
  store.put('a', 2, 3, 0, [])
  store.put('a', 3, 12, 10)
  assert.deepEqual(store.fetch('a', 0), { value: 2, timestamp: 3 })
  assert.deepEqual([logged, sent], [[], []])
  assert.ok(cache.sizeBytes > 250)
  store.flush()
  assert.equal(cache.sizeBytes, 0)
  assert.deepEqual(sent.splice(0), ['b0:null>1@6h', 'a0:null>2@3', 'a10:null>3@12h'])
  assert.deepEqual(logged.splice(0), ['1@6', '2@3', '3@12'])
  store.put('a', null, 8, 0)
  store.put('b', null, 8, 0)
  store.put('b', 4, 9, 0)
  store.put('c', 1, 8, 0)
  store.put('c', null, 9, 0)
  store.put('d', null, 9, 0)
  assert.equal(store.approximateEntryCount, 2)
  store.flush()
  store.flush()
  assert.deepEqual(sent, ['a0:2>null@8h', 'b0:1>4@9h'])
  assert.deepEqual(logged, ['null@8', '4@9'])
})

test('a window that expires before it was sent is sent all the same, and one that is put expired too', () => {
  const { store, logged, sent } = cachedWindows()
  store.put('a', 1, 5, 0)
  store.put('b', 2, 105, 100)
  store.put('a', 3, 6, 0)
  assert.equal(store.fetch('a', 0), undefined)
  store.flush()
  assert.deepEqual(sent, ['a0:null>1@5h', 'b100:null>2@105h', 'a0:null>3@6h'])
  assert.deepEqual(logged, ['expired', '1@5', '2@105', '3@6'])
})

test('a full cache lets all go that waits, and what comes of it may put into the same store', () => {
  const { store, cache, sent } = cachedWindows(300)
  for (const key of ['a', 'b', 'c']) store.put(key, 1, 1, 0)
  assert.deepEqual(sent, [])
  store.put('d', 1, 1, 0)
  assert.equal(sent.length, 4)
  assert.equal(cache.sizeBytes, 0)
  store.onFlush(({ key }) => {
    if (key === 'x') store.put('y', 1, 1, 0)
  }, false)
  store.put('x', 1, 1, 0)
  store.flush()
  assert.ok(cache.sizeBytes > 0)
  assert.equal(store.fetch('y', 0)?.value, 1)
})

test('a cached session store tells of sessions that were told of, and of no others, that they are gone', () => {
  const logged: string[] = []
  const sent: string[] = []
  const store = sessionStore({ ...part, retentionMs: 100 }).buildCached?.(new RecordCache(1e6))
  assert.ok(store)
  store.init(listening(logged))
  store.onFlush(({ key, window }, { newValue, oldValue }) => {
    sent.push(`${key}${window.startMs}-${window.endMs}:${oldValue}>${newValue}`)
  }, true)
  store.put('a', { startMs: 1, endMs: 1 }, 1, 1)
  store.remove('a', { startMs: 1, endMs: 1 }, 2)
  store.put('a', { startMs: 1, endMs: 2 }, 2, 2)
  store.flush()
  assert.deepEqual(sent.splice(0), ['a1-2:null>2'])
  assert.deepEqual(logged.splice(0), ['2@2'])
  store.remove('a', { startMs: 1, endMs: 2 }, 3)
  store.put('a', { startMs: 1, endMs: 3 }, 3, 3)
  store.remove('a', { startMs: 1, endMs: 3 }, 4)
  store.put('a', { startMs: 1, endMs: 4 }, 4, 4)
  // One that goes and comes back has changed.
  store.put('b', { startMs: 1, endMs: 1 }, 1, 1)
  store.flush()
  assert.deepEqual(sent.splice(0), ['a1-2:2>null', 'a1-4:null>4', 'b1-1:null>1'])
  store.remove('b', { startMs: 1, endMs: 1 }, 5)
  store.put('b', { startMs: 1, endMs: 1 }, 2, 5)
  store.flush()
  assert.deepEqual(sent, ['b1-1:1>2'])
  assert.deepEqual(logged, ['null@3', '4@4', '1@1', '2@5'])
})

type Counted = KTable<Windowed<string>, number>

const kinds: readonly {
  readonly name: string
  readonly isSession?: boolean
  readonly tellsOldValues: boolean
  readonly count: (builder: StreamsBuilder) => Counted
}[] = [
  {
    name: 'tumbling windows',
    tellsOldValues: true,
    count: (builder) =>
      grouped(builder)
        .windowedBy(tumblingWindows({ sizeMs: 50, graceMs: 75 }))
        .count({ store: 'counts' }),
  },
  {
    name: 'hopping windows',
    tellsOldValues: true,
    count: (builder) =>
      grouped(builder)
        .windowedBy(hoppingWindows({ sizeMs: 50, advanceMs: 15, graceMs: 75 }))
        .count({ store: 'counts' }),
  },
  {
    name: 'sliding windows',
    tellsOldValues: false,
    count: (builder) =>
      grouped(builder)
        .windowedBy(slidingWindows({ differenceMs: 50, graceMs: 75 }))
        .count({ store: 'counts' }),
  },
  {
    name: 'sessions',
    tellsOldValues: false,
    isSession: true,
    count: (builder) =>
      grouped(builder)
        .windowedBy(sessionWindows({ gapMs: 5, graceMs: 75 }))
        .count({ store: 'counts' }),
  },
]

function grouped(builder: StreamsBuilder) {
  return builder.stream('in', { key: stringSerde, value: stringSerde }).groupByKey()
}

/** Counts to `out`, and their number by key to `groups`, which takes the old values away. */
function topologyOf(count: (builder: StreamsBuilder) => Counted, isSession: boolean): Topology {
  const builder = new StreamsBuilder()
  const counts = count(builder)
  const key = isSession ? sessionWindowedSerde(stringSerde) : timeWindowedSerde(stringSerde, 50)
  counts.toStream().to('out', { key, value: longSerde })
  counts
    .groupBy((value, windowed) => [windowed.key, value], {
      key: stringSerde,
      value: longSerde,
      name: 'by-key',
    })
    .reduce(
      (sum, value) => sum + value,
      (sum, value) => sum - value,
      { store: 'sums' },
    )
    .toStream()
    .to('groups', { key: stringSerde, value: longSerde })
  return builder.build()
}

for (const { name, count, isSession = false, tellsOldValues } of kinds)
  for (const seed of [1, 2, 3])
    test(`${name}: caches of any size give the same table at the end, in the topic, in the changelog and in what is made of it (seed ${seed})`, () => {
      const run = (maxBytes: number) => finalTables(topologyOf(count, isSession), maxBytes, seed)
      const runs = [0, 500, 1e6].map(run)
      for (const { out, changelog, groups } of runs) {
        assert.ok(out.size > 20)
        assert.deepEqual([out, changelog], [runs[0]?.out, runs[0]?.changelog])
        // What a new sliding window is said to have had before is another's value, and a session of one instant nothing, as in Java;
        // a cache finds out.
        if (tellsOldValues || groups !== runs[0]?.groups) assert.deepEqual(groups, sumsOf(out))
      }
      const [none = 0, tiny = 0, large = 0] = runs.map(({ written }) => written)
      assert.ok(large < tiny && tiny < none, `${large}, ${tiny} and ${none} records`)
    })

/** Sums of the counts by key. */
function sumsOf(out: ReadonlyMap<string, Row>): Map<string, Row> {
  const sums = new Map<string, Row>()
  for (const [id, { value }] of out) {
    const key = id.slice(0, 2)
    sums.set(key, { value: value + (sums.get(key)?.value ?? 0), timestamp: -1 })
  }
  return sums
}

interface Row {
  readonly value: number
  readonly timestamp: number
}

/** The last row of each key, which is in hexadecimal; deletions take keys away. */
interface Final {
  readonly out: Map<string, Row>
  readonly groups: Map<string, Row>
  readonly changelog: Map<string, Row>
  /** Records to `out` and the changelog. */
  readonly written: number
}

function finalTables(topology: Topology, maxBytes: number, seed: number): Final {
  const tables = {
    out: new Map<string, Row>(),
    groups: new Map<string, Row>(),
    'app-counts-changelog': new Map<string, Row>(),
  }
  const again: { topic: string; key: Buffer | null; value: Buffer | null; timestamp: number }[] = []
  let written = 0
  const task = new StreamTask({
    applicationId: 'app',
    taskId: '0_0',
    partition: 0,
    topology,
    nodes: new Set(topology.nodes.keys()),
    clock: new SimulatedClock(1_000),
    ...(maxBytes > 0 && { cache: new RecordCache(maxBytes) }),
    collector: {
      partitionCount: () => 1,
      send(topic, _, sentKey, sentValue, timestamp) {
        const [key, value] = [sentBytes(sentKey), sentBytes(sentValue)]
        if (topic.endsWith('-repartition')) return void again.push({ topic, key, value, timestamp })
        if (!(topic in tables) || !key) return
        if (topic !== 'groups') written++
        const table = tables[topic as keyof typeof tables]
        // How often a sum was updated shows in the time of its last update.
        const row = {
          value: value?.readInt32BE(4) ?? 0,
          timestamp: topic === 'groups' ? -1 : timestamp,
        }
        if (value) table.set(key.toString('hex'), row)
        else table.delete(key.toString('hex'))
      },
    },
  })
  task.initStores()
  task.initOperators()
  const flush = (): void => {
    // What is flushed comes back by the repartition topic, and is held then.
    for (let round = 0; round < 3; round++) {
      task.flush()
      for (const record of again.splice(0))
        task.process({ ...record, partition: 0, offset: 0, headers: [] })
    }
  }
  const random = seededRandom(seed)
  for (let step = 0; step < 600; step++) {
    const key = Buffer.from(['a', 'b', 'c'][randomInt(random, 3)] as string)
    const timestamp = 5 * Math.max(0, Math.floor(step / 4) - randomInt(random, 40))
    const value = Buffer.from('v')
    task.process({ topic: 'in', partition: 0, offset: step, timestamp, key, value, headers: [] })
    if (randomInt(random, 50) === 0) flush()
  }
  flush()
  const { out, groups, 'app-counts-changelog': changelog } = tables
  return { out, groups, changelog, written }
}
