import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { orderEventsTopic } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import type { ReceivedEvent } from '@millrace/inbox'
import { importToken, startOrders, type RunningOrders } from '../../test/running-orders.ts'
import { buildReadModel } from './read-consumer.ts'

let service: RunningOrders
before(async () => {
  service = await startOrders()
  // Its tables are made in the background.
  const isMade = async (): Promise<boolean> => (await service.call('GET', '')).status === 200
  await eventually('the read model is there', isMade, { timeoutMs: 120_000 })
})
after(() => service[Symbol.asyncDispose]())

const items = [{ sku: 'JUG', description: 'BLUE JUG', quantity: 6, unitPrice: 2.55 }]
const sold = {
  orderId: '536365',
  kind: 'order',
  customerId: 'ada',
  createdAt: '2010-12-01T08:26:00.000Z',
  country: 'France',
  items,
}
const back = {
  ...sold,
  orderId: 'C536379',
  kind: 'cancellation',
  createdAt: '2010-12-02T09:00:00.000Z',
  items: items.map((item) => ({ ...item, quantity: -2 })),
  likelyCancels: '536365',
}
const ofNothing = {
  ...back,
  orderId: 'C536380',
  customerId: null,
  createdAt: '2010-12-03T09:00:00.000Z',
  likelyCancels: 'nowhere',
}

/** What the service wrote for `order-events`, as the read model's consumer gets it: each key's events in order, and cancellations first. */
async function received(): Promise<readonly ReceivedEvent[]> {
  const { rows } = await service.database.query<{ payload: string; key: string }>(
    `select payload, event_key as key from event_production_log where topic = $1::text order by id`,
    [orderEventsTopic.name],
  )
  const events = rows.map(({ payload, key }, index) => ({
    event: JSON.parse(payload) as EventEnvelope,
    topic: orderEventsTopic.name,
    partition: 0,
    offset: BigInt(index),
    key,
    headers: [],
    receivedAt: 0,
  }))
  const isCancellation = ({ event }: ReceivedEvent): boolean =>
    event.eventType === 'INVOICE_CANCELLED'
  return [...events.filter(isCancellation), ...events.filter((each) => !isCancellation(each))]
}

async function feed(events: readonly ReceivedEvent[]): Promise<void> {
  await service.readDatabase.transaction((tx) =>
    buildReadModel(events, {
      tx,
      signal: AbortSignal.timeout(60_000),
      attempt: 1,
      isReplay: false,
      operationId: null,
      causeOf: () => assert.fail('the read model causes nothing'),
    }),
  )
}

async function listed(query: string, user = 'ada', roles = 'customer') {
  const { body } = await service.call('GET', `/cancellations${query}`, { user, roles })
  return body as unknown as {
    readonly items: readonly Readonly<Record<string, unknown>>[]
    readonly nextCursor: string | null
  }
}

