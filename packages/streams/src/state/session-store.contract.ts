import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { noHeaders } from '../record.ts'
import { jsonSerde, longSerde, stringSerde } from '../serde.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { SessionStore, SessionStoreOptions } from './session-store.ts'
import type { StoreBuilder } from './store.ts'
import { opened } from './window-store.contract.ts'

type Make = <K, V>(options: SessionStoreOptions<K, V>) => StoreBuilder<SessionStore<K, V>>

/** What every store of sessions has to do. */
export function sessionStoreContract(name: string, make: Make): void {
  const base = { name: 'store', key: stringSerde, value: longSerde, retentionMs: 100 }

  test(`${name}: a session is found by key, start and end`, () => {
    const { store } = opened(make(base))
    store.put('a', { startMs: 5, endMs: 9 }, 1)
    assert.equal(store.fetchSession('a', 5, 9), 1)
    assert.equal(store.fetchSession('a', 5, 8), undefined)
    assert.equal(store.fetchSession('b', 5, 9), undefined)
    store.put('a', { startMs: 5, endMs: 9 }, 2)
    assert.equal(store.fetchSession('a', 5, 9), 2)
    assert.equal(store.approximateEntryCount, 1)
  })

  test(`${name}: the changelog has key, end and start, with the time given or that of the record under way`, () => {
    const { store, log } = opened(make(base))
    store.put('k', { startMs: 5, endMs: 9 }, 258, 40)
    store.remove('k', { startMs: 5, endMs: 9 })
    store.put('k', { startMs: 6, endMs: 6 }, null)
    assert.deepEqual(
      log.map(({ key, value, timestamp }) => [
        key.toString('hex'),
        value?.toString('hex'),
        timestamp,
      ]),
      [
        ['6b00000000000000090000000000000005', '0000000000000102', 40],
        ['6b00000000000000090000000000000005', undefined, 77],
        ['6b00000000000000060000000000000006', undefined, 77],
      ],
    )
  })

  test(`${name}: a session expires when an end of its retention later is put`, () => {
    const { store, counted } = opened(make(base))
    store.put('a', { startMs: 0, endMs: 9 }, 1)
    store.put('a', { startMs: 20, endMs: 30 }, 2)
    store.put('b', { startMs: 0, endMs: 108 }, 3)
    assert.equal(store.fetchSession('a', 0, 9), 1)
    store.put('b', { startMs: 0, endMs: 109 }, 4)
    assert.equal(store.fetchSession('a', 0, 9), undefined)
    assert.equal(store.fetchSession('a', 20, 30), 2)
    store.put('a', { startMs: 9, endMs: 9 }, 5)
    assert.equal(counted.expired, 1)
    assert.deepEqual(
      [...store.fetch('a')].map(([, value]) => value),
      [2],
    )
  })

  test(`${name}: of sessions with one end the later start comes first`, () => {
    const { store } = opened(make(base))
    for (const [startMs, endMs] of [
      [1, 9],
      [8, 9],
      [5, 9],
      [2, 7],
      [3, 12],
    ] as const)
      store.put('a', { startMs, endMs }, startMs)
    assert.deepEqual(values(store.fetch('a')), [2, 8, 5, 1, 3])
    assert.deepEqual(values(store.reverseFetch('a')), [3, 1, 5, 8, 2])
    assert.deepEqual(values(store.findEndedSessions(9, 9)), [8, 5, 1])
  })

  test(`${name}: what a function does to an object that it was given stays out of the store`, () => {
    const { store } = opened(make({ ...base, value: jsonSerde<number[]>() }))
    const given = [1]
    store.put('a', { startMs: 5, endMs: 9 }, given)
    given.push(2)
    store.fetchSession('a', 5, 9)?.push(3)
    assert.deepEqual(store.fetchSession('a', 5, 9), [1])
  })

  test(`${name}: random sessions, as a plain model has them, and again after a restore`, () => {
    for (let seed = 1; seed <= 30; seed++) againstModel(make, { ...base, retentionMs: 40 }, seed)
  })
}

function values<V>(sessions: Iterable<[unknown, V]>): V[] {
  return [...sessions].map(([, value]) => value)
}

function againstModel(
  make: Make,
  options: SessionStoreOptions<string, number>,
  seed: number,
): void {
  const random = seededRandom(seed)
  const { store, log } = opened(make(options))
  const model = new Map<string, readonly [Windowed<string>, number]>()
  let observed = -1
  const keys = ['a', 'b', 'ba', '']
  for (let step = 0; step < 200; step++) {
    const key = keys[randomInt(random, keys.length)] as string
    const endMs = Math.max(0, step - 25 + randomInt(random, 50))
    const window: Window = { startMs: Math.max(0, endMs - randomInt(random, 3)), endMs }
    const id = JSON.stringify([key, window])
    const [victim] = [...model].slice(randomInt(random, 20))
    if (victim && randomInt(random, 4) === 0) {
      const [at, [removed]] = victim
      store.remove(removed.key, removed.window)
      model.delete(at)
      continue
    }
    store.put(key, window, step)
    observed = Math.max(observed, endMs)
    model.set(id, [{ key, window }, step])
    for (const [at, [each]] of model)
      if (each.window.endMs <= observed - options.retentionMs) model.delete(at)
  }
  const { store: restored } = opened(make(options))
  for (const { key, value, timestamp } of log) restored.restore(key, value, timestamp, noHeaders)
  const rows = [...model.values()].toSorted(
    ([left], [right]) =>
      left.window.endMs - right.window.endMs ||
      Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)) ||
      right.window.startMs - left.window.startMs,
  )
  for (const each of [store, restored]) {
    assert.deepEqual([...each.findEndedSessions(0, Infinity)], rows, `seed ${seed}`)
    assert.equal(each.approximateEntryCount, rows.length)
    for (const key of keys) {
      const own = rows.filter(([windowed]) => windowed.key === key)
      assert.deepEqual([...each.fetch(key)], own, `seed ${seed}, key ${key}`)
      const [earliestEnd, latestStart] = [observed - 20, observed - 10]
      const met = own.filter(
        ([{ window }]) => window.endMs >= earliestEnd && window.startMs <= latestStart,
      )
      assert.deepEqual([...each.findSessions(key, earliestEnd, latestStart)], met)
      assert.deepEqual(
        [...each.reverseFindSessions(key, earliestEnd, latestStart)],
        met.toReversed(),
      )
    }
  }
}
