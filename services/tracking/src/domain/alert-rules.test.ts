import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlertHold, readAlerts, type AlertReading, type ServiceFigures } from './alert-rules.ts'

const thresholds = {
  pendingCount: 1_000,
  pendingAgeMs: 60_000,
  processingCount: 500,
  failurePercent: 5,
}

function figures(given: Partial<ServiceFigures> = {}): ServiceFigures {
  return {
    service: 'shop',
    outage: null,
    pending: 0,
    oldestPendingAgeMs: null,
    processing: 0,
    parked: 0,
    failed: 0,
    handled: 100,
    ...given,
  }
}

function levelsOf(given: Partial<ServiceFigures>): Record<string, string> {
  return Object.fromEntries(
    readAlerts(figures(given), thresholds).map((reading) => [reading.rule, reading.level]),
  )
}

const well = {
  outage: 'well',
  'pending-count': 'well',
  'pending-age': 'well',
  'processing-backlog': 'well',
  'failure-rate': 'well',
}

for (const { name, given, levels } of [
  { name: 'nothing waits, nothing fails', given: {}, levels: well },
  {
    name: 'at the threshold',
    given: { pending: 1_000, oldestPendingAgeMs: 5 },
    levels: { ...well, 'pending-count': 'between' },
  },
  {
    name: 'beyond it',
    given: { pending: 1_001, oldestPendingAgeMs: 5 },
    levels: { ...well, 'pending-count': 'beyond' },
  },
  { name: 'at 80 %', given: { pending: 800, oldestPendingAgeMs: 5 }, levels: well },
  {
    name: 'an old one',
    given: { pending: 1, oldestPendingAgeMs: 60_001 },
    levels: { ...well, 'pending-age': 'beyond' },
  },
  {
    name: 'handlers behind',
    given: { processing: 501 },
    levels: { ...well, 'processing-backlog': 'beyond' },
  },
  { name: '6 of 100 failed', given: { failed: 6 }, levels: { ...well, 'failure-rate': 'beyond' } },
  { name: '1 of 2 failed is no rate', given: { failed: 1, handled: 2 }, levels: well },
  { name: 'no event handled', given: { handled: 0 }, levels: well },
])
  test(`alerts: ${name}`, () => assert.deepEqual(levelsOf(given), levels))

test('alerts: a service without a log has none about it; one that is away has that alone', () => {
  const unknown = { pending: null, processing: null, failed: null, handled: null }
  assert.deepEqual(levelsOf(unknown), { outage: 'well' })
  assert.deepEqual(levelsOf({ ...unknown, outage: 'refused' }), { outage: 'beyond' })
})

test('hold: a figure must stay on its side before anything changes, and a swing begins anew', () => {
  const hold = new AlertHold(1_000)
  const judge = (level: AlertReading['level'], atMs: number) =>
    hold.judge({ alertId: 'x', level } as AlertReading, atMs)
  assert.equal(judge('beyond', 0), undefined)
  assert.equal(judge('between', 500), undefined)
  assert.equal(judge('beyond', 900), undefined)
  assert.equal(judge('beyond', 1_899), undefined)
  assert.equal(judge('beyond', 1_900), 'raise')
  assert.equal(judge('well', 2_000), undefined)
  assert.equal(judge('well', 3_000), 'clear')
})