test('cancellations of an import are told by events under numbers of their own, and shown by themselves and at the order they take back', async () => {
  const { body } = await service.call('POST', '/import', {
    user: null,
    headers: { authorization: `Bearer ${importToken}` },
    body: { as: 'history', lines: [sold, back, ofNothing] },
  })
  const [{ orderId = '' } = {}] = body['results'] as readonly { readonly orderId?: string }[]
  const events = await received()
  assert.deepEqual(
    events.map(({ event }) => event.eventType),
    ['INVOICE_CANCELLED', 'INVOICE_CANCELLED', 'ORDER_CREATED', 'ORDER_CONFIRMED'],
  )
  const keys = events.slice(0, 3).map(({ key }) => key)
  assert.equal(new Set(keys).size, 3)
  assert.deepEqual(
    events.slice(0, 3).map(({ event }) => [event.aggregateId, event.timestamp]),
    [
      [keys[0], back.createdAt],
      [keys[1], ofNothing.createdAt],
      [orderId, sold.createdAt],
    ],
  )
  // Twice, as a replay would.
  await feed(events)
  await feed(events)

  const detail = (await service.call('GET', `/${orderId}`)).body
  assert.deepEqual(
    [detail['readFrom'], detail['externalId'], detail['country'], detail['status']],
    ['read-model', '536365', 'France', 'CONFIRMED'],
  )
  const first = {
    cancellationId: keys[0],
    externalId: 'C536379',
    totalMills: 5_100,
    createdAt: back.createdAt,
  }
  assert.deepEqual(detail['cancellations'], [first])
  // 6 at £2.55, of which 2 came back.
  const net = { totalMills: 15_300, cancelledMills: 5_100, netMills: 10_200 }
  const netIn = ({ totalMills, cancelledMills, netMills }: Readonly<Record<string, unknown>>) => ({
    totalMills,
    cancelledMills,
    netMills,
  })
  assert.deepEqual(netIn(detail), net)
  const inList = (await service.call('GET', '?all=true')).body['items'] as readonly Readonly<
    Record<string, unknown>
  >[]
  assert.deepEqual(inList.map(netIn), [net])

  const all = await listed('?all=true')
  assert.equal(all.nextCursor, null)
  assert.deepEqual(all.items, [
    {
      cancellationId: keys[1],
      externalId: 'C536380',
      totalMills: 5_100,
      createdAt: ofNothing.createdAt,
      customerId: 'guest',
      customerName: null,
      country: 'France',
      lineCount: 1,
      cancelsExternalId: 'nowhere',
      cancelsOrderId: null,
      order: null,
    },
    {
      ...first,
      customerId: 'ada',
      customerName: null,
      country: 'France',
      lineCount: 1,
      cancelsExternalId: '536365',
      cancelsOrderId: orderId,
      order: net,
    },
  ])
  const newest = await listed('?all=true&limit=1')
  const next = await listed(`?all=true&limit=1&cursor=${newest.nextCursor ?? ''}`)
  assert.deepEqual([...newest.items, ...next.items], all.items)
  assert.equal(next.nextCursor, null)
  assert.deepEqual((await listed('')).items, all.items.slice(1))
  assert.deepEqual((await listed('?customerId=guest')).items, all.items.slice(0, 1))
  assert.deepEqual((await listed('', 'ben')).items, [])
  const bad = await service.call('GET', '/cancellations?cursor=abc')
  assert.deepEqual([bad.status, bad.body.errors?.[0]?.field], [400, 'cursor'])
})

test('an order of which more was taken back than it was has a net below zero; one without cancellations keeps its sum', async () => {
  const createdAt = '2011-03-01T08:00:00.000Z'
  const line = (externalId: string, kind: string, quantity: number, more = {}) => ({
    ...sold,
    orderId: externalId,
    kind,
    createdAt,
    customerId: 'cleo',
    items: items.map((item) => ({ ...item, quantity })),
    ...more,
  })
  const { body } = await service.call('POST', '/import', {
    user: null,
    headers: { authorization: `Bearer ${importToken}` },
    body: {
      as: 'history',
      lines: [
        line('600001', 'order', 1),
        line('600002', 'order', 4),
        line('C600003', 'cancellation', -1, { likelyCancels: '600001' }),
        line('C600004', 'cancellation', -2, { likelyCancels: '600001' }),
      ],
    },
  })
  const [back0, kept] = body['results'] as readonly { readonly orderId: string }[]
  await feed(await received())
  const sums = async (orderId = '') => {
    const { body: order } = await service.call('GET', `/${orderId}`, { user: 'cleo' })
    return [order['totalMills'], order['cancelledMills'], order['netMills']]
  }
  assert.deepEqual(await sums(back0?.orderId), [2_550, 7_650, -5_100])
  assert.deepEqual(await sums(kept?.orderId), [10_200, 0, 10_200])
  const { items: listedBack } = await listed('?customerId=cleo')
  assert.deepEqual(
    listedBack.map(({ order }) => order),
    [1, 2].map(() => ({ totalMills: 2_550, cancelledMills: 7_650, netMills: -5_100 })),
  )
})
