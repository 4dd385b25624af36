import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUuid, uuidTimeMs, uuidv7 } from '@millrace/core'
import { Type } from 'typebox'
import { cloudEventHeaders } from './cloud-events.ts'
import { ContractRegistry, defineEvent } from './contract.ts'
import { createEvent } from './create-event.ts'
import { decodeEvent } from './decode.ts'

const orderPlaced = defineEvent({
  eventType: 'order_placed',
  version: 3,
  topic: 'orders',
  aggregateType: 'order',
  description: 'A customer placed an order.',
  data: Type.Object({
    orderId: Type.String(),
    cents: Type.Integer({ minimum: 0 }),
    currency: Type.String(),
  }),
  upcasters: {
    1: (data) => ({
      ...(data as object),
      cents: Math.round((data as { euros: number }).euros * 100),
    }),
    2: (data) => ({ ...(data as object), currency: 'EUR' }),
  },
})
const contracts = new ContractRegistry([orderPlaced])
const context = { correlationId: uuidv7(), causationId: null }
const event = createEvent({
  contract: orderPlaced,
  source: 'orders',
  aggregateId: 'o-1',
  aggregateVersion: 1,
  data: { orderId: 'o-1', cents: 990, currency: 'EUR' },
  context,
})

function bytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

test('createEvent: the id is of now, the timestamp of when it happened', () => {
  const past = createEvent({
    contract: orderPlaced,
    source: 's',
    aggregateId: 'o',
    aggregateVersion: null,
    data: event.data,
    context,
    occurredAtMs: Date.UTC(2018, 0, 1),
  })
  assert.equal(past.timestamp, '2018-01-01T00:00:00.000Z')
  assert.ok(isUuid(past.eventId))
  assert.ok(Math.abs(uuidTimeMs(past.eventId) - Date.now()) < 5_000)
})

test('decodeEvent: reads what was written', () => {
  assert.deepEqual(decodeEvent(bytes(event), contracts), { kind: 'event', event })
})

test('decodeEvent: brings data of old versions to the one of today', () => {
  const old = { ...event, version: 1, data: { orderId: 'o-1', euros: 9.9 } }
  const result = decodeEvent(bytes(old), contracts)
  assert.equal(result.kind, 'event')
  assert.deepEqual(result.kind === 'event' && [result.event.version, result.event.data], [
    3,
    { orderId: 'o-1', euros: 9.9, cents: 990, currency: 'EUR' },
  ])
})

test('decodeEvent: a type nobody here knows is no fault', () => {
  const result = decodeEvent(bytes({ ...event, eventType: 'order_shipped' }), contracts)
  assert.equal(result.kind, 'unknown-type')
})

for (const row of [
  { name: 'a tombstone', value: null, reason: /tombstone/ },
  { name: 'bytes that are not UTF-8', value: Buffer.from([0x7b, 0xff, 0x7d]), reason: /not UTF-8/ },
  { name: 'text that is not JSON', value: Buffer.from('{"a":'), reason: /not JSON/ },
  { name: 'JSON that is no envelope', value: bytes([1]), reason: /envelope/ },
  {
    name: 'an envelope without an id',
    value: bytes({ ...event, eventId: undefined }),
    reason: /eventId/,
  },
  {
    name: 'an id that is no UUID',
    value: bytes({ ...event, eventId: 'thread_created-1-a1b2' }),
    reason: /envelope\.eventId/,
  },
  {
    name: 'data against its schema',
    value: bytes({ ...event, data: { orderId: 'o', cents: -1, currency: 'EUR' } }),
    reason: /order_placed: data\.cents/,
  },
  {
    name: 'a version from the future',
    value: bytes({ ...event, version: 4 }),
    reason: /version 4.*knows up to 3/,
  },
  {
    name: 'old data its upcaster cannot read',
    value: bytes({ ...event, version: 1, data: null }),
    reason: /upcaster|data/,
  },
]) {
  test(`decodeEvent: ${row.name} is undecodable, and the reason says why`, () => {
    const result = decodeEvent(row.value, contracts)
    assert.equal(result.kind, 'undecodable')
    assert.match(result.kind === 'undecodable' ? result.reason : '', row.reason)
  })
}

test('defineEvent: a missing upcaster is refused when the contract is declared', () => {
  const { upcasters: _, ...rest } = orderPlaced
  assert.throws(() => defineEvent(rest), { code: 'MR_EVENTS_BAD_CONTRACT' })
})

test('ContractRegistry: two contracts of one name are refused', () => {
  assert.throws(() => new ContractRegistry([orderPlaced, orderPlaced]), {
    code: 'MR_EVENTS_BAD_CONTRACT',
  })
})

test('cloudEventHeaders: names of the CloudEvents Kafka binding, trace context when there is one', () => {
  const headers = new Map(
    cloudEventHeaders(event, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  )
  assert.equal(headers.get('ce_specversion'), '1.0')
  assert.equal(headers.get('ce_id'), event.eventId)
  assert.equal(headers.get('ce_type'), 'order_placed')
  assert.equal(headers.get('ce_source'), '/orders')
  assert.ok(headers.get('traceparent')?.startsWith('00-'))
  assert.equal(new Map(cloudEventHeaders(event)).has('traceparent'), false)
})
