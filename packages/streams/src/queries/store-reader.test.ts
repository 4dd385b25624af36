import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@millrace/core'
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import { longSerde, stringSerde } from '../serde.ts'
import { timestampedKeyValueStoreBuilder } from '../state/key-value-store.ts'
import { Topology } from '../topology/topology.ts'
import type { PageSource } from './page-source.ts'
import { StorePlaces } from './store-places.ts'
import { StoreReader, type ReadOptions } from './store-reader.ts'
import type { Page, PageRequest, StoreRead } from './store-read.ts'
import { readPage } from './stored-rows.ts'

const all: StoreRead = { kind: 'range', from: null, to: null, isReverse: false }

/** A store of three partitions whose pages fail as told, one code for each attempt. */
function subject(failures: StreamsErrorCode[] = [], options: ReadOptions = {}) {
  const builder = timestampedKeyValueStoreBuilder({ name: 's', key: stringSerde, value: longSerde })
  const stores = [0, 1, 2].map(() => builder.build())
  for (let index = 0; index < 300; index++) stores[index % 3]?.put(`k${index}`, index, 1)
  const asked: PageRequest[] = []
  const state = { rowsHeld: 0, mostHeld: 0 }
  const source: PageSource = {
    partitions: () => [0, 1, 2],
    isPassing: (code) => code === 'MR_STREAMS_STORE_NOT_READY',
    async page(request): Promise<Page> {
      asked.push(request)
      const code = failures.shift()
      if (code) throw new StreamsError(code, 'as told')
      const store = stores[request.partition ?? 0] ?? assert.fail()
      const page = readPage(store, builder, request.read, request.after, request.limit)
      return { ...page, positions: [] }
    },
  }
  const topology = new Topology()
    .addSource({ name: 'source', topics: ['in'], key: stringSerde, value: longSerde })
    .addProcessor({
      name: 'step',
      parents: ['source'],
      processor: () => ({ process() {} }),
      stores: [builder],
    })
  const plan = {
    subtopologies: [
      {
        id: 0,
        patterns: [],
        nodes: new Set(['source', 'step']),
        sourceTopics: ['in'],
        taskCount: 3,
        changelogs: new Map<string, string>(),
        sourceLogged: new Set<string>(),
      },
    ],
    internalTopics: [],
    repartitionTopics: new Set<string>(),
    partitionCounts: new Map([['in', 3]]),
  }
  const clock = new SimulatedClock()
  const reader = new StoreReader({
    store: 's',
    key: stringSerde,
    value: longSerde,
    partitioner: undefined,
    source,
    places: () => new StorePlaces(topology, plan, 'app'),
    clock,
    ...options,
  })
  return { reader, asked, clock, state }
}

const keysOf = async (rows: AsyncIterable<{ readonly key: Buffer }>): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of rows) keys.push(String(key))
  return keys
}

describe('a reader of a store', () => {
  test('what may pass is tried again until the time is over, what may not is told at once', async () => {
    const passing = subject(['MR_STREAMS_STORE_NOT_READY', 'MR_STREAMS_STORE_NOT_READY'])
    const keys = keysOf(passing.reader.ofAll(all))
    for (let each = 0; each < 20; each++) await passing.clock.advance(100)
    assert.equal((await keys).length, 300)

    const never = subject(Array.from({ length: 100 }, () => 'MR_STREAMS_STORE_NOT_READY'))
    const failed = assert.rejects(keysOf(never.reader.ofAll(all, { timeoutMs: 1_000 })), {
      code: 'MR_STREAMS_STORE_NOT_READY',
    })
    for (let each = 0; each < 20; each++) await never.clock.advance(100)
    await failed
    assert.ok(never.asked.length > 2 && never.asked.length < 60)
    assert.ok(never.asked.every(({ timeoutMs }) => timeoutMs <= 1_000))

    const final = subject(['MR_STREAMS_NOT_OWNER'])
    await assert.rejects(keysOf(final.reader.ofAll(all)), { code: 'MR_STREAMS_NOT_OWNER' })
    assert.equal(final.asked.length, 1)
  })

  test('a merge holds one page of each partition and reads on where one is used up', async () => {
    const { reader, asked } = subject()
    const rows = reader.ofAll(all, { isSorted: true, pageRows: 10 })
    await rows.next()
    assert.equal(asked.length, 3)
    const rest = await keysOf(rows)
    assert.deepEqual(rest, rest.toSorted())
    assert.equal(rest.length, 299)
    assert.equal(asked.length, 3 * 10)
  })

  test('without an order partition follows partition, and whoever stops early asks no more', async () => {
    const { reader, asked } = subject()
    let count = 0
    for await (const _ of reader.ofAll(all, { pageRows: 10 })) if (++count === 25) break
    assert.deepEqual(
      asked.map(({ partition }) => partition),
      [0, 0, 0],
    )
  })

  test('options of one read count for more than those of the store', async () => {
    const { reader, asked } = subject([], { isolation: 'committed', maxLagRecords: 5 })
    await reader.one('k1', { kind: 'get', key: Buffer.from('k1') }, { isolation: 'uncommitted' })
    assert.equal(asked[0]?.isolation, 'uncommitted')
    assert.equal(asked[0].maxLagRecords, 5)
  })

  test('a key without bytes, a bound of another topic and bytes of another serde are told', async () => {
    const { reader } = subject()
    assert.throws(() => reader.keyBytes(7 as unknown as string), { code: 'MR_STREAMS_BAD_QUERY' })
    const bound = { topic: 'out', partition: 0, offset: 1n }
    await assert.rejects(keysOf(reader.ofAll(all, { bound })), { code: 'MR_STREAMS_BAD_QUERY' })
    const place = { key: Buffer.alloc(0), startMs: 0, endMs: 0, timestamp: 0 }
    assert.throws(() => reader.valueOf({ ...place, value: Buffer.from('abc') }), {
      code: 'MR_STREAMS_UNDECODABLE',
      message: /value of the store "s"/,
    })
  })
})
