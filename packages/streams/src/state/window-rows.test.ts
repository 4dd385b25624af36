import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { longSerde, stringSerde } from '../serde.ts'
import { noHeaders } from '../record.ts'
import { sentBytes } from '../task/stream-task.ts'
import { RecordCache } from './record-cache.ts'
import { timestampedWindowStore } from './window-store.ts'
import { WindowRows } from './window-rows.ts'

test('rows of windows: what is let go is given out again, with nothing of what it was', () => {
  const rows = new WindowRows()
  const [first, second] = [rows.add('a', 10), rows.add('b', 20)]
  rows.set(first, 7, 12)
  rows.setChanged(first, true)
  assert.deepEqual(
    [rows.idOf(first), rows.startOf(first), rows.valueOf(first), rows.timestampOf(first)],
    ['a', 10, 7, 12],
  )
  rows.detach(first)
  rows.letGoDetached(first)
  const third = rows.add('c', 30)
  assert.equal(third, first)
  assert.notEqual(rows.add('d', 30), second)
  assert.deepEqual(
    [rows.valueOf(third), rows.isChanged(third), rows.heldAt(third)],
    [null, false, -1],
  )
})

test('rows of windows: one whose update waits is kept until that has left, and until no flush is under way', () => {
  const rows = new WindowRows()
  const held = rows.add('a', 10)
  rows.setHeldAt(held, 0)
  rows.detach(held)
  assert.notEqual(rows.add('b', 10), held)
  rows.whileKept(() => {
    rows.setHeldAt(held, -1)
    rows.whileKept(() => rows.letGoDetached(held))
    rows.letGoDetached(held)
    assert.deepEqual([rows.idOf(held), rows.startOf(held)], ['a', 10])
    assert.notEqual(rows.add('c', 10), held)
  })
  assert.equal(rows.add('d', 10), held)
  assert.notEqual(rows.add('e', 10), held, 'it is given out once')
})

test('rows of windows: many, and none again', () => {
  const rows = new WindowRows()
  for (let round = 0; round < 3; round++) {
    const all = Array.from({ length: 1_000 }, (_, at) => rows.add(`k${at}`, at))
    assert.equal(new Set(all).size, all.length)
    for (const [at, row] of all.entries()) assert.equal(rows.idOf(row), `k${at}`)
    for (const row of all) rows.detach(row)
  }
})

// A row that expires while it leaves was to be somebody else's before it had left.
test('a cached window store tells each update once and as it was, also where what is told puts into the store and time goes on', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const cache = new RecordCache(1_500)
    const options = { name: 'store', key: stringSerde, value: longSerde, sizeMs: 10 }
    const store = timestampedWindowStore({
      ...options,
      retentionMs: 30,
      isCached: true,
    }).buildCached?.(cache)
    assert.ok(store)
    const logged: string[] = []
    const told: string[] = []
    const put: string[] = []
    store.init({
      taskId: '0_0',
      record: {
        topic: 'in',
        partition: 0,
        offset: 0,
        timestamp: 0,
        headers: noHeaders,
        rawKey: null,
        rawValue: null,
      },
      logChange: (key, value) => {
        const [name, count] = [sentBytes(key), sentBytes(value)]
        logged.push(`${name?.readInt32BE(name.length - 8)} ${count?.readInt32BE(4)}`)
      },
      countExpired() {},
    })
    let now = 0
    let count = 0
    const next = (): void => {
      now += randomInt(random, 4)
      const startMs = Math.max(0, now - randomInt(random, 45))
      // No window is put twice: each update has to be told.
      const own = ++count
      store.put(`k${own}`, own, now, startMs)
      put.push(`${startMs} ${own}`)
    }
    store.onFlush(({ key, window }, { newValue }) => {
      assert.equal(key, `k${newValue}`)
      told.push(`${window.startMs} ${newValue}`)
      if (randomInt(random, 3) === 0) next()
      if (randomInt(random, 30) === 0) now += 40
    }, false)
    for (let put = 0; put < 300; put++) next()
    for (let left = -1; left !== told.length;) {
      left = told.length
      store.flush()
    }
    assert.deepEqual(told.toSorted(), put.toSorted(), `seed ${seed}`)
    assert.deepEqual(logged.toSorted(), put.toSorted(), `seed ${seed}`)
    assert.equal(cache.sizeBytes, 0)
  }
})
