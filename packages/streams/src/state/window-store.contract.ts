import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { jsonSerde, longSerde, stringSerde, type Serde } from '../serde.ts'
import { sentBytes } from '../task/stream-task.ts'
import { noHeaders } from '../record.ts'
import type { StoreBuilder, StoreContext } from './store.ts'
import type { TimestampedWindowStore, WindowStoreOptions } from './window-store.ts'

type Make = <K, V>(options: WindowStoreOptions<K, V>) => StoreBuilder<TimestampedWindowStore<K, V>>

/** A record of a changelog. */
export interface Logged {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
}

/** A store that was started, and what it told. */
export function opened<S extends { init(context: StoreContext): void }>(builder: { build(): S }) {
  const log: Logged[] = []
  const counted = { expired: 0 }
  const store = builder.build()
  store.init({
    taskId: '0_0',
    record: {
      topic: 'in',
      partition: 0,
      offset: 0,
      timestamp: 77,
      headers: noHeaders,
      rawKey: null,
      rawValue: null,
    },
    logChange: (key, value, timestamp) =>
      void log.push({ key, value: sentBytes(value), timestamp }),
    countExpired: (count = 1) => void (counted.expired += count),
  })
  return { store, log, counted }
}

/** What every store of windows has to do. */
export function windowStoreContract(name: string, make: Make): void {
  const base = { name: 'store', key: stringSerde, value: longSerde, sizeMs: 10, retentionMs: 100 }

  test(`${name}: a window is found by its key and start, with its timestamp`, () => {
    const { store } = opened(make(base))
    store.put('a', 1, 5, 0)
    store.put('a', 2, 15, 10)
    assert.deepEqual(store.fetch('a', 0), { value: 1, timestamp: 5 })
    assert.deepEqual(store.fetch('a', 10), { value: 2, timestamp: 15 })
    assert.equal(store.fetch('a', 5), undefined)
    assert.equal(store.fetch('b', 0), undefined)
  })

  test(`${name}: null deletes a window`, () => {
    const { store } = opened(make(base))
    store.put('a', 1, 5, 0)
    store.put('a', null, 6, 0)
    store.put('b', null, 6, 0)
    assert.equal(store.fetch('a', 0), undefined)
    assert.equal(store.approximateEntryCount, 0)
    assert.deepEqual([...store.fetchAll(0, 100)], [])
  })

  test(`${name}: the changelog has key, start and sequence, the plain value, and the value’s timestamp`, () => {
    const { store, log } = opened(make(base))
    store.put('k', 258, 5, 10)
    store.put('k', null, 6, 10)
    assert.deepEqual(
      log.map(({ key, value, timestamp }) => [
        key.toString('hex'),
        value?.toString('hex'),
        timestamp,
      ]),
      [
        ['6b000000000000000a00000000', '0000000000000102', 5],
        ['6b000000000000000a00000000', undefined, 6],
      ],
    )
  })

  test(`${name}: a window expires when a start of its retention later is put (traps 1 and 5)`, () => {
    const { store, counted, log } = opened(make(base))
    store.put('a', 1, 5, 0)
    store.put('b', 2, 105, 99)
    assert.equal(store.fetch('a', 0)?.value, 1)
    store.put('b', 3, 105, 100)
    assert.equal(store.fetch('a', 0), undefined)
    store.put('a', 4, 105, 0)
    assert.equal(store.fetch('a', 0), undefined)
    assert.equal(counted.expired, 1)
    assert.equal(log.length, 4, 'what expired goes to the changelog all the same')
    assert.equal(store.approximateEntryCount, 2)
  })

  test(`${name}: what a function does to an object that it was given stays out of the store`, () => {
    const { store } = opened(make({ ...base, value: jsonSerde<{ list: number[] }>() }))
    const given = { list: [1] }
    store.put('a', given, 5, 0)
    given.list.push(2)
    store.fetch('a', 0)?.value.list.push(3)
    assert.deepEqual(store.fetch('a', 0)?.value, { list: [1] })
    assert.deepEqual([...store.fetchRange('a', 0, 0)][0]?.[1].value, { list: [1] })
  })

  test(`${name}: keys are ordered by their bytes, also those of text beyond the basic plane`, () => {
    const { store } = opened(make(base))
    for (const key of ['\u{1f600}', '\uffee', 'b', '', 'ä', 'ab', 'B']) store.put(key, 1, 1, 0)
    const keys = [...store.fetchAll(0, 0)].map(([{ key }]) => key)
    const sorted = keys.toSorted((left, right) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)),
    )
    assert.deepEqual(keys, sorted)
    assert.deepEqual(
      [...store.reverseFetchAll(0, 0)].map(([{ key }]) => key),
      sorted.toReversed(),
    )
  })

  test(`${name}: an iterator goes on while the store changes, and shows what is there when it comes to it`, () => {
    const { store } = opened(make(base))
    for (const start of [0, 10, 20]) store.put('a', start, 1, start)
    const met: number[] = []
    for (const [start, { value }] of store.fetchRange('a', 0, 100)) {
      met.push(value)
      if (start === 0) {
        store.put('a', 7, 1, 10)
        store.put('a', null, 1, 20)
      }
    }
    assert.deepEqual(met, [0, 7])
  })

  for (const isIndexedByKey of [false, true])
    for (const key of [stringSerde, shifted] as const)
      test(`${name}: random puts and deletes, as a plain model has them, and again after a restore (${isIndexedByKey ? 'indexed by key, ' : ''}${key === shifted ? 'any serde' : 'strings'})`, () => {
        for (let seed = 1; seed <= 30; seed++)
          againstModel(make, { ...base, key, retentionMs: 40, isIndexedByKey }, seed)
      })
}

