import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  randomInt,
  seededRandom,
  silentLogger,
  SimulatedClock,
  type Logger,
  type Random,
} from '@millrace/core'
import { sentBytes } from '../task/stream-task.ts'
import { noHeaders } from '../record.ts'
import { jsonSerde, longSerde, stringSerde } from '../serde.ts'
import { joinWindowStore, type JoinWindowStore } from './join-window-store.ts'
import { openTaskEnvironment } from './lmdb-environment.ts'
import { RecordCache } from './record-cache.ts'
import { sessionStore, type SessionStore } from './session-store.ts'
import type { StateStore, StoreBuilder, StoreContext } from './store.ts'
import type { TaskEnvironment } from './task-environment.ts'
import { unmatchedStore, type UnmatchedStore } from './unmatched-store.ts'
import type { Logged } from './window-store.contract.ts'
import { timestampedWindowStore, type TimestampedWindowStore } from './window-store.ts'

const record = {
  topic: 'in',
  partition: 0,
  offset: 0,
  timestamp: 77,
  headers: noHeaders,
  rawKey: null,
  rawValue: null,
}

/** A kind of store: how it is made, what may be done with it, and all that can be read from it. */
interface Kind<S extends StateStore> {
  readonly name: string
  readonly builder: StoreBuilder<S>
  readonly change: (store: S, random: Random, step: number) => void
  readonly content: (store: S) => unknown
}

const keys = ['', 'a', 'ab', 'b', 'ü']
const keyOf = (random: Random): string => keys[randomInt(random, keys.length)] as string
const timeOf = (random: Random, step: number): number =>
  Math.max(0, Math.floor(step / 3) - randomInt(random, 30))
const part = { name: 'store', key: stringSerde, isLogged: true, topicConfig: {} }
const window = { ...part, sizeMs: 10, retentionMs: 40, isCached: true }

function kind<S extends StateStore>(it: Kind<S>): Kind<StateStore> {
  return it as unknown as Kind<StateStore>
}

const kinds: readonly Kind<StateStore>[] = [
  ...[false, true].map((isIndexedByKey) =>
    kind<TimestampedWindowStore<string, number>>({
      name: isIndexedByKey ? 'window store by key' : 'window store',
      builder: timestampedWindowStore({ ...window, value: longSerde, isIndexedByKey }),
      change(store, random, step) {
        // A deletion of what is not there moves the time, but is not logged by a cache: it is kept from being the latest.
        const isDeletion = randomInt(random, 5) === 0
        const value = isDeletion ? null : step
        store.put(keyOf(random), value, step, timeOf(random, isDeletion ? step - 100 : step))
      },
      content: (store) => [
        [...store.fetchAll(0, Infinity)],
        keys.map((key) => [...store.fetchRange(key, 0, Infinity)]),
        store.approximateEntryCount,
      ],
    }),
  ),
  kind<TimestampedWindowStore<string, { n: number }>>({
    name: 'window store of values of any size',
    builder: timestampedWindowStore({ ...window, value: jsonSerde<{ n: number }>() }),
    change(store, random, step) {
      const value = { n: step, text: 'x'.repeat(randomInt(random, 100) === 0 ? 90_000 : 9) }
      store.put(keyOf(random), value, step, timeOf(random, step))
    },
    content: (store) => [...store.fetchAll(0, Infinity)],
  }),
  kind<SessionStore<string, number>>({
    name: 'session store',
    builder: sessionStore({ ...part, value: longSerde, retentionMs: 40, isCached: true }),
    change(store, random, step) {
      const key = keyOf(random)
      // Likewise a session that comes and goes.
      const present = [...store.fetch(key)].filter(([{ window }]) => window.endMs < step / 3 - 25)
      const met = present[randomInt(random, Math.max(1, present.length))]
      if (met && randomInt(random, 2) === 0) store.remove(key, met[0].window)
      if (met && randomInt(random, 4) === 0) return store.put(key, met[0].window, step)
      const endMs = timeOf(random, step)
      store.put(key, { startMs: Math.max(0, endMs - randomInt(random, 3)), endMs }, step)
    },
    content: (store) => [
      [...store.findEndedSessions(0, Infinity)],
      keys.map((key) => [...store.fetch(key)]),
      store.approximateEntryCount,
    ],
  }),
  kind<JoinWindowStore<string, string>>({
    name: 'join window store',
    builder: joinWindowStore({ ...part, value: stringSerde, retentionMs: 40 }),
    change(store, random, step) {
      const value = randomInt(random, 9) === 0 ? null : `v${step}`
      store.put(keyOf(random), value, timeOf(random, step), noHeaders)
    },
    content: (store) =>
      keys.map((key) => {
        const found: string[] = []
        store.visit(key, 0, 1e6, (value, timestamp) => found.push(`${value}@${timestamp}`))
        return found
      }),
  }),
  kind<UnmatchedStore<string, string, number>>({
    name: 'unmatched store',
    builder: unmatchedStore({ ...part, leftValue: stringSerde, rightValue: longSerde }),
    change(store, random, step) {
      const side = randomInt(random, 2) === 0 ? 'left' : 'right'
      const row = { timestamp: timeOf(random, step), side, key: keyOf(random) } as const
      if (randomInt(random, 3) === 0) store.deleteIfPresent(row, step)
      else store.append(row, side === 'left' ? `v${step}` : step, step)
    },
    content: (store) => [...store.entries()].map(({ row, value }) => ({ ...row, value: value() })),
  }),
]

