import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meaningsOf, queryOf, toBacklog, toCsv, toEventPage } from './mappers.ts'

const id = '01a1ffda-b475-70a2-843f-52d7cf78b403'
const at = '2026-11-21T20:44:45.581Z'

const wireEvent = {
  eventId: id,
  eventType: 'comment_added',
  topic: 'discussion.events',
  at,
  production: {
    id: '1',
    database: 'discussions',
    serviceName: 'discussions',
    status: 'SOMETHING_NEW',
    retryCount: 0,
    maxRetries: 5,
    partitionNumber: 1,
    offset: '9007199254740993',
    createdAt: at,
    updatedAt: at,
    errorMessage: '=cmd()',
  },
  consumptions: [],
}

test('event page: 64-bit offsets stay text, a status of tomorrow is shown as the safest one', () => {
  const page = toEventPage({ items: [wireEvent], isComplete: true, unreachable: [] }, null)
  assert.equal(page.items[0]?.production?.offset, '9007199254740993')
  assert.equal(page.items[0]?.production?.status, 'PENDING')
  assert.equal(page.items[0]?.waits.totalMs, null)
})

test('a pasted id is tried as what it may be', () => {
  assert.deepEqual(meaningsOf(id.toUpperCase()), ['correlationId', 'eventId', 'aggregateId', 'key'])
  assert.deepEqual(meaningsOf('qc-q12'), ['aggregateId', 'key', 'text'])
})

test('query: an id is looked for however old it is, all else in the range', () => {
  const nowMs = Date.parse(at)
  assert.equal(String(queryOf({ q: id.toUpperCase() }, 'eventId', nowMs)), `eventId=${id}`)
  assert.equal(
    String(queryOf({ q: 'x', status: 'FAILED' }, 'text', nowMs)),
    'status=FAILED&text=x&from=2026-11-21T19%3A44%3A45.581Z',
  )
  assert.equal(String(queryOf({ range: 'all' }, null, nowMs)), '')
})

test('csv: no field can run in a spreadsheet, quotes are doubled', () => {
  const page = toEventPage({ items: [wireEvent], isComplete: true, unreachable: [] }, null)
  const [, line] = toCsv(page.items).split('\r\n')
  assert.match(line ?? '', /,'=cmd\(\)$/)
})

test('backlog: sums over services; the age is that of the oldest, and unknown without any', () => {
  const group = { consumerGroup: 'g', pending: 1, processing: 2, failed: 3, parked: 4 }
  const production = { pending: 0, oldestPendingAgeMs: 0, failed: 1, parked: 0 }
  const backlog = toBacklog({
    services: [
      { service: 'a', production, groups: [] },
      { service: 'b', production: null, groups: [group] },
    ],
    unreachable: [{ service: 'c', reason: 'away' }],
  })
  assert.deepEqual(
    [backlog.pending, backlog.oldestPendingAgeMs, backlog.waiting, backlog.failed, backlog.parked],
    [0, null, 3, 4, 4],
  )
})
