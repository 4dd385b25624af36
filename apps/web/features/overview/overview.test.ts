import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthOf } from './health.ts'
import {
  maxSamples,
  movedInShop,
  movedSinceLast,
  seriesOf,
  shopSeriesOf,
  withSample,
} from './history.ts'
import { toOverview } from './mappers.ts'
import type { Overview, ShopReader } from './model.ts'
import { shopSummaryOf, topicLag } from './shop.ts'
import { summaryOf } from './summary.ts'

const wire = {
  at: '2026-11-21T10:00:00Z',
  mode: 'development',
  parts: [
    { name: 'gateway', state: 'up', reason: null },
    { name: 'discussions', state: 'up', reason: '1 of 2 instances are up' },
    { name: 'broker', state: 'down', reason: 'refused' },
  ],
  rates: {
    requestsPerSecond: 2,
    eventsCreatedPerSecond: null,
    publishedPerSecond: 0,
    processedPerSecond: 1.4,
  },
  totals: { eventsCreated: 5, published: 4, processed: null },
  pending: 1,
  oldestPendingAgeMs: 3000,
  failed: 0,
  lagRecords: null,
  duplicatesSkipped: 2,
  relay: {
    isEnabled: true,
    isLeading: true,
    lanes: [
      { lane: 0, owner: 'a', epoch: 1, state: 'IDLE', attempts: 0, lastError: null },
      { lane: 1, owner: 'a', epoch: 1, state: 'PUBLISHING', attempts: 3, lastError: 'refused' },
    ],
  },
  topics: [
    { name: 'discussion.events', partitions: [{ partition: 0, endOffset: '12', lagRecords: 1 }] },
    {
      name: 'orders',
      partitions: [
        { partition: 0, endOffset: '4', lagRecords: 2 },
        { partition: 1, endOffset: '4', lagRecords: 1 },
      ],
    },
    { name: 'stock-orders', partitions: [{ partition: 0, endOffset: null, lagRecords: null }] },
  ],
  shop: {
    rates: {
      placedPerSecond: 1.2,
      paymentAnswersPerSecond: 1,
      stockAnswersPerSecond: null,
      decidedPerSecond: 0,
    },
    totals: { placed: 12, paymentAnswers: 10, stockAnswers: null, decided: 7 },
    openOrders: 2,
    isOpenCut: false,
    oldestOpenAgeMs: 4000,
    pending: 0,
    failed: null,
    lagRecords: { payments: 5, stock: 0, 'order-saga': 3, 'orders-read': 0 },
  },
  start: { parts: [{ name: 'postgres', state: 'ready', detail: '', ms: 412 }] },
}

function sampleAt(second: number, created: number | null): Overview {
  const overview = toOverview({ ...wire, at: new Date(second * 1000).toISOString() })
  return { ...overview, totals: { ...overview.totals, created } }
}

test('overview: unknown figures stay null, unreported parts are not called ready', () => {
  const overview = toOverview(wire)
  assert.equal(overview.rates.created, null)
  assert.equal(overview.standing.lagRecords, null)
  assert.deepEqual(
    overview.parts.map(({ name, state }) => `${name} ${state}`),
    [
      'gateway ready',
      'discussions degraded',
      'discussion-analytics unknown',
      'tracking unknown',
      'users unknown',
      'catalog unknown',
      'orders unknown',
      'payments unknown',
      'stock unknown',
      'order-saga unknown',
      'postgres unknown',
      'broker down',
    ],
  )
  assert.deepEqual(overview.relay, { state: 'retrying', reason: 'refused' })
  assert.deepEqual(overview.topics[0], {
    name: 'discussion.events',
    partitions: [{ partition: 0, endOffset: 12, lagRecords: 1 }],
  })
  assert.deepEqual(overview.start, [
    { name: 'postgres', state: 'ready', detail: null, tookMs: 412 },
  ])
})

test('overview: before anything runs, only the time is needed', () => {
  const overview = toOverview({ at: wire.at, parts: [], start: null })
  assert.equal(overview.rates.requests, null)
  assert.deepEqual(overview.start, [])
})

