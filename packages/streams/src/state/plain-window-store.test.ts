import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noHeaders } from '../record.ts'
import { longSerde, stringSerde } from '../serde.ts'
import { windowStore } from './plain-window-store.ts'
import { opened } from './window-store.contract.ts'

const options = {
  name: 'windows',
  key: stringSerde,
  value: longSerde,
  sizeMs: 10,
  retentionMs: 100,
}

test('a plain window store has values alone; its changelog has the timestamp of the record under way', () => {
  const { store, log } = opened(windowStore(options))
  store.put('a', 1, 0)
  store.put('b', 2, 10)
  store.put('a', 3, 20)
  store.put('b', null, 10)
  assert.deepEqual(
    [store.fetch('a', 0), store.fetch('b', 10), store.fetch('a', 10)],
    [1, undefined, undefined],
  )
  assert.deepEqual(
    log.map(({ value, timestamp }) => [value && longSerde.deserialize(value), timestamp]),
    [
      [1, 77],
      [2, 77],
      [3, 77],
      [null, 77],
    ],
  )
  assert.equal(store.approximateEntryCount, 2)
})

test('a plain window store: a walk during which time goes on past its windows shows none of others in their place', () => {
  for (const walk of ['fetchAll', 'reverseFetchAll'] as const) {
    const { store } = opened(windowStore(options))
    store.put('a', 1, 0)
    store.put('b', 2, 0)
    const seen: unknown[] = []
    for (const [{ key, window }, value] of store[walk](0, 0)) {
      seen.push([key, window.startMs, value])
      store.put('c', 3, 1_000)
      store.put('d', 4, 1_000)
    }
    assert.deepEqual(seen, walk === 'fetchAll' ? [['a', 0, 1]] : [['b', 0, 2]])
  }
})

test('a plain window store is walked by key, by keys and whole, both ways', () => {
  const { store } = opened(windowStore(options))
  store.put('a', 1, 0)
  store.put('b', 2, 10)
  store.put('a', 3, 20)
  const at = (key: string, startMs: number) => ({ key, window: { startMs, endMs: startMs + 10 } })
  assert.deepEqual(
    [...store.fetchRange('a', 0, 20)],
    [
      [0, 1],
      [20, 3],
    ],
  )
  assert.deepEqual(
    [...store.reverseFetchRange('a', 0, 20)],
    [
      [20, 3],
      [0, 1],
    ],
  )
  assert.deepEqual([...store.fetchKeys('b', undefined, 0, 20)], [[at('b', 10), 2]])
  assert.deepEqual([...store.reverseFetchKeys(undefined, 'a', 0, 5)], [[at('a', 0), 1]])
  const all = [
    [at('a', 0), 1],
    [at('b', 10), 2],
    [at('a', 20), 3],
  ]
  assert.deepEqual([...store.fetchAll(0, 20)], all)
  assert.deepEqual([...store.reverseFetchAll(0, 20)], all.toReversed())
})

test('a plain window store is restored from its changelog, and forgets what is older than its retention', () => {
  const { store, log, counted } = opened(windowStore(options))
  store.put('a', 1, 0)
  store.put('a', 2, 10)
  store.put('a', 3, 105)
  store.put('a', 4, 3)
  assert.equal(counted.expired, 1)
  const restored = opened(windowStore(options))
  for (const { key, value, timestamp } of log)
    restored.store.restore(key, value, timestamp, noHeaders)
  for (const each of [store, restored.store])
    assert.deepEqual(
      [...each.fetchAll(0, 200)].map(([{ window }, value]) => [window.startMs, value]),
      [
        [10, 2],
        [105, 3],
      ],
    )
})
