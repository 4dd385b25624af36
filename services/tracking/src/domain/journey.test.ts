import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ConsumedEvent } from '@millrace/inbox'
import type { LoggedEvent } from '@millrace/outbox'
import { causeTree, journeyState } from './journey.ts'
import { relatedTo } from './related-events.ts'
import type { TrackedEvent } from './tracked-event.ts'
import { waitsOf } from './waits.ts'

const at = (ms: number): Date => new Date(1_700_000_000_000 + ms)

function produced(given: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    eventId: 'a',
    causationId: null,
    status: 'PUBLISHED',
    createdAt: at(0),
    publishedAt: at(4),
    updatedAt: at(4),
    ...given,
  } as LoggedEvent
}

function consumed(given: Partial<ConsumedEvent> = {}): ConsumedEvent {
  return {
    eventId: 'a',
    causationId: null,
    status: 'PROCESSED',
    receivedAt: at(10),
    processedAt: at(30),
    updatedAt: at(30),
    processingTimeMs: 5,
    ...given,
  } as ConsumedEvent
}

function event(eventId: string, causationId: string | null, createdMs: number): TrackedEvent {
  const row = produced({ eventId, causationId, createdAt: at(createdMs) })
  return { eventId, production: { source: 'shop', row }, consumptions: [] }
}

test('waits: the whole time is outbox, broker, turn and work', () => {
  assert.deepEqual(waitsOf(produced(), consumed()), {
    outboxMs: 4,
    brokerMs: 6,
    retryMs: 15,
    handlerMs: 5,
    totalMs: 30,
    isClockSkewed: false,
  })
})

test('waits: a receipt noted after the event arrived is neither negative nor skew', () => {
  const waits = waitsOf(produced({ publishedAt: at(14) }), consumed({ receivedAt: at(10) }))
  assert.deepEqual([waits.outboxMs, waits.brokerMs, waits.isClockSkewed], [10, 0, false])
})

for (const { name, production, consumption } of [
  {
    name: 'received before it was written',
    production: produced({ createdAt: at(50) }),
    consumption: consumed(),
  },
  {
    name: 'published before it was written',
    production: produced({ publishedAt: at(-1) }),
    consumption: null,
  },
  {
    name: 'handled before it was received',
    production: produced(),
    consumption: consumed({ processedAt: at(9) }),
  },
])
  test(`waits: ${name} is skew, and nothing is negative`, () => {
    const waits = waitsOf(production, consumption)
    assert.equal(waits.isClockSkewed, true)
    for (const value of Object.values(waits))
      assert.ok(typeof value !== 'number' || value >= 0, JSON.stringify(waits))
  })

test('waits: what is not known is null, never 0', () => {
  const pending = waitsOf(produced({ publishedAt: null, status: 'PENDING' }), null)
  assert.deepEqual(Object.values(pending), [null, null, null, null, null, false])
  assert.equal(waitsOf(null, consumed()).outboxMs, null)
})

test('causes: each event before what it caused, siblings by time', () => {
  const events = [
    event('c', 'a', 5),
    event('b', 'a', 3),
    event('d', 'b', 9),
    event('a', null, 0),
    event('e', 'elsewhere', 1),
  ]
  assert.deepEqual(
    causeTree(events).map((step) => [step.event.eventId, step.parentId, step.depth]),
    [
      ['a', null, 0],
      ['b', 'a', 1],
      ['d', 'b', 2],
      ['c', 'a', 1],
      ['e', null, 0],
    ],
  )
})

test('causes: forged circles and long chains end, and each event stands there once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 19 }), { minLength: 1, maxLength: 20 }), (causes) => {
      const events = causes.map((cause, index) => event(`e${index}`, `e${cause}`, index))
      const ids = causeTree(events).map((step) => step.event.eventId)
      assert.deepEqual(ids.toSorted(), events.map((each) => each.eventId).toSorted())
    }),
  )
  const chain = Array.from({ length: 20_000 }, (_, index) =>
    event(`e${index}`, index === 0 ? null : `e${index - 1}`, index),
  )
  assert.equal(causeTree(chain).at(-1)?.depth, 19_999)
})

for (const { status, consumptionStatus, state } of [
  { status: 'PUBLISHED', consumptionStatus: 'PROCESSED', state: 'done' },
  { status: 'PUBLISHED', consumptionStatus: 'SKIPPED', state: 'done' },
  { status: 'PENDING', consumptionStatus: 'PROCESSED', state: 'under-way' },
  { status: 'PUBLISHED', consumptionStatus: 'RECEIVED', state: 'under-way' },
  { status: 'PUBLISHED', consumptionStatus: 'PARKED', state: 'failed' },
  { status: 'FAILED', consumptionStatus: 'PROCESSED', state: 'failed' },
] as const)
  test(`state: ${status} and ${consumptionStatus} is ${state}`, () => {
    const tracked: TrackedEvent = {
      eventId: 'a',
      production: { source: 'shop', row: produced({ status }) },
      consumptions: [{ source: 'bank', row: consumed({ status: consumptionStatus }) }],
    }
    assert.equal(journeyState([tracked]), state)
  })

test('related: what tells of the thing, what led to it, what came of it; not the rest of the request', () => {
  const about = (id: string, cause: string | null, aggregateId: string): TrackedEvent => ({
    ...event(id, cause, 0),
    production: {
      source: 'shop',
      row: produced({ eventId: id, causationId: cause, aggregateId }),
    },
  })
  const events = [
    about('import', null, 'file-1'),
    about('mine', 'import', 'order-1'),
    about('letter', 'mine', 'mail-1'),
    about('stamp', 'letter', 'mail-1'),
    about('other', 'import', 'order-2'),
    about('circle', 'circle', 'order-1'),
  ]
  assert.deepEqual(
    relatedTo('order-1', events).map((each) => each.eventId),
    ['import', 'mine', 'letter', 'stamp', 'circle'],
  )
  assert.deepEqual(relatedTo('nobody', events), [])
})