interface Place extends AsyncDisposable {
  readonly warnings: string[]
  open(): TaskEnvironment
  /** Changes the first byte of a text in the file. */
  damage(text: string): void
}

async function place(): Promise<Place> {
  const parent = await mkdtemp(join(tmpdir(), 'millrace-test-journal-'))
  const directory = join(parent, '0_0')
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) }
  const opened: TaskEnvironment[] = []
  return {
    warnings,
    open() {
      const clock = new SimulatedClock(1_000)
      const environment = openTaskEnvironment({ directory, taskId: '0_0', clock, logger })
      opened.push(environment)
      return environment
    },
    damage(text) {
      const path = join(directory, 'data.mdb')
      const content = readFileSync(path)
      const file = openSync(path, 'r+')
      for (let at = 0; (at = content.indexOf(text, at)) >= 0; at++) writeSync(file, '!', at)
      closeSync(file)
    },
    async [Symbol.asyncDispose]() {
      for (const environment of opened) environment.close()
      await rm(parent, { recursive: true, force: true })
    },
  }
}

/** A started store, which logs to `log`. */
function started<S extends StateStore>(
  builder: StoreBuilder<S>,
  log: Logged[],
  environment?: TaskEnvironment,
): S {
  const store = builder.build()
  const context: StoreContext = {
    taskId: '0_0',
    record,
    environment,
    logChange: (key, value, timestamp) =>
      void log.push({ key, value: sentBytes(value), timestamp }),
    countExpired: () => {},
  }
  store.init(context)
  return store
}

/** Reads the changelog from where the state on disk ends. @returns how many records that took */
function catchUp(store: StateStore, environment: TaskEnvironment, log: readonly Logged[]): number {
  const tail = log.slice(environment.storedOffset('store') ?? 0)
  for (const { key, value, timestamp } of tail) store.restore(key, value, timestamp, noHeaders)
  return tail.length
}

/** A full cache lets go what it holds between two commits too. */
const cached = kinds.flatMap((each) => {
  const { builder } = each
  if (!builder.buildCached) return []
  const build = (): StateStore => builder.buildCached?.(new RecordCache(2_000)) ?? builder.build()
  return [{ ...each, name: `cached ${each.name}`, builder: { ...builder, build } }]
})