test('shop: what is not told is unknown, and so is the lag of a topic of which one reader is', () => {
  const { shop, ...overview } = toOverview(wire)
  assert.equal(shop.totals.stockAnswers, null)
  assert.equal(shop.rates.paymentAnswers, 1)
  assert.equal(shop.failed, null)
  assert.equal(topicLag({ ...overview, shop }, 'orders'), 5)
  assert.equal(topicLag({ ...overview, shop }, 'stock-orders'), null)
  assert.equal(topicLag({ ...overview, shop }, 'user-events'), null)
  const idle = { payments: 0, stock: 0, 'order-saga': 0 }
  const ordersLag = (lags: Partial<Record<ShopReader, number | null>>) =>
    topicLag({ ...overview, shop: { ...shop, lagRecords: { ...idle, ...lags } } }, 'orders')
  assert.equal(ordersLag({}), 3)
  assert.equal(ordersLag({ payments: 1, stock: null }), null)
  assert.equal(ordersLag({ 'order-saga': null }), null)
  const { shop: nothing } = toOverview({ ...wire, shop: null })
  assert.deepEqual([nothing.openOrders, nothing.rates.placed], [null, null])
})

test('shop: its summary tells rates and what is open in words', () => {
  const told = (shop: object) =>
    shopSummaryOf(toOverview({ ...wire, shop: { ...wire.shop, ...shop } }))
  assert.equal(
    told({}),
    'Orders placed 1.2 /s, answered by payments 1.0 /s and by stock –, decided 0 /s; 2 orders open, the oldest for 4.0 s.',
  )
  assert.match(told({ openOrders: 100_000, isOpenCut: true }), / 100,000 or more orders open, the/)
  assert.match(told({ openOrders: 0 }), /no order is open/)
  assert.match(told({ openOrders: null }), /open orders are not known/)
})

test('shop: counts what moved since the sample before, as of everything else', () => {
  const at = (second: number, placed: number | null): Overview => {
    const totals = { ...wire.shop.totals, placed }
    const shop = { ...wire.shop, totals }
    return toOverview({ ...wire, at: new Date(second * 1000).toISOString(), shop })
  }
  const history = [at(1, 4), at(2, 9), at(3, 1)]
  assert.deepEqual(movedInShop(history.slice(0, 2)), {
    placed: 5,
    paymentAnswers: 0,
    stockAnswers: null,
    decided: 0,
  })
  assert.deepEqual(shopSeriesOf(history, 'placed'), [5, null])
})

test('history: keeps a minute and drops what is not newer', () => {
  let history: readonly Overview[] = []
  for (let second = 0; second < maxSamples + 20; second++)
    history = withSample(history, sampleAt(second, second))
  assert.equal(history.length, maxSamples)
  assert.equal(withSample(history, sampleAt(3, 3)), history)
})

test('history: counts what moved; a total that fell or is unknown moves nothing', () => {
  const history = [sampleAt(1, 5), sampleAt(2, 8), sampleAt(3, 2), sampleAt(4, null)]
  assert.deepEqual(seriesOf(history, 'created'), [3, null, null])
  assert.equal(movedSinceLast(history.slice(0, 2)).created, 3)
  assert.equal(movedSinceLast([]).created, null)
})

const live = { kind: 'live', sinceMs: 0 } as const

test('health: what is down comes first, unknown parts do not hold it back', () => {
  const overview = toOverview(wire)
  const broken = healthOf({ history: [overview], stream: live, problem: null })
  assert.equal(broken.tone, 'bad')
  assert.match(broken.detail, /discussions degraded, broker down/)
  const fine = toOverview({ ...wire, parts: [{ name: 'gateway', state: 'up' }] })
  assert.equal(healthOf({ history: [fine], stream: live, problem: null }).tone, 'good')
  const slow = { ...fine, standing: { ...fine.standing, oldestPendingAgeMs: 8400 } }
  const waiting = healthOf({ history: [slow], stream: live, problem: null })
  assert.equal(waiting.word + waiting.more, 'Live: events wait for 8.4 s')
})

test('health: without a stream nothing is called live', () => {
  const overview = toOverview(wire)
  assert.equal(
    healthOf({ history: [overview], stream: { kind: 'connecting' }, problem: null }).word,
    'Connecting',
  )
  assert.equal(
    healthOf({ history: [overview], stream: { kind: 'asleep' }, problem: null }).word,
    'Paused',
  )
})

test('summary: tells states, rates and what waits in words', () => {
  assert.equal(
    summaryOf(toOverview(wire)),
    'discussions is degraded, broker is down. Written –, published 0 /s, processed 1.4 /s; 1 event pending, the oldest for 3.0 s; lag – records.',
  )
})
