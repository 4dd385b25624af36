import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid, randomInt, seededRandom, uuidLowerBound, uuidTimeMs } from '@millrace/core'
import { packReceipts } from './pack-receipts.ts'
import type { Receipts } from './sql/advance-lane.ts'

const dayMs = 86_400_000
const midnightMs = Date.UTC(2026, 10, 22)

const eventOf = (id: number, timeMs: number) => ({
  id: BigInt(id),
  eventId: derivedUuid(timeMs, String(id)),
})

type Event = ReturnType<typeof eventOf>

/** Partition and offset of an event say which one it is. */
const placesOf = (events: readonly Event[]) => ({
  partitions: events.map(({ id }) => Number(id % 7n)),
  offsets: Float64Array.from(events, ({ id }) => Number(id) * 3),
})

const pack = (events: readonly Event[], maxEvents?: number): Receipts =>
  packReceipts(9n, events, placesOf(events), maxEvents)

interface Row {
  readonly dayId: string
  readonly firstId: bigint
  readonly lastId: bigint
  readonly ids: readonly bigint[]
}

/** The rows as the statement cuts them, each checked for what the table asks of it. */
function rowsOf(receipts: Receipts): readonly Row[] {
  return receipts.dayIds.map((dayId, index) => {
    const [begin, end] = [receipts.ends[index - 1] ?? 0, receipts.ends[index] ?? 0]
    const firstId = receipts.firstIds[index] ?? -1n
    const lastId = receipts.lastIds[index] ?? -1n
    const relative = receipts.relativeIds.slice(begin, end)
    const ids = relative.map((each) => firstId + BigInt(each))
    assert.ok(ids.length >= 1 && ids.length <= 128)
    assert.equal(ids[0], firstId)
    assert.equal(ids.at(-1), lastId)
    assert.ok(lastId - firstId < 1_024n)
    assert.deepEqual(
      relative,
      [...new Set(relative)].toSorted((a, b) => a - b),
    )
    assert.deepEqual(
      receipts.partitions.slice(begin, end),
      ids.map((id) => Number(id % 7n)),
    )
    assert.deepEqual(
      receipts.offsets.slice(begin, end),
      ids.map((id) => Number(id) * 3),
    )
    return { dayId, firstId, lastId, ids }
  })
}

for (const c of [
  { name: 'none', ids: [], rows: [] },
  { name: 'one', ids: [5], rows: [1] },
  { name: 'a full row', ids: range(1, 128), rows: [128] },
  { name: 'one more than a row holds', ids: range(1, 129), rows: [128, 1] },
  { name: 'the last id that a row reaches', ids: [1, 1_024], rows: [2] },
  { name: 'one id further', ids: [1, 1_025], rows: [1, 1] },
  { name: 'a stray of a transaction left open', ids: [3, 90_000, 90_001], rows: [1, 2] },
  { name: 'every sixteenth, as of 16 lanes', ids: range(0, 99).map((n) => n * 16), rows: [64, 36] },
  { name: 'not in order', ids: [7, 8, 6, 9], rows: [2, 2] },
])
  test(`receipts are packed: ${c.name}`, () => {
    const rows = rowsOf(pack(c.ids.map((id) => eventOf(id, midnightMs))))
    assert.deepEqual(
      rows.map(({ ids }) => ids.length),
      c.rows,
    )
    assert.deepEqual(
      rows.flatMap(({ ids }) => ids),
      c.ids.map(BigInt),
    )
  })

test('receipts are packed: days that come by turns at midnight make a row each', () => {
  const events = range(1, 100).map((id) => eventOf(id, midnightMs - (id % 2)))
  const rows = rowsOf(pack(events))
  assert.deepEqual(
    rows.map(({ dayId, ids }) => [dayId, ids.length]),
    [
      [uuidLowerBound(midnightMs - dayMs), 50],
      [uuidLowerBound(midnightMs), 50],
    ],
  )
})

test('receipts are packed: a row each where some may be written already', () => {
  const rows = rowsOf(
    pack(
      [1, 2, 3].map((id) => eventOf(id, midnightMs)),
      1,
    ),
  )
  assert.equal(rows.length, 3)
})

test('receipts are packed: whatever comes is in one row, of its day', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    let id = 0
    const events = range(1, randomInt(random, 600)).map(() => {
      id += 1 + (randomInt(random, 50) === 0 ? randomInt(random, 3_000) : randomInt(random, 4))
      return eventOf(id, midnightMs - randomInt(random, 3) * dayMs + randomInt(random, dayMs))
    })
    const dayOf = new Map(
      rowsOf(pack(events)).flatMap(({ dayId, ids }) => ids.map((each) => [each, dayId] as const)),
    )
    assert.equal(dayOf.size, events.length, `seed ${seed}`)
    for (const event of events) {
      const timeMs = uuidTimeMs(event.eventId)
      const startMs = timeMs - (timeMs % dayMs)
      assert.equal(dayOf.get(event.id), uuidLowerBound(startMs), `seed ${seed}`)
    }
  }
})

test('receipts are packed: places that are not one for each event are refused', () => {
  const events = [eventOf(1, midnightMs)]
  assert.throws(() => packReceipts(1n, events, { partitions: [0], offsets: [] }))
})

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}
