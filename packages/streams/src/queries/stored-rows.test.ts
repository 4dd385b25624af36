import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { longSerde, stringSerde } from '../serde.ts'
import { CachedKeyValueStore } from '../state/cached-key-value-store.ts'
import { keyValueStoreBuilder, timestampedKeyValueStoreBuilder } from '../state/key-value-store.ts'
import { RecordCache } from '../state/record-cache.ts'
import { sessionStore } from '../state/session-store.ts'
import type { StateStore, StoreBuilder } from '../state/store.ts'
import { timestampedWindowStore } from '../state/window-store.ts'
import { packPage, unpackPage } from './packed-page.ts'
import { maxPageBytes, type RowPlace, type StoreRead, type StoreRow } from './store-read.ts'
import { readPage } from './stored-rows.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const options = { name: 's', key: stringSerde, value: longSerde }
const keys = ['a', 'ab', 'b', 'ba', 'c', 'd', 'é']
const all = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const

/** All rows of a read in pages of `limit`, each begun where the one before ended, as between threads. */
function paged(store: StateStore, builder: StoreBuilder, read: StoreRead, limit: number) {
  const rows: StoreRow[] = []
  let after: RowPlace | undefined
  for (let pages = 1; ; pages++) {
    const page = unpackPage(
      packPage({ ...readPage(store, builder, read, after, limit), positions: [] }),
    )
    assert.ok(page.rows.length <= limit)
    rows.push(...page.rows)
    if (page.isLast) return { rows, pages }
    after = page.rows.at(-1)
  }
}

const shown = (rows: readonly StoreRow[]): unknown[] =>
  rows.map(({ key, value, timestamp, startMs, endMs }) => [
    stringSerde.deserialize(key),
    longSerde.deserialize(value),
    timestamp,
    startMs,
    endMs,
  ])

function someKeys() {
  const builder = timestampedKeyValueStoreBuilder(options)
  const store = builder.build()
  for (const [index, key] of keys.entries()) store.put(key, index, 100 + index)
  return { builder, store }
}

function someWindows() {
  const builder = timestampedWindowStore({ ...options, sizeMs: 10, retentionMs: 1_000 })
  const store = builder.build()
  for (const startMs of [0, 10, 20])
    for (const [index, key] of keys.entries()) store.put(key, index, startMs + 1, startMs)
  return { builder, store }
}

function someSessions() {
  const builder = sessionStore({ ...options, retentionMs: 1_000 })
  const store = builder.build()
  for (const key of keys)
    for (const [startMs, endMs] of [
      [0, 5],
      [3, 5],
      [6, 9],
    ] as const)
      store.put(key, { startMs, endMs }, endMs, 1)
  return { builder, store }
}

const cases: readonly {
  readonly name: string
  readonly of: () => { readonly store: StateStore; readonly builder: StoreBuilder }
  readonly read: StoreRead
  readonly count: number
}[] = [
  { name: 'one key', of: someKeys, read: { kind: 'get', key: bytes('b') }, count: 1 },
  { name: 'an absent key', of: someKeys, read: { kind: 'get', key: bytes('x') }, count: 0 },
  {
    name: 'a range with both ends',
    of: someKeys,
    read: { kind: 'range', from: bytes('ab'), to: bytes('c'), isReverse: false },
    count: 4,
  },
  {
    name: 'a range backwards',
    of: someKeys,
    read: { kind: 'range', from: bytes('ab'), to: null, isReverse: true },
    count: 6,
  },
  {
    name: 'a prefix that is no character of its own',
    of: someKeys,
    read: { kind: 'prefix', prefix: Buffer.from([0xc3]) },
    count: 1,
  },
  { name: 'a prefix', of: someKeys, read: { kind: 'prefix', prefix: bytes('b') }, count: 2 },
  {
    name: 'one window',
    of: someWindows,
    read: { kind: 'window', key: bytes('b'), startMs: 10 },
    count: 1,
  },
  {
    name: 'windows of a key',
    of: someWindows,
    read: { kind: 'windowsOfKey', key: bytes('b'), fromMs: 0, toMs: 10, isReverse: false },
    count: 2,
  },
  {
    name: 'windows of a key backwards',
    of: someWindows,
    read: { kind: 'windowsOfKey', key: bytes('b'), fromMs: 0, toMs: 20, isReverse: true },
    count: 3,
  },
  {
    name: 'windows of all keys',
    of: someWindows,
    read: {
      kind: 'windows',
      from: null,
      to: null,
      fromMs: all[0],
      toMs: all[1],
      isReverse: false,
    },
    count: 21,
  },
  {
    name: 'windows of some keys backwards',
    of: someWindows,
    read: {
      kind: 'windows',
      from: bytes('ab'),
      to: bytes('c'),
      fromMs: 0,
      toMs: 10,
      isReverse: true,
    },
    count: 8,
  },
  {
    name: 'one session',
    of: someSessions,
    read: { kind: 'session', key: bytes('b'), startMs: 3, endMs: 5 },
    count: 1,
  },
  {
    name: 'sessions of a key',
    of: someSessions,
    read: {
      kind: 'sessionsOfKey',
      key: bytes('b'),
      earliestEndMs: all[0],
      latestStartMs: all[1],
      isReverse: false,
    },
    count: 3,
  },
  {
    name: 'sessions of a key backwards',
    of: someSessions,
    read: {
      kind: 'sessionsOfKey',
      key: bytes('b'),
      earliestEndMs: 5,
      latestStartMs: 4,
      isReverse: true,
    },
    count: 2,
  },
  {
    name: 'sessions of all keys that have ended',
    of: someSessions,
    read: { kind: 'endedSessions', earliestEndMs: 5, latestEndMs: 8 },
    count: 14,
  },
]

