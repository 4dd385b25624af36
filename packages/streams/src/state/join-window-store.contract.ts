import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { noHeaders } from '../record.ts'
import { bytesSerde, jsonSerde, stringSerde } from '../serde.ts'
import type { JoinWindowStore, JoinWindowStoreOptions } from './join-window-store.ts'
import type { StoreBuilder } from './store.ts'
import { opened } from './window-store.contract.ts'

type Make = <K, V>(options: JoinWindowStoreOptions<K, V>) => StoreBuilder<JoinWindowStore<K, V>>

/** What every store of a join's side has to do. */
export function joinWindowStoreContract(name: string, make: Make): void {
  const base = {
    name: 'store',
    key: stringSerde,
    value: stringSerde,
    retentionMs: 100,
    isLogged: true,
    topicConfig: {},
  }

  test(`${name}: values come by time, those of one time as they came, both ends of the span included`, () => {
    const { store } = opened(make(base))
    for (const [value, timestamp] of [
      ['d', 30],
      ['a', 10],
      ['c', 20],
      ['b', 10],
    ] as const)
      store.put('k', value, timestamp, noHeaders)
    store.put('other', 'x', 15, noHeaders)
    assert.deepEqual(visited(store, 'k', 0, 100), ['a@10', 'b@10', 'c@20', 'd@30'])
    assert.deepEqual(visited(store, 'k', 10, 20), ['a@10', 'b@10', 'c@20'])
    assert.deepEqual(visited(store, 'k', 11, 19), [])
    assert.deepEqual(visited(store, 'nobody', 0, 100), [])
  })

  test(`${name}: what is as old as the retention is gone, refused and counted, and logged all the same`, () => {
    const { store, log, counted } = opened(make(base))
    store.put('k', 'a', 0, noHeaders)
    store.put('k', 'b', 99, noHeaders)
    assert.deepEqual(visited(store, 'k', 0, 1000), ['a@0', 'b@99'])
    store.put('k', 'c', 100, noHeaders)
    assert.deepEqual(visited(store, 'k', 0, 1000), ['b@99', 'c@100'])
    store.put('k', 'late', 0, noHeaders)
    store.put('k', 'kept', 1, noHeaders)
    assert.deepEqual(visited(store, 'k', 0, 1000), ['kept@1', 'b@99', 'c@100'])
    assert.equal(counted.expired, 1)
    assert.equal(log.length, 5)
  })

  test(`${name}: the changelog has key, int64 time and the number of the put`, () => {
    const { store, log } = opened(make(base))
    store.put('k', 'a', 258, noHeaders)
    store.put('k', null, 259, noHeaders)
    store.put('k', 'b', 258, noHeaders)
    assert.deepEqual(
      log.map(({ key, value, timestamp }) => [
        key.toString('hex'),
        value && String(value),
        timestamp,
      ]),
      [
        ['6b000000000000010200000001', 'a', 258],
        ['6b000000000000010300000002', null, 259],
        ['6b000000000000010200000003', 'b', 258],
      ],
    )
  })

  test(`${name}: a value is what its bytes say, not the object that was put`, () => {
    const { store } = opened(make({ ...base, value: jsonSerde<{ n: number }>() }))
    const value = { n: 1 }
    store.put('k', value, 5, noHeaders)
    value.n = 2
    store.visit('k', 0, 10, (found) => {
      assert.deepEqual(found, { n: 1 })
      found.n = 3
    })
    store.visit('k', 0, 10, (found) => assert.deepEqual(found, { n: 1 }))
  })

  test(`${name}: bytes that were shown may be kept, whatever is put when their record has passed`, () => {
    const { store } = opened(make({ ...base, value: bytesSerde }))
    const kept: Buffer[] = []
    for (let at = 0; at < 2_000; at += 5) {
      store.put('k', Buffer.from(`value ${at}`), at, noHeaders)
      store.visit('k', at, at, (found) => void kept.push(found))
    }
    assert.deepEqual(
      kept.map(String),
      Array.from({ length: 400 }, (_, index) => `value ${5 * index}`),
    )
  })

  test(`${name}: many records of one time, of one key and of many, come as they were put`, () => {
    const { store } = opened(make({ ...base, value: stringSerde }))
    const texts = Array.from({ length: 500 }, (_, index) => `${index} `.repeat(index % 40))
    for (const [index, text] of texts.entries()) {
      store.put('same', text, 50, noHeaders)
      store.put(`own ${index}`, text, 50 - (index % 9), noHeaders)
    }
    const found = (key: string): string[] => {
      const values: string[] = []
      store.visit(key, 0, 100, (value) => void values.push(value))
      return values
    }
    assert.deepEqual(found('same'), texts)
    for (const [index, text] of texts.entries()) assert.deepEqual(found(`own ${index}`), [text])
  })

  // A key that went and came back was once lost when the time of its old records was cleared.
  for (const seed of [1, 2, 3, 4, 5, 6])
    test(`${name}: as a plain list of all that was put, and again when restored from its changelog (seed ${seed})`, () => {
      const random = seededRandom(seed)
      const retentionMs = 1 + randomInt(random, 40)
      const { store, log } = opened(make({ ...base, retentionMs }))
      const put: { key: string; value: string; timestamp: number }[] = []
      let [now, observed] = [0, -1]
      const expected = (key: string, from: number, to: number): string[] =>
        put
          .filter(
            (each) =>
              each.key === key &&
              each.timestamp > observed - retentionMs &&
              each.timestamp >= from &&
              each.timestamp <= to,
          )
          .toSorted((left, right) => left.timestamp - right.timestamp)
          .map(({ value, timestamp }) => `${value}@${timestamp}`)
      for (let at = 0; at < 2000; at++) {
        now += randomInt(random, 4)
        if (randomInt(random, 100) === 0) now += randomInt(random, 200)
        const timestamp = Math.max(0, now - randomInt(random, 20))
        const key = `k${randomInt(random, 5)}`
        store.put(key, `v${at}`, timestamp, noHeaders)
        observed = Math.max(observed, timestamp)
        if (timestamp > observed - retentionMs) put.push({ key, value: `v${at}`, timestamp })
        const from = Math.max(0, now - randomInt(random, 60))
        const looked = `k${randomInt(random, 5)}`
        assert.deepEqual(visited(store, looked, from, now), expected(looked, from, now))
      }
      const { store: restored } = opened(make({ ...base, retentionMs }))
      for (const each of log) restored.restore(each.key, each.value, each.timestamp, noHeaders)
      for (const key of ['k0', 'k1', 'k2', 'k3', 'k4'])
        assert.deepEqual(visited(restored, key, 0, now), expected(key, 0, now))
    })
}

function visited<K>(store: JoinWindowStore<K, string>, key: K, from: number, to: number): string[] {
  const found: string[] = []
  const count = store.visit(key, from, to, (value, timestamp) => {
    found.push(`${value}@${timestamp}`)
  })
  assert.equal(count, found.length)
  return found
}
