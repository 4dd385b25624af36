import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  longSerde,
  StreamsApp,
  StreamsBuilder,
  stringSerde,
  type QueryableKeyValueStore,
  type QueryableSessionStore,
  type QueryableWindowStore,
  type ValueAndTimestamp,
  type Windowed,
} from '../index.ts'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

/** `expectType<Wanted>()(value)` compiles only if the value's type is the wanted one. */
function expectType<Wanted>() {
  return <Actual>(_value: Actual, ..._same: Same<Actual, Wanted> extends true ? [] : [never]) => {}
}

const counted = { key: stringSerde, value: longSerde }

test('what a store gives follows from its type and serdes', async () => {
  const app = new StreamsApp({
    applicationId: 'types',
    brokers: ['localhost:1'],
    topology: new StreamsBuilder().build(),
  })
  const keyValue = app.store('s', { type: 'keyValue', ...counted, timeoutMs: 0 })
  expectType<QueryableKeyValueStore<string, number>>()(keyValue)
  const timestamped = app.store('s', { type: 'timestampedKeyValue', ...counted })
  expectType<QueryableKeyValueStore<string, ValueAndTimestamp<number>>>()(timestamped)
  const window = app.store('s', { type: 'window', ...counted })
  expectType<QueryableWindowStore<string, number>>()(window)
  const timed = app.store('s', { type: 'timestampedWindow', ...counted })
  expectType<QueryableWindowStore<string, ValueAndTimestamp<number>>>()(timed)
  const session = app.store('s', { type: 'session', ...counted, scope: 'application' })
  expectType<QueryableSessionStore<string, number>>()(session)
  const all = window.fetchAll(0, 1)
  expectType<AsyncIterableIterator<[Windowed<string>, number]>>()(all)
  const one = keyValue.get('k')
  expectType<Promise<number | undefined>>()(one)
  await assert.rejects(one, { code: 'MR_STREAMS_STORE_NOT_READY' })
  // @ts-expect-error the store's keys are text
  await assert.rejects(keyValue.get(7), { code: 'MR_STREAMS_BAD_QUERY' })
  // @ts-expect-error a key-value store has no windows
  assert.equal(keyValue.fetch, undefined)
  // @ts-expect-error there is no such type of store
  assert.throws(() => app.store('s', { type: 'table', ...counted }))
  // The key is typed; the value is not known to a query.
  const partitioner = (_topic: string, key: string, _value: never, count: number) =>
    key.length % count
  expectType<typeof keyValue>()(app.store('s', { type: 'keyValue', ...counted, partitioner }))
  const bound = { topic: 't', partition: 0, offset: 1 }
  // @ts-expect-error offsets are bigint
  await assert.rejects(keyValue.get('k', { bound }), { code: 'MR_STREAMS_STORE_NOT_READY' })
})
