import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAggregate } from '../analytics/mappers.ts'
import { toConsumptionRow, toProductionRow, walkOf, type WalkFacts } from './mappers.ts'

const production = {
  eventId: 'e1',
  eventType: 'vote_cast',
  aggregateId: 't1',
  topic: 'discussion.events',
  status: 'PENDING',
  createdAt: '2026-11-21T10:00:00.000100Z',
  publishedAt: null,
  partitionNumber: null,
  offset: null,
}
const published = {
  ...production,
  status: 'PUBLISHED',
  publishedAt: '2026-11-21T10:00:00.004100Z',
  partitionNumber: 2,
  offset: '77',
}
const processed = {
  eventId: 'e1',
  consumerGroup: 'analytics',
  status: 'PROCESSED',
  receivedAt: '2026-11-21T10:00:00.006Z',
  processedAt: '2026-11-21T10:00:00.010100Z',
  processingTimeMs: 3,
}
const aggregate = toAggregate({
  threadId: 't1',
  viewCount: 1,
  commentCount: 0,
  upvotes: 1,
  downvotes: 0,
  engagementScore: 4,
})

const facts = (given: Partial<WalkFacts>): WalkFacts => ({
  act: null,
  production: null,
  consumption: null,
  aggregate: null,
  ...given,
})
const states = (given: Partial<WalkFacts>): string =>
  walkOf(facts(given))
    .steps.map(({ key, state }) => `${key} ${state}`)
    .join(', ')

for (const c of [
  {
    name: 'at first the production log is asked',
    given: {},
    is: 'store active, publish ahead, receive ahead, process ahead, aggregate ahead',
  },
  {
    name: 'pending waits for the relay',
    given: { production: toProductionRow([production]) },
    is: 'store done, publish active, receive ahead, process ahead, aggregate ahead',
  },
  {
    name: 'published waits for analytics',
    given: { production: toProductionRow({ items: [published] }) },
    is: 'store done, publish done, receive active, process ahead, aggregate ahead',
  },
  {
    name: 'consumed before the mark was seen counts as published',
    given: {
      production: toProductionRow([production]),
      consumption: toConsumptionRow([processed]),
    },
    is: 'store done, publish done, receive done, process done, aggregate active',
  },
  {
    name: 'a refused record stops the walk',
    given: { production: toProductionRow([{ ...production, status: 'FAILED' }]) },
    is: 'store done, publish failed, receive ahead, process ahead, aggregate ahead',
  },
  {
    name: 'a failed handler stops the walk',
    given: {
      production: toProductionRow([published]),
      consumption: toConsumptionRow([{ ...processed, status: 'FAILED', processedAt: null }]),
    },
    is: 'store done, publish done, receive done, process failed, aggregate ahead',
  },
]) {
  test(`walk: ${c.name}`, () => assert.equal(states(c.given), c.is))
}

test('walk: the whole way has its time, to the microsecond that the logs keep', () => {
  const walk = walkOf(
    facts({
      production: toProductionRow([published]),
      consumption: toConsumptionRow([processed]),
      aggregate,
    }),
  )
  assert.equal(walk.isFinished, true)
  assert.equal(walk.totalMs?.toFixed(3), '10.000')
  assert.match(walk.steps[1]?.detail ?? '', /partition 2, offset 77/)
})

test('walk: with the own act, it begins at the click', () => {
  const act = {
    eventId: 'e1',
    correlationId: null,
    threadId: 't1',
    label: 'Your vote',
    clickedAtMs: 1000,
    answeredAtMs: 1012,
  }
  const first = walkOf(facts({ act })).steps[0]
  assert.equal(first?.title, 'Your vote')
  assert.match(first?.detail ?? '', /12 ms/)
})

test('log rows: an unknown event is null, not an error', () => {
  assert.equal(toProductionRow({ items: [] }), null)
  assert.equal(toConsumptionRow([]), null)
})
