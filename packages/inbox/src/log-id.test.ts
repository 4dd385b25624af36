import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidTimeMs } from '@millrace/core'
import { dayOfId, logIdOf, positionIdOf, undatedIdOf } from './log-id.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 10, 21, 12)

function idAt(timeMs: number, version = '7'): string {
  const hex = timeMs.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${version}abc-8abc-0123456789ab`
}

for (const each of [
  { name: 'now', id: idAt(now), own: true },
  { name: 'version 8, derived from an event of ours', id: idAt(now, '8'), own: true },
  { name: '400 days old', id: idAt(now - 400 * dayMs), own: true },
  { name: 'older than 400 days', id: idAt(now - 400 * dayMs - 1), own: false },
  { name: '400 days ahead', id: idAt(now + 400 * dayMs), own: true },
  { name: 'further ahead', id: idAt(now + 400 * dayMs + 1), own: false },
  { name: 'version 4', id: idAt(now, '4'), own: false },
  { name: 'before the first dated day', id: idAt(Date.UTC(2019, 11, 31)), own: false },
])
  test(`log id: ${each.name} is filed under ${each.own ? 'its own' : 'a derived'} id`, () => {
    const filed = logIdOf(each.id, now, () => false)
    assert.equal(filed.isDerived, !each.own)
    assert.equal(filed.id, each.own ? each.id : undatedIdOf(each.id))
    assert.equal(dayOfId(filed.id) === undefined, !each.own)
    assert.deepEqual(
      logIdOf(each.id, now, () => false),
      filed,
    )
  })

test('log id: an event that grew old stays where its day has a partition', () => {
  const id = idAt(now - 500 * dayMs)
  const day = Math.floor((now - 500 * dayMs) / dayMs)
  assert.equal(logIdOf(id, now, (each) => each === day).id, id)
})

test('position id: from where the record lies, with the time of the record when that is credible', () => {
  const at = { topic: 't', partition: 1, offset: 5n }
  assert.equal(uuidTimeMs(positionIdOf(at, now, now)), now)
  assert.equal(uuidTimeMs(positionIdOf(at, -1, now)), 0)
  assert.equal(uuidTimeMs(positionIdOf(at, 2 ** 50, now)), 0)
  assert.equal(uuidTimeMs(positionIdOf(at, now + 500 * dayMs, now)), 0)
  assert.notEqual(positionIdOf(at, now, now), positionIdOf({ ...at, offset: 6n }, now, now))
})