describe('pages of a store', () => {
  for (const { name, of, read, count } of cases)
    test(`${name}: pages of every size give the rows of one page, in the same order`, () => {
      const { store, builder } = of()
      const whole = paged(store, builder, read, 1_000)
      assert.equal(whole.pages, 1)
      assert.equal(whole.rows.length, count)
      for (const limit of [1, 2, 3, 5, 7])
        assert.deepEqual(shown(paged(store, builder, read, limit).rows), shown(whole.rows))
    })

  test('rows that come and go between two pages are given if they lie behind the first, and none twice', () => {
    const { store, builder } = someKeys()
    const read: StoreRead = { kind: 'range', from: null, to: null, isReverse: false }
    const first = readPage(store, builder, read, undefined, 3)
    store.put('aa', 9, 1)
    store.put('b', null, 1)
    store.put('bb', 9, 1)
    const second = readPage(store, builder, read, first.rows.at(-1), 100)
    assert.deepEqual(
      second.rows.map(({ key }) => String(key)),
      ['ba', 'bb', 'c', 'd', 'é'],
    )
  })

  test('a page ends at its bound of bytes and has one row at least', () => {
    const builder = keyValueStoreBuilder({ name: 's', key: stringSerde, value: stringSerde })
    const store = builder.build()
    for (const key of ['a', 'b', 'c']) store.put(key, 'x'.repeat(maxPageBytes))
    const read: StoreRead = { kind: 'range', from: null, to: null, isReverse: false }
    assert.deepEqual(
      readPage(store, builder, read, undefined, 100).rows.map(({ key }) => String(key)),
      ['a'],
    )
    assert.equal(paged(store, builder, read, 100).rows.length, 3)
  })

  test('a store without timestamps gives none, and counts its entries', () => {
    const builder = keyValueStoreBuilder(options)
    const store = builder.build()
    store.put('a', 1)
    assert.deepEqual(shown(paged(store, builder, { kind: 'get', key: bytes('a') }, 1).rows), [
      ['a', 1, -1, 0, 0],
    ])
    assert.equal(readPage(store, builder, { kind: 'count' }, undefined, 1).entryCount, 1)
  })

  test('reading through a full cache evicts nothing: no record goes downstream because somebody asked', () => {
    const cache = new RecordCache(1_000)
    const store = new CachedKeyValueStore(options, cache)
    let sentCount = 0
    const record = {
      topic: 'in',
      partition: 0,
      offset: 7,
      timestamp: 1,
      headers: [],
      rawKey: null,
      rawValue: null,
    }
    store.init({ taskId: '0_0', record, logChange: undefined, countExpired() {} })
    store.onFlush(() => void sentCount++, false)
    const all: string[] = []
    // Until one is not written yet, which a look by a step would push out.
    for (; all.length < 100 || sentCount === all.length; all.push(`k${all.length}`))
      store.put(`k${all.length}`, 1, 1)
    const [before, sizeBytes] = [sentCount, cache.sizeBytes]
    assert.ok(before > 0 && before < all.length, 'some are only in the cache, some no longer')
    const builder = timestampedKeyValueStoreBuilder(options)
    for (const key of all) {
      const read: StoreRead = { kind: 'get', key: bytes(key) }
      assert.equal(readPage(store, builder, read, undefined, 1).rows.length, 1)
    }
    assert.deepEqual([sentCount, cache.sizeBytes], [before, sizeBytes])
    for (const key of all) store.get(key)
    assert.ok(sentCount > before, 'as a look of a step of the topology does')
  })

  const refused: readonly { name: string; read: StoreRead; code: string; message: RegExp }[] = [
    {
      name: 'windows of a key-value store',
      read: { kind: 'window', key: bytes('a'), startMs: 0 },
      code: 'MR_STREAMS_UNKNOWN_STORE',
      message: /kind timestampedKeyValue, of which "window" cannot be asked/,
    },
    {
      name: 'a key that its serde cannot read',
      read: { kind: 'get', key: bytes('abc') },
      code: 'MR_STREAMS_BAD_QUERY',
      message: /3 bytes is none of the store's/,
    },
  ]
  for (const { name, read, code, message } of refused)
    test(`${name}: refused`, () => {
      const builder = timestampedKeyValueStoreBuilder({ ...options, key: longSerde })
      const store = builder.build()
      assert.throws(() => readPage(store, builder, read, undefined, 1), { code, message })
    })
})
