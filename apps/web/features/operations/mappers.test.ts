import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  actorOf,
  inWords,
  isoOfLocal,
  localOf,
  placeOf,
  planAgain,
  rateText,
  shareDone,
  titleOf,
  toOperation,
  toOperationDetail,
} from './mappers.ts'

const wire = {
  id: 'o',
  service: 'bank',
  kind: 'redrive',
  group: 'ledger',
  state: 'RUNNING',
  request: {
    kind: 'redrive',
    group: 'ledger',
    filter: { fingerprint: 'f1' },
    cutOff: '2026-11-21T10:00:00.000Z',
  },
  plan: { count: 41, sample: [], refusals: [], effects: 'external', cutOff: null },
  progress: { total: 4, waiting: 1, released: 1, done: 1, failed: 1, skipped: 0, cancelled: 0 },
  ratePerSecond: 50,
  createdAt: '2026-11-21T10:00:00.000Z',
  createdBy: 'ada',
  expiresAt: '2026-11-21T10:15:00.000Z',
}

test('operation: the act in words, its scope without what every operation has, how far it is', () => {
  const operation = toOperation(wire)
  assert.equal(inWords(operation), 'Redrive 41 events to group ledger')
  assert.deepEqual(operation.scope, [['fingerprint', 'f1']])
  assert.equal(shareDone(operation), 0.5)
})

test('operation: one without a group is of the relay, and is planned anew without one', () => {
  const request = { kind: 'republish', filter: {} }
  const operation = toOperation({ ...wire, kind: 'republish', group: null, request })
  assert.equal(inWords(operation), 'Publish again: 41 events of bank')
  assert.equal(titleOf(operation), 'Publish again from bank')
  assert.equal(actorOf(operation), 'the relay of bank')
  assert.deepEqual(planAgain(operation), { service: 'bank', kind: 'republish', filter: {} })
})

test('operation: a place as far as it is known', () => {
  assert.equal(placeOf({ topic: 'orders', partition: 3, offset: '17' }), 'orders/3@17')
  assert.equal(placeOf({ topic: 'orders', partition: null, offset: null }), 'orders')
})

test('operation: planned anew with the same wish and no old cut-off; an edit is not, its payload is not shown', () => {
  assert.deepEqual(planAgain(toOperation(wire)), {
    service: 'bank',
    kind: 'redrive',
    group: 'ledger',
    filter: { fingerprint: 'f1' },
  })
  assert.equal(planAgain(toOperation({ ...wire, kind: 'edit' })), null)
})

test('operation: a state this page does not know asks for nothing by itself', () => {
  assert.equal(toOperation({ ...wire, state: 'LATER' }).state, 'PLANNED')
})

test('times of a form: the reader’s zone in, ISO 8601 out, and back', () => {
  const timeMs = Date.parse('2026-11-21T10:00:05.000Z')
  assert.equal(isoOfLocal(localOf(timeMs)), '2026-11-21T10:00:05.000Z')
  assert.equal(isoOfLocal('soon'), undefined)
})

for (const { action, details, says } of [
  { action: 'plan', details: { count: 12 }, says: '12 events' },
  { action: 'confirm', details: { count: 1, planned: 12 }, says: '1 event of 12 planned' },
  { action: 'rate', details: { before: 50, after: 0.25 }, says: 'from 50 to 0.25 per second' },
  { action: 'pause', details: { from: 'RUNNING' }, says: 'it was running' },
  { action: 'pause', details: { from: 'LATER', odd: 1 }, says: 'from "LATER", odd 1' },
  { action: 'resume', details: {}, says: null },
])
  test(`audit: ${action} with ${JSON.stringify(details)} says ${says ?? 'nothing more'}`, () => {
    const line = { at: wire.createdAt, by: 'ada', action, reason: null, details }
    assert.equal(toOperationDetail({ operation: wire, audit: [line] }).audit[0]?.details, says)
  })

for (const [perSecond, text] of [
  [0.001, '0.001'],
  [0.30000001192092896, '0.3'],
  [50, '50'],
  [10_000, '10,000'],
] as const)
  test(`rate: ${perSecond} a second is shown as ${text}`, () =>
    assert.equal(rateText(perSecond), text))
