import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7, derivedUuid, systemClock } from '@millrace/core'
import { ContractRegistry, defineEvent, UuidSchema, type EventEnvelope } from '@millrace/events'
import { toEventRow, type EventRules, type PublishOptions } from './event-row.ts'

const nowMs = Date.now()
const hourMs = 3_600_000
const contract = defineEvent({
  eventType: 'thing_happened',
  version: 1,
  topic: 'things',
  aggregateType: 'thing',
  description: 'It happened.',
  data: UuidSchema,
})
const rules: EventRules = {
  serviceName: 'tests',
  contracts: new ContractRegistry([contract]),
  maxEventBytes: 2_000,
  maxRetries: 5,
}
const idAt = (ms: number): string => createUuidV7({ clock: { ...systemClock, now: () => ms } })()
const event: EventEnvelope = {
  eventId: idAt(nowMs),
  eventType: 'thing_happened',
  version: 1,
  timestamp: '2011-03-01T10:00:00Z',
  correlationId: idAt(nowMs),
  causationId: null,
  source: 'tests',
  aggregateType: 'thing',
  aggregateId: 't-1',
  aggregateVersion: 1,
  metadata: {},
  data: idAt(nowMs),
}
const options: PublishOptions = { topic: 'things', key: 't-1' }

test('event row: the payload is the envelope as it is, NUL escapes, quotes and emoji included', () => {
  const odd = { ...event, metadata: { text: '\u0000 "quoted" {,} \\ 😀 \ud800' } }
  const row = toEventRow(odd, options, rules, nowMs)
  assert.equal(row.payload, JSON.stringify(odd))
  assert.ok(!row.payload.includes('\0'), 'Postgres text takes it')
  assert.equal(row.metadata, JSON.stringify(odd.metadata))
  assert.equal(toEventRow(event, options, rules, nowMs).metadata, null)
})

test('event row: a derived id of about now is taken', () => {
  const eventId = derivedUuid(nowMs - hourMs, 'parent', 'handler', '0')
  assert.equal(toEventRow({ ...event, eventId }, options, rules, nowMs).eventId, eventId)
})

interface Refusal {
  readonly name: string
  readonly event?: Partial<EventEnvelope>
  readonly options?: Partial<PublishOptions>
  readonly code?: string
  readonly message: RegExp
}

const refusals: readonly Refusal[] = [
  {
    name: 'an id of 25 hours ago',
    event: { eventId: idAt(nowMs - 25 * hourMs) },
    message: /-25 hours off/,
  },
  {
    name: 'an id of 25 hours ahead',
    event: { eventId: idAt(nowMs + 25 * hourMs) },
    message: /25 hours off/,
  },
  {
    name: 'a random id',
    event: { eventId: 'f47ac10b-58cc-4372-a567-0e02b2c3d479' },
    message: /UUIDv7/,
  },
  { name: 'no id', event: { eventId: 'mine' }, message: /eventId/ },
  {
    name: 'a correlation that is no UUID',
    event: { correlationId: 'x' },
    message: /correlationId/,
  },
  { name: 'an unknown type', event: { eventType: 'other' }, message: /no contract is named other/ },
  { name: 'data that breaks the contract', event: { data: 'x' }, message: /thing_happened: data/ },
  { name: 'another version', event: { version: 2 }, message: /version 2/ },
  {
    name: 'a time that is none',
    event: { timestamp: 'yesterday, about noon' },
    message: /ISO 8601/,
  },
  { name: 'another topic', options: { topic: 'others' }, message: /topic "things", not "others"/ },
  { name: 'a topic name that is none', options: { topic: 'a b' }, message: /not a topic name/ },
  { name: 'a key with NUL', options: { key: 'a\0b' }, message: /NUL/ },
  { name: 'a long key', options: { key: 'x'.repeat(256) }, message: /255 characters/ },
  { name: 'a broken traceparent', options: { traceparent: 'x' }, message: /W3C/ },
  {
    name: 'an invalid notBefore',
    options: { notBefore: new Date(Number.NaN) },
    message: /notBefore/,
  },
  {
    name: 'too many bytes',
    event: { metadata: { text: 'ä'.repeat(1_000) } },
    code: 'MR_OUTBOX_EVENT_TOO_LARGE',
    message: /bytes with its key; 2000 are allowed/,
  },
]

for (const refusal of refusals) {
  test(`event row: refuses ${refusal.name}`, () => {
    assert.throws(
      () =>
        toEventRow(
          { ...event, ...refusal.event },
          { ...options, ...refusal.options },
          rules,
          nowMs,
        ),
      { code: refusal.code ?? 'MR_OUTBOX_INVALID_EVENT', message: refusal.message },
    )
  })
}
