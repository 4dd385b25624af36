import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidLowerBound } from '@millrace/core'
import {
  boundsOfIds,
  dayOfId,
  inWords,
  rangesOf,
  type ArchivedDayOf,
  type DayBounds,
} from './archived-days.ts'

const shop = (day: string, events = 10): ArchivedDayOf => ({
  service: 'shop',
  side: 'production',
  day,
  events,
})
const bank = (day: string): ArchivedDayOf => ({
  service: 'bank',
  side: 'consumption',
  day,
  events: 1,
})
const archived = [
  shop('2026-03-02'),
  bank('2026-03-01'),
  shop('2026-02-28'),
  shop('2026-03-01', 5),
  shop('2026-03-05'),
]

for (const { name, bounds, ranges } of [
  {
    name: 'days that follow one another are one range, over the end of a month too, the newest first',
    bounds: {},
    ranges: [
      'shop 2026-03-05..2026-03-05 1 10',
      'shop 2026-02-28..2026-03-02 3 25',
      'bank 2026-03-01..2026-03-01 1 1',
    ],
  },
  {
    name: 'bounds are inclusive and cut a range',
    bounds: { firstDay: '2026-03-01', lastDay: '2026-03-02' },
    ranges: ['shop 2026-03-01..2026-03-02 2 15', 'bank 2026-03-01..2026-03-01 1 1'],
  },
  {
    name: 'one side alone',
    bounds: { sides: ['consumption'] },
    ranges: ['bank 2026-03-01..2026-03-01 1 1'],
  },
  { name: 'outside of them there is none', bounds: { firstDay: '2026-03-06' }, ranges: [] },
] satisfies { name: string; bounds: DayBounds; ranges: string[] }[])
  test(`archived days: ${name}`, () =>
    assert.deepEqual(
      rangesOf(archived, bounds).map(
        (each) => `${each.service} ${each.firstDay}..${each.lastDay} ${each.days} ${each.events}`,
      ),
      ranges,
    ))

const march = '0195519c-0000-7000-8000-000000000000'
const random = '4f1e2d3c-aaaa-4bbb-8ccc-0123456789ab'

test('archived days: the day inside an id, none in one of random bits', () => {
  const id = uuidLowerBound(Date.parse('2026-03-05T23:59:59.999Z')).replace(/-0000-/, '-7000-')
  assert.equal(dayOfId(id.replace(/^(.{14})./, '$17')), '2026-03-05')
  assert.equal(dayOfId(random), undefined)
  assert.equal(dayOfId('order-1'), undefined)
})

test('archived days: bounds of ids are open where one of them does not say', () => {
  const day = dayOfId(march)
  assert.deepEqual(boundsOfIds([march]), { firstDay: day, lastDay: day })
  assert.deepEqual(boundsOfIds([march, random]), {})
  assert.deepEqual(boundsOfIds([]), {})
})

test('archived days: in words, at most four of them by name', () => {
  assert.equal(inWords([]), '')
  const many = ['01', '03', '05', '07', '09'].map((day) => shop(`2026-03-${day}`))
  const words = inWords(rangesOf(many, {}))
  assert.match(words, /^Archived days were not searched: 2026-03-09 \(production log of shop\), /)
  assert.match(words, /, and 1 more\. Bring the day back/)
})