for (const { name, builder, change, content } of [...kinds, ...cached])
  for (const seed of [1, 2, 3])
    test(`${name} on disk: as in memory, wherever it was committed or crashed, with the tail of its changelog (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      await using it = await place()
      const log: Logged[] = []
      let environment = it.open()
      let onDisk = started(builder, [], environment)
      assert.equal(onDisk.isPersistent, true)
      const inMemory = started(builder, log)
      assert.equal(inMemory.isPersistent, false)
      let replayed = 0
      for (let step = 0; step < 800; step++) {
        const stepSeed = randomInt(random, 2 ** 31)
        change(inMemory, seededRandom(stepSeed), step)
        change(onDisk, seededRandom(stepSeed), step)
        const choice = randomInt(random, 100)
        if (choice < 13) inMemory.flush()
        if (choice < 10) onDisk.flush()
        if (choice < 10) environment.commit(new Map([['store', log.length]]))
        else if (choice < 13) {
          // Between the commits of Kafka and LMDB: the changelog has more.
          environment.close()
          environment = it.open()
          onDisk = started(builder, [], environment)
          replayed += catchUp(onDisk, environment, log)
          assert.deepEqual(content(onDisk), content(inMemory), `step ${step}`)
        }
      }
      assert.deepEqual(content(onDisk), content(inMemory))
      assert.ok(replayed > 0 && replayed < 45 * 60, `${replayed} records were read again`)
    })

const counts = timestampedWindowStore({
  ...part,
  value: longSerde,
  sizeMs: 1_000,
  retentionMs: 1_000_000,
})

test('a journal is written anew when it has grown beyond what it holds, and stays small', async () => {
  await using it = await place()
  const environment = it.open()
  const store = started(counts, [], environment)
  for (let round = 0; round < 40; round++) {
    for (let key = 0; key < 1_000; key++) store.put(`key ${key}`, round, round, 0)
    environment.commit(new Map([['store', round]]))
  }
  environment.close()
  const blocks: number[] = []
  const owner = { changedBytes: 0, appendChanges() {}, appendSpan: undefined, clear() {} }
  it.open()
    .journal('store', owner)
    .read((key) => blocks.push(key.length))
  // 40 rounds of 1,000 rows were written, of some 45 bytes each; 262,144 bytes are the least that is written anew.
  assert.ok(blocks.length >= 1_000 && blocks.length < 10_000, `${blocks.length} rows are kept`)
})

test('rows of a time that has passed leave the disk', async () => {
  await using it = await place()
  const environment = it.open()
  const store = started(counts, [], environment)
  for (let start = 0; start < 100; start++) store.put(`key ${start}`, 1, 1, start * 10_000)
  environment.commit(new Map([['store', 1]]))
  store.put('last', 1, 1, 10_000_000)
  environment.commit(new Map([['store', 2]]))
  environment.close()
  const kept: string[] = []
  const owner = { changedBytes: 0, appendChanges() {}, appendSpan: undefined, clear() {} }
  it.open()
    .journal('store', owner)
    .read((key) => kept.push(key.subarray(0, -12).toString()))
  assert.deepEqual(kept, ['last'])
})

test('a wiped journal is empty, in memory too, and has no offset', async () => {
  await using it = await place()
  const environment = it.open()
  const store = started(counts, [], environment)
  store.put('a', 1, 1, 5_000)
  environment.commit(new Map([['store', 1]]))
  store.put('b', 1, 1, 5_000)
  environment.wipe('store')
  assert.deepEqual([...store.fetchAll(0, Infinity)], [])
  assert.equal(environment.storedOffset('store'), undefined)
  store.put('c', 2, 1, 0)
  environment.commit(new Map([['store', 3]]))
  environment.close()
  const again = it.open()
  const found = [...started(counts, [], again).fetchAll(0, Infinity)].map(([{ key }]) => key)
  assert.deepEqual([found, again.storedOffset('store')], [['c'], 3])
})

test('a commit that fails half-way leaves the disk as it was, and what it had to write is written by the next', async () => {
  await using it = await place()
  const environment = it.open()
  const store = started(counts, [], environment)
  store.put('a', 1, 1, 0)
  environment.commit(new Map([['store', 1]]))
  store.put('a', 2, 1, 0)
  let isBroken = true
  environment.journal('broken', {
    changedBytes: 1,
    appendChanges() {
      if (isBroken) throw new Error('No space left on device')
    },
    appendSpan: undefined,
    clear() {},
  })
  assert.throws(() => environment.commit(new Map([['store', 2]])), {
    code: 'MR_STREAMS_STATE_NOT_WRITTEN',
  })
  assert.equal(environment.storedOffset('store'), 1)
  isBroken = false
  environment.commit(new Map([['store', 2]]))
  environment.close()
  const again = it.open()
  assert.equal(started(counts, [], again).fetch('a', 0)?.value, 2)
  assert.equal(again.storedOffset('store'), 2)
})

test('a commit larger than the mapped file makes the file larger', async () => {
  await using it = await place()
  const environment = it.open()
  const builder = joinWindowStore({ ...part, value: stringSerde, retentionMs: 1_000 })
  const store = started(builder, [], environment)
  const value = 'x'.repeat(1_000_000)
  for (let at = 0; at < 90; at++) store.put(`key ${at}`, value, 5, noHeaders)
  environment.commit(new Map([['store', 90]]))
  environment.close()
  const again = started(builder, [], it.open())
  const sizes = Array.from({ length: 90 }, (_, at) => {
    let size = 0
    again.visit(`key ${at}`, 0, 10, (found) => (size += found.length))
    return size
  })
  assert.deepEqual(new Set(sizes), new Set([1_000_000]))
})

test('a block that was damaged is not taken for state: the store is empty the next time, and the log says so', async () => {
  await using it = await place()
  const environment = it.open()
  const store = started(counts, [], environment)
  for (let key = 0; key < 2_000; key++) store.put(`key ${key}`, key, key, 0)
  environment.commit(new Map([['store', 1]]))
  environment.close()
  it.damage('key 1000')
  assert.throws(() => started(counts, [], it.open()), { code: 'MR_STREAMS_STATE_DAMAGED' })
  const again = it.open()
  assert.deepEqual([...started(counts, [], again).fetchAll(0, 10)], [])
  assert.equal(again.storedOffset('store'), undefined)
  assert.match(it.warnings.join(), /damaged and is rebuilt/)
})
