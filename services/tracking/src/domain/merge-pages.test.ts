import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { uuidLowerBound, uuidTimeMs } from '@millrace/core'
import { nextPage, readOn, type SearchedLog } from '../sources/search-logs.ts'
import { decodeCursor, encodeCursor, type SearchCursor } from './search-cursor.ts'

function idOf(number: number): string {
  // Several ids in one millisecond, as one transaction writes them.
  const prefix = uuidLowerBound(1_700_000_000_000 + Math.floor(number / 7)).slice(0, 14)
  return `${prefix}7000-8000-${number.toString(16).padStart(12, '0')}`
}

/** A log in memory: ids newest first, pages by place, and a scan that may stop short. */
function memoryLog(key: string, numbers: readonly number[], scanRows: number): SearchedLog {
  const all = numbers.map(idOf).toSorted().toReversed()
  return {
    key,
    search: ({ limit, before, to }) => {
      const rows = all.filter(
        (id) =>
          (before === undefined || id < before) &&
          (to === undefined || uuidTimeMs(id) < to.getTime()),
      )
      const scanned = rows.slice(0, Math.min(limit, scanRows))
      const last = scanned.at(-1)
      const hasMore = rows.length > scanned.length
      const isFull = scanned.length === limit
      return Promise.resolve({
        events: scanned.map((eventId) => ({ eventId })),
        next: hasMore && last !== undefined ? last : null,
        scannedFrom: new Date(hasMore && last !== undefined ? uuidTimeMs(last) : 0),
        isComplete: !hasMore || isFull,
      })
    },
  }
}

async function readAll(logs: readonly SearchedLog[], limit: number): Promise<string[]> {
  const seen: string[] = []
  let cursor: SearchCursor | undefined
  for (let page = 0; page < 1_000; page++) {
    const current = cursor
    const open = logs.filter((log) => current === undefined || log.key in current.logs)
    const pages = await Promise.all(
      open.map((log) => readOn(log, current, { limit, to: undefined })),
    )
    const found = nextPage(pages, current, limit)
    assert.ok(found.eventIds.length <= limit)
    seen.push(...found.eventIds)
    if (found.next === null) return seen
    cursor = decodeCursor(encodeCursor(found.next))
    assert.deepEqual(cursor, found.next)
  }
  throw new Error('the pages do not end')
}

test('pages over logs: each id once, newest first, none left out, whatever the logs hold', async () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 })
  const logs = fc.array(fc.record({ numbers, scanRows: fc.integer({ min: 8, max: 50 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(logs, fc.integer({ min: 1, max: 30 }), async (given, limit) => {
      const found = await readAll(
        given.map((each, index) =>
          memoryLog(`log-${index}`, [...new Set(each.numbers)], each.scanRows),
        ),
        limit,
      )
      const expected = [...new Set(given.flatMap((each) => each.numbers.map(idOf)))]
        .toSorted()
        .toReversed()
      assert.deepEqual(found, expected)
    }),
    { numRuns: 300 },
  )
})

for (const text of [
  '',
  'x',
  '%%%',
  Buffer.from('[]').toString('base64url'),
  Buffer.from('["a",{}]').toString('base64url'),
  Buffer.from(`["${idOf(1)}",{"a":1}]`).toString('base64url'),
  'A'.repeat(20_000),
])
  test(`a cursor of somebody else is none: ${text.slice(0, 30)}`, () =>
    assert.equal(decodeCursor(text), undefined))
