import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { noHeaders } from '../record.ts'
import { longSerde, stringSerde } from '../serde.ts'
import { keyValueStore } from '../stores.ts'
import type { KeyValueStore } from './key-value-store.ts'
import { opened } from './window-store.contract.ts'

const options = { name: 'recent', key: stringSerde, value: longSerde }

const rowsOf = (store: KeyValueStore<string, number>) => [...store.range()]

test('a store of the last entries: the one goes that was not read or written for longest, in the changelog before what was put', () => {
  const { store, log } = opened(keyValueStore({ ...options, maxEntries: 2 }))
  store.put('a', 1)
  store.put('b', 2)
  assert.equal(store.get('a'), 1)
  store.put('c', 3)
  assert.deepEqual(rowsOf(store), [
    ['a', 1],
    ['c', 3],
  ])
  assert.deepEqual(
    log.map(({ key, value, timestamp }) => [
      String(key),
      value && longSerde.deserialize(value),
      timestamp,
    ]),
    [
      ['a', 1, 77],
      ['b', 2, 77],
      ['b', null, 77],
      ['c', 3, 77],
    ],
  )
  assert.equal(store.approximateEntryCount, 2)
})

test('a store of the last entries: walks and looks for what is not there use nothing; deleting makes room', () => {
  const { store } = opened(keyValueStore({ ...options, maxEntries: 2 }))
  store.put('a', 1)
  store.put('b', 2)
  assert.equal([...store.range(), ...store.reverseRange()].length, 4)
  assert.equal(store.get('x'), undefined)
  store.put('c', 3)
  assert.deepEqual(rowsOf(store), [
    ['b', 2],
    ['c', 3],
  ])
  assert.equal(store.delete('b'), 2)
  store.put('d', 4)
  assert.deepEqual(rowsOf(store), [
    ['c', 3],
    ['d', 4],
  ])
  assert.equal(store.putIfAbsent('c', 9), 3)
  store.put('e', 5)
  assert.deepEqual(rowsOf(store), [
    ['c', 3],
    ['e', 5],
  ])
})

test('a store of the last entries: random use is that of a list, and what is restored from the changelog is what was there', () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const random = seededRandom(seed)
  for (let run = 0; run < 50; run++) {
    const maxEntries = 1 + randomInt(random, 5)
    const { store, log } = opened(keyValueStore({ ...options, maxEntries }))
    /** The one used last at the end. */
    let model: [string, number][] = []
    for (let step = 0; step < 60; step++) {
      const key = `k${randomInt(random, 8)}`
      const [found] = model.filter(([each]) => each === key)
      const others = model.filter(([each]) => each !== key)
      const kind = randomInt(random, 4)
      if (kind === 0) {
        assert.equal(store.get(key), found?.[1], `seed ${seed}`)
        model = found ? [...others, found] : others
      } else if (kind === 1) {
        assert.equal(store.delete(key), found?.[1], `seed ${seed}`)
        model = others
      } else {
        store.put(key, step)
        const next: [string, number] = [key, step]
        model = [...others, next].slice(-maxEntries)
      }
      const sorted = model.toSorted(([one], [other]) => (one < other ? -1 : 1))
      assert.deepEqual(rowsOf(store), sorted, `seed ${seed}`)
    }
    const restored = opened(keyValueStore({ ...options, maxEntries }))
    for (const { key, value, timestamp } of log)
      restored.store.restore(key, value, timestamp, noHeaders)
    assert.deepEqual(rowsOf(restored.store), rowsOf(store), `seed ${seed}`)
    assert.deepEqual(restored.log, [], `seed ${seed}`)
  }
})

for (const given of [
  { maxEntries: 0 },
  { maxEntries: 1.5 },
  { maxEntries: 2, type: 'persistent' },
  { maxEntries: 2, ttlMs: 5 },
] as const)
  test(`a store of the last entries cannot be made with ${JSON.stringify(given)}`, () =>
    assert.throws(() => keyValueStore({ ...options, ...given }), {
      code: 'MR_STREAMS_BAD_OPTION',
    }))
