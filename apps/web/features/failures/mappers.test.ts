import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hexDump,
  matching,
  ofSide,
  ownFrame,
  toFailedPayload,
  toFailureDetail,
  toRefusedPayload,
  trendColumns,
} from './mappers.ts'
import type { FailureGroup } from './model.ts'

test('own frame: the first that is no library and nothing of Node; else the first; else none', () => {
  const stack =
    'E: x\n    at node:internal/a:1:1\n    at f (/x/node_modules/y/z.js:1:1)\n    at mine (a.ts:3:1)'
  assert.equal(ownFrame(stack), 'at mine (a.ts:3:1)')
  assert.equal(ownFrame('E: x\n    at node:internal/a:1:1'), 'at node:internal/a:1:1')
  assert.equal(ownFrame('E: x'), null)
  assert.equal(ownFrame(null), null)
})

test('hex dump: place, bytes and the printable ones as text', () => {
  assert.equal(
    hexDump(new Uint8Array([0x7b, 0xff, 0, 0x41, 1, 2, 3, 4, 0x5a])),
    '000000  7b ff 00 41 01 02 03 04  {··A····\n000008  5a                       Z',
  )
  assert.equal(hexDump(new Uint8Array(10_000)).split('\n').length, 512)
})

test('trend: every failure stands in a column, also at and before the edges', () => {
  const range = { fromMs: 1_000, toMs: 2_000 }
  const trend = [900, 1_000, 1_499, 1_999, 2_000].map((atMs) => ({ atMs, count: 2 }))
  assert.deepEqual(trendColumns(trend, range, 2), [6, 4])
  assert.deepEqual(trendColumns([], range, 2), [0, 0])
})

test('payload: base64 of what is no event becomes its bytes and its text', () => {
  const body = (metadata: unknown, text: string) => ({
    consumptions: [{ consumerGroup: 'g', metadata }],
    payloads: {
      production: null,
      consumptions: [
        { consumerGroup: 'g', isSame: false, payload: { text, isMasked: false, sizeBytes: 9 } },
      ],
    },
  })
  const bytes = toFailedPayload(body({ payloadEncoding: 'base64' }, 'eyL/'), 'g')
  assert.deepEqual([...(bytes?.bytes ?? [])], [0x7b, 0x22, 0xff])
  assert.equal(bytes?.payload.text, '{"\ufffd')
  assert.equal(bytes?.payload.sizeBytes, 3)
  const text = toFailedPayload(body(null, '{}'), 'g')
  assert.deepEqual([text?.bytes, text?.payload.text], [null, '{}'])
  assert.equal(toFailedPayload(body(null, '{}'), 'other'), null)
})

test('search: any of what a failure is named by, whatever its case', () => {
  const group = (errorClass: string, topic: string) =>
    ({
      errorClass,
      firstLine: '',
      fingerprint: 'f',
      database: 'd',
      topics: [topic],
      eventTypes: [],
      consumerGroups: [],
    }) as unknown as FailureGroup
  const items = [group('RangeError', 'orders'), group('MailRefused', 'letters')]
  assert.deepEqual(matching(items, ' RANGE '), [items[0]])
  assert.deepEqual(matching(items, 'letters'), [items[1]])
  assert.equal(matching(items, undefined), items)
})

test('sides: what was refused is told apart from what handlers failed at, with its own events and payload', () => {
  const at = '2026-11-22T10:00:00.000Z'
  const group = (side: string, fingerprint: string, parked: number | null) => ({
    side,
    database: 'orders',
    fingerprint,
    errorClass: 'MR_KAFKA_RECORD_REFUSED',
    firstLine: 'too large',
    failed: 2,
    retrying: 1,
    parked,
    firstSeenAt: at,
    lastSeenAt: at,
    topics: ['order-events'],
    eventTypes: ['order_placed'],
    consumerGroups: [],
    trend: [{ at, count: 3 }],
  })
  const production = {
    database: 'orders',
    serviceName: 'orders',
    status: 'FAILED',
    retryCount: 1,
    maxRetries: 5,
    errorClass: 'MR_KAFKA_RECORD_REFUSED',
    errorMessage: 'too large',
    fingerprint: 'f1',
    partitionNumber: null,
    offset: null,
    createdAt: at,
    publishedAt: null,
    updatedAt: at,
    nextRetryAt: null,
    blockedBy: null,
    metadata: { tenant: 'a' },
  }
  const event = (eventId: string, row: object | null) => ({
    eventId,
    eventType: 'order_placed',
    topic: 'order-events',
    eventKey: 'o-1',
    correlationId: null,
    causationId: null,
    aggregateType: 'order',
    aggregateId: 'o-1',
    aggregateVersion: null,
    occurredAt: at,
    at,
    production: row,
    consumptions: [],
    waits: null,
  })
  const detail = toFailureDetail(
    {
      failures: {
        from: at,
        to: at,
        bucketMs: 60_000,
        items: [group('production', 'f1', 4), group('consumption', 'f1', null)],
        isComplete: true,
        unreachable: [],
      },
      events: [
        event('e1', production),
        event('e2', { ...production, fingerprint: 'f2' }),
        event('e3', null),
      ],
    },
    'f1',
  )
  assert.deepEqual(
    detail.refused.map(({ key }) => key),
    ['e1'],
  )
  assert.deepEqual(detail.events, [])
  const { items } = detail.failures
  assert.deepEqual(
    ofSide(items, 'production').map(({ parked }) => parked),
    [4],
  )
  assert.deepEqual(
    ofSide(items, 'consumption').map(({ parked }) => parked),
    [null],
  )
  const payload = { text: '{}', isMasked: false, sizeBytes: 2 }
  assert.deepEqual(
    toRefusedPayload({ production, payloads: { production: payload, consumptions: [] } }),
    { payload, bytes: null, notes: [['tenant', 'a']] },
  )
  assert.equal(
    toRefusedPayload({ production, payloads: { production: null, consumptions: [] } }),
    null,
  )
})