/** A serde whose bytes are not those of the string. */
const shifted: Serde<string> = {
  serialize: (value) => Buffer.from(value).map((byte) => byte ^ 0x80) as Buffer,
  deserialize: (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0x80)).toString(),
}

function againstModel(make: Make, options: WindowStoreOptions<string, number>, seed: number): void {
  const random = seededRandom(seed)
  const { store, log } = opened(make(options))
  const model = new Map<string, { key: string; start: number; value: number; timestamp: number }>()
  let observed = -1
  const keys = ['a', 'b', 'ba', 'c', '']
  for (let step = 0; step < 200; step++) {
    const key = keys[randomInt(random, keys.length)] as string
    const start = Math.max(0, step - 25 + randomInt(random, 50))
    const value = randomInt(random, 5) === 0 ? null : step
    store.put(key, value, step, start)
    observed = Math.max(observed, start)
    const id = `${start}/${key}`
    if (value === null) model.delete(id)
    else model.set(id, { key, start, value, timestamp: step })
    for (const [at, each] of model)
      if (each.start <= observed - options.retentionMs) model.delete(at)
  }
  const { store: restored } = opened(make(options))
  for (const { key, value, timestamp } of log) restored.restore(key, value, timestamp, noHeaders)
  const bytes = (text: string): Buffer => options.key.serialize(text)
  const rows = [...model.values()]
    .toSorted(
      (left, right) => left.start - right.start || bytes(left.key).compare(bytes(right.key)),
    )
    .map(
      ({ key, start, value, timestamp }) =>
        [
          { key, window: { startMs: start, endMs: start + options.sizeMs } },
          { value, timestamp },
        ] as const,
    )
  for (const each of [store, restored]) {
    assert.deepEqual([...each.fetchAll(0, Infinity)], rows, `seed ${seed}`)
    assert.deepEqual([...each.reverseFetchAll(0, Infinity)], rows.toReversed(), `seed ${seed}`)
    assert.equal(each.approximateEntryCount, rows.length)
    const [from, to] = [observed - 30, observed - 5]
    const within = rows.filter(([{ window }]) => window.startMs >= from && window.startMs <= to)
    const some = within.filter(
      ([{ key }]) => bytes(key).compare(bytes('a')) >= 0 && bytes(key).compare(bytes('ba')) <= 0,
    )
    assert.deepEqual([...each.fetchKeys('a', 'ba', from, to)], some, `seed ${seed}`)
    assert.deepEqual([...each.reverseFetchKeys('a', 'ba', from, to)], some.toReversed())
    for (const key of keys) {
      const own = within
        .filter(([windowed]) => windowed.key === key)
        .map(([{ window }, value]) => [window.startMs, value])
      assert.deepEqual([...each.fetchRange(key, from, to)], own, `seed ${seed}, key ${key}`)
      assert.deepEqual([...each.reverseFetchRange(key, from, to)], own.toReversed())
      for (const [start, value] of own) assert.deepEqual(each.fetch(key, start as number), value)
    }
  }
}
