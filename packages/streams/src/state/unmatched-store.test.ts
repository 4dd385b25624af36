import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { noHeaders } from '../record.ts'
import { longSerde, stringSerde } from '../serde.ts'
import {
  unmatchedStore,
  type JoinSideName,
  type UnmatchedRow,
  type UnmatchedStore,
} from './unmatched-store.ts'
import { opened } from './window-store.contract.ts'

const builder = unmatchedStore({
  name: 'store',
  key: stringSerde,
  leftValue: stringSerde,
  rightValue: longSerde,
  isLogged: true,
  topicConfig: {},
})

test('unmatched store: rows come by time, right before left, then by the bytes of the key; values as they came', () => {
  const { store } = opened(builder)
  // In UTF-16 the second key would come before the first.
  for (const [timestamp, side, key, value] of [
    [7, 'left', '\u{1d4b3}', 'x'],
    [7, 'left', '\uff5a', 'z'],
    [7, 'left', 'b', 'first'],
    [7, 'right', 'c', 1],
    [5, 'left', 'q', 'q'],
    [7, 'left', 'b', 'second'],
    [2 ** 40, 'right', 'late', 2],
  ] as const)
    store.append({ timestamp, side, key }, value, 9)
  assert.deepEqual(entries(store), [
    '5 left q q',
    '7 right c 1',
    '7 left b first',
    '7 left b second',
    '7 left \uff5a z',
    '7 left \u{1d4b3} x',
    `${2 ** 40} right late 2`,
  ])
})

test('unmatched store: the changelog has time, side and key, the whole row, and the time of the record under way', () => {
  const { store, log } = opened(builder)
  const row = { timestamp: 258, side: 'left', key: 'k' } as const
  store.append(row, 'ab', 300)
  store.append(row, 'c', 301)
  store.deleteIfPresent({ ...row, key: 'other' }, 302)
  store.deleteIfPresent({ ...row, side: 'right' }, 302)
  store.deleteIfPresent(row, 302)
  store.deleteIfPresent(row, 303)
  store.delete({ timestamp: 1, side: 'right', key: 'k' }, 304)
  assert.deepEqual(
    log.map(({ key, value, timestamp }) => [hex(key), value && hex(value), timestamp]),
    [
      // Time, side and key; kind of list, count, then of each value its size, its side and its bytes.
      ['000000000000010201_6b', '01_00000001_00000003_01_6162', 300],
      ['000000000000010201_6b', '01_00000002_00000003_01_6162_00000002_01_63', 301],
      ['000000000000010201_6b', null, 302],
      ['000000000000000100_6b', null, 304],
    ].map(([key, value, timestamp]) => [unspaced(key), unspaced(value), timestamp]),
  )
})

test('unmatched store: rows may be deleted behind a walk', () => {
  const { store } = opened(builder)
  for (let timestamp = 0; timestamp < 100; timestamp++)
    store.append({ timestamp, side: 'left', key: 'k' }, 'v', 0)
  let seen = 0
  for (const { row } of store.entries()) {
    seen++
    store.delete(row, 0)
  }
  assert.equal(seen, 100)
  assert.deepEqual(entries(store), [])
})

for (const seed of [1, 2, 3])
  test(`unmatched store: as a plain list of rows, and again when restored from its changelog (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const { store, log } = opened(builder)
    const rows = new Map<string, { row: UnmatchedRow<string>; values: (string | number)[] }>()
    for (let at = 0; at < 3000; at++) {
      const row = {
        timestamp: randomInt(random, 300),
        side: randomInt(random, 2) === 0 ? 'left' : 'right',
        key: `k${randomInt(random, 3)}`,
      } as const
      const id = JSON.stringify(row)
      if (randomInt(random, 5) < 2) {
        const value = row.side === 'left' ? `v${at}` : at
        store.append(row, value, at)
        rows.set(id, { row, values: [...(rows.get(id)?.values ?? []), value] })
      } else {
        store.deleteIfPresent(row, at)
        rows.delete(id)
      }
    }
    const expected = [...rows.values()]
      .toSorted(({ row: left }, { row: right }) => {
        if (left.timestamp !== right.timestamp) return left.timestamp - right.timestamp
        if (left.side !== right.side) return left.side === 'right' ? -1 : 1
        return left.key < right.key ? -1 : 1
      })
      .flatMap(({ row, values }) => values.map((value) => shown(row, value)))
    assert.ok(expected.length > 20)
    assert.deepEqual(entries(store), expected)
    const { store: restored } = opened(builder)
    for (const { key, value, timestamp } of log) restored.restore(key, value, timestamp, noHeaders)
    assert.deepEqual(entries(restored), expected)
  })

function entries(store: UnmatchedStore<string, string, number>): string[] {
  return [...store.entries()].map(({ row, value }) => shown(row, value()))
}

function shown(
  { timestamp, side, key }: { timestamp: number; side: JoinSideName; key: string },
  value: string | number,
): string {
  return `${timestamp} ${side} ${key} ${value}`
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}

function unspaced<T>(digits: T): T | string {
  return typeof digits === 'string' ? digits.replaceAll('_', '') : digits
}
