import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordContext } from '../record.ts'
import { stringSerde } from '../serde.ts'
import { CachedKeyValueStore } from './cached-key-value-store.ts'
import { RecordCache } from './record-cache.ts'

const text = { key: stringSerde, value: stringSerde }
const record: RecordContext = {
  topic: 'in',
  partition: 0,
  offset: 7,
  timestamp: 1,
  headers: [],
  rawKey: null,
  rawValue: null,
}

function opened(maxBytes = 1e6, name = 'store', cache = new RecordCache(maxBytes)) {
  const store = new CachedKeyValueStore<string, string>({ name, ...text }, cache)
  const logged: string[] = []
  const sent: string[] = []
  store.init({
    taskId: '0_0',
    record,
    logChange: (key, value, timestamp) =>
      void logged.push(`${String(key)}=${String(value)}@${timestamp}`),
    countExpired: () => {},
  })
  store.onFlush((key, { newValue, oldValue }, timestamp) => {
    sent.push(`${key}=${newValue}<${oldValue}@${timestamp}`)
  }, true)
  return { store, cache, logged, sent }
}

test('a cached store sends and logs the last update of each key at its flush, with what was there at the flush before (trap 36)', () => {
  const { store, logged, sent } = opened()
  store.put('a', '1', 5)
  store.put('b', '1', 6)
  store.put('a', '2', 3)
  assert.deepEqual(store.get('a'), { value: '2', timestamp: 3 })
  assert.deepEqual([logged, sent], [[], []])
  store.flush()
  assert.deepEqual(sent.splice(0), ['b=1<null@6', 'a=2<null@3'])
  assert.deepEqual(logged.splice(0), ['b=1@6', 'a=2@3'])
  store.put('a', null, 8)
  store.put('c', '1', 8)
  store.put('c', null, 9)
  store.flush()
  store.flush()
  assert.deepEqual(sent, ['a=null<2@8'])
  assert.deepEqual(logged, ['a=null@8'])
})

test('what is flushed may put into the same store, and is flushed the next time', () => {
  const { store, logged } = opened()
  store.onFlush((key) => {
    if (key === 'a') store.put('b', 'made', 2)
  }, false)
  store.put('a', '1', 1)
  store.flush()
  assert.deepEqual(logged.splice(0), ['a=1@1'])
  assert.deepEqual(store.get('b'), { value: 'made', timestamp: 2 })
  store.flush()
  assert.deepEqual(logged, ['b=made@2'])
})

test('a key that is put while its update is leaving leaves as it was, and once more at the next flush', () => {
  const { store, sent } = opened()
  store.onFlush((key, { newValue, oldValue }) => {
    sent.push(`${key}=${newValue}<${oldValue}`)
    if (key === 'a' && newValue === '1') store.put('b', '2', 2)
  }, true)
  store.put('a', '1', 1)
  store.put('b', '1', 1)
  store.flush()
  assert.deepEqual(sent.splice(0), ['a=1<null', 'b=1<null'])
  assert.deepEqual(store.get('b'), { value: '2', timestamp: 2 })
  store.flush()
  assert.deepEqual(sent, ['b=2<1'])
})

test('a full cache gives up the key that was not put for the longest time first, then all that is not written', () => {
  const { store, cache, sent } = opened(260)
  for (const key of ['a', 'b', 'c']) store.put(key, '1', 1)
  assert.deepEqual(sent, [])
  store.put('a', '2', 2)
  store.put('d', '1', 3)
  assert.deepEqual(sent.splice(0), ['b=1<null@1', 'c=1<null@1', 'a=2<null@2', 'd=1<null@3'])
  assert.ok(cache.sizeBytes <= 260 && cache.sizeBytes > 160, `${cache.sizeBytes} bytes are held`)
  // What is written already goes without a word, and is read from the store.
  store.put('e', '1', 4)
  assert.deepEqual(sent, [])
  assert.deepEqual(store.get('c'), { value: '1', timestamp: 1 })
})

test('caches of one thread share its memory: one that has nothing to give up leaves it to the next', () => {
  const { store: first, cache } = opened(180, 'first')
  const { store: second, sent } = opened(0, 'second', cache)
  first.put('a', '1', 1)
  first.put('b', '1', 1)
  second.put('x', '1', 1)
  assert.deepEqual(sent, ['x=1<null@1'])
  first.close()
  second.close()
  assert.equal(cache.sizeBytes, 0)
})

test('ranges see what is in the cache and in the store, each key once, in the order of the keys', () => {
  const { store } = opened()
  for (const key of ['b', 'd', 'f', 'h']) store.put(key, 'old', 1)
  store.flush()
  store.put('a', 'new', 2)
  store.put('d', null, 2)
  store.put('e', 'new', 2)
  store.put('f', 'new', 2)
  store.put('i', 'new', 2)
  const shown = (rows: Iterable<[string, { value: string }]>): string =>
    [...rows].map(([key, { value }]) => `${key}:${value}`).join(' ')
  assert.equal(shown(store.range()), 'a:new b:old e:new f:new h:old i:new')
  assert.equal(shown(store.reverseRange()), 'i:new h:old f:new e:new b:old a:new')
  assert.equal(shown(store.range('b', 'f')), 'b:old e:new f:new')
  assert.equal(shown(store.reverseRange(undefined, 'e')), 'e:new b:old a:new')
  assert.equal(shown(store.range('g')), 'h:old i:new')
  assert.equal(shown(store.prefixScan(Buffer.from('f'))), 'f:new')
})

test('what is restored is read through the cache', () => {
  const { store, logged } = opened()
  store.restore(Buffer.from('a'), Buffer.from('1'), 4, [])
  assert.deepEqual(store.get('a'), { value: '1', timestamp: 4 })
  store.flush()
  assert.deepEqual(logged, [])
})
