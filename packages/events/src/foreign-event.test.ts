import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUuid, uuidTimeMs, uuidv7 } from '@millrace/core'
import {
  assert as check,
  constant,
  constantFrom,
  dictionary,
  double,
  jsonValue,
  oneof,
  property,
  string,
} from 'fast-check'
import { Type } from 'typebox'
import { childEventId } from './child-event-id.ts'
import { ContractRegistry, defineEvent } from './contract.ts'
import { decodeForeign, type RecordFacts } from './decode.ts'

const contracts = new ContractRegistry([
  defineEvent({
    eventType: 'BOOKING_CREATED',
    version: 1,
    topic: 'bookings',
    aggregateType: 'booking',
    description: 'A room was booked.',
    data: Type.Object({ room: Type.Integer() }),
  }),
])
const time = '2026-11-21T10:00:00.000Z'
const positionId = '01a1fe5f-5e12-8784-a91c-fb88af03914f'

function read(
  json: unknown,
  headers: Readonly<Record<string, string>> = {},
  more: Partial<RecordFacts> = {},
): ReturnType<typeof decodeForeign> {
  return decodeForeign(Buffer.from(JSON.stringify(json)), contracts, {
    header: (name) => headers[name] ?? null,
    key: 'k1',
    timestampMs: 1_763_000_000_000,
    positionId: () => positionId,
    ...more,
  })
}

const binary = { ce_id: 'b-17', ce_type: 'BOOKING_CREATED', ce_source: '/hotel', ce_time: time }
const data = { room: 7 }
const forms = [
  { name: 'CloudEvents, binary', json: data, headers: binary, from: 'ce_id b-17' },
  {
    name: 'CloudEvents, structured',
    json: { specversion: '1.0', id: 'b-17', type: 'BOOKING_CREATED', source: '/hotel', time, data },
    from: 'ce_id b-17',
  },
  {
    name: 'an envelope with an id of its own kind',
    json: {
      eventId: 'b-17',
      eventType: 'BOOKING_CREATED',
      source: '/hotel',
      timestamp: time,
      data,
    },
    from: 'eventId b-17',
  },
  {
    name: 'an envelope with a number for an id',
    json: { eventId: 17, eventType: 'BOOKING_CREATED', source: '/hotel', timestamp: time, data },
    from: 'eventId 17',
  },
]
for (const each of forms)
  test(`foreign event: ${each.name} gets an id of its own time, the same each time, and is marked`, () => {
    const { result, idDerivedFrom } = read(each.json, each.headers)
    assert.equal(result.kind, 'event', JSON.stringify(result))
    assert.equal(idDerivedFrom, each.from)
    if (result.kind !== 'event') return
    const { event } = result
    assert.ok(isUuid(event.eventId))
    assert.equal(uuidTimeMs(event.eventId), Date.parse(time))
    assert.deepEqual(event.data, data)
    assert.equal(event.aggregateType, 'booking')
    assert.equal(event.aggregateId, 'k1')
    assert.equal(event.timestamp, time)
    assert.equal(event.correlationId, event.eventId)
    // A duplicate has another record timestamp and another place.
    const again = read(each.json, each.headers, { timestampMs: 5, positionId: () => uuidv7() })
    assert.deepEqual(again, { result, idDerivedFrom })
  })

test('foreign event: one without an id has that of its place, and is marked', () => {
  const { result, idDerivedFrom } = read({ eventType: 'BOOKING_CREATED', data })
  assert.equal(idDerivedFrom, 'position')
  assert.equal(result.kind === 'event' && result.event.eventId, positionId)
})

test('foreign event: the same id from two sources is two events; a UUID in capitals is the UUID', () => {
  const idOf = (json: unknown): unknown => {
    const { result } = read(json)
    return result.kind === 'event' ? result.event.eventId : result
  }
  const base = { eventId: '17', eventType: 'BOOKING_CREATED', timestamp: time, data }
  assert.notEqual(idOf({ ...base, source: 'a' }), idOf({ ...base, source: 'b' }))
  const uuid = uuidv7()
  assert.equal(idOf({ ...base, eventId: uuid.toUpperCase() }), uuid)
  assert.equal(read({ ...base, eventId: uuid.toUpperCase() }).idDerivedFrom, null)
})

test('foreign event: correlation and cause that are no UUIDs are derived from, alike for all of one', () => {
  const of = (eventId: string): { correlationId: string; causationId: string | null } => {
    const { result } = read({
      eventId,
      eventType: 'BOOKING_CREATED',
      correlationId: 'request 5',
      causationId: 'c-1',
      data,
    })
    assert.equal(result.kind, 'event')
    return (result as { event: { correlationId: string; causationId: string | null } }).event
  }
  assert.equal(of('1').correlationId, of('2').correlationId)
  assert.ok(isUuid(of('1').correlationId))
  assert.ok(isUuid(of('1').causationId ?? ''))
})

for (const each of [
  { name: 'no type', json: { id: 1, data } },
  { name: 'a type that is no text', json: { eventType: 7, data } },
  {
    name: 'data against the contract',
    json: { eventType: 'BOOKING_CREATED', data: { room: 'x' } },
  },
  {
    name: 'a version that is no number',
    json: { eventType: 'BOOKING_CREATED', version: 'x', data },
  },
  { name: 'a list', json: [1] },
])
  test(`foreign event: ${each.name} stays undecodable`, () => {
    assert.equal(read(each.json).result.kind, 'undecodable')
  })

test('foreign event: whatever the JSON and headers, reading gives a result and never throws', () => {
  const words = constantFrom(
    'eventType',
    'specversion',
    'id',
    'eventId',
    'type',
    'data',
    'time',
    'timestamp',
    'version',
    'metadata',
    'correlationId',
  )
  check(
    property(
      dictionary(words, oneof(jsonValue(), constant('BOOKING_CREATED'))),
      dictionary(constantFrom('ce_id', 'ce_type', 'ce_time', 'ce_source'), string()),
      double({ noNaN: true, noDefaultInfinity: true }),
      (json, headers, timestampMs) => {
        const { result } = read(json, headers, { timestampMs })
        if (result.kind === 'undecodable') assert.equal(typeof result.reason, 'string')
        else assert.ok(isUuid(result.event.eventId))
      },
    ),
  )
})

test('childEventId: the same for the same cause, handler and index, with the time of the cause', () => {
  const cause = { eventId: uuidv7(), timestamp: time }
  const id = childEventId(cause, 'billing', 0)
  assert.equal(childEventId(cause, 'billing', 0), id)
  assert.equal(uuidTimeMs(id), uuidTimeMs(cause.eventId))
  assert.equal(id[14], '8')
  const others = [
    childEventId(cause, 'billing', 1),
    childEventId(cause, 'shipping', 0),
    childEventId({ ...cause, eventId: uuidv7() }, 'billing', 0),
  ]
  assert.equal(new Set([id, ...others]).size, 4)
  const random = { eventId: 'd9428888-122b-41e1-b85c-61d34b1ec7d4', timestamp: time }
  assert.equal(uuidTimeMs(childEventId(random, 'billing', 0)), Date.parse(time))
  assert.throws(() => childEventId({ eventId: 'x', timestamp: time }, 'billing', 0), {
    code: 'MR_EVENTS_BAD_CAUSE',
  })
})
