import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkFigures,
  checkTopics,
  type Ending,
  type SeenEvent,
  type ShopFigures,
  type ShopRecord,
  type ShopTopicsSeen,
} from './shop-checker.ts'

interface World {
  readonly record: {
    readonly deposits: Map<string, number>
    readonly receipts: Map<string, number>
    readonly orders: Map<string, NonNullable<ReturnType<ShopRecord['orders']['get']>>>
    readonly cancelsAsked: Set<string>
  }
  readonly topics: { -readonly [Name in keyof ShopTopicsSeen]: SeenEvent[] }
  readonly figures: {
    readonly accounts: Map<string, NonNullable<ReturnType<ShopFigures['accounts']['get']>>>
    readonly stock: Map<string, NonNullable<ReturnType<ShopFigures['stock']['get']>>>
    readonly readModel: Map<string, Ending>
    readonly table: Map<string, Ending>
  }
}

let serial = 0

function event(eventType: string, id: string, data: object = {}): SeenEvent {
  const eventId = String(++serial)
  return { eventId, eventType, correlationId: `j${id}`, aggregateId: id, data }
}

const lines = [{ sku: 'tea', quantity: 2 }]

function orderData(status: string, source: string | null): object {
  return { customerId: 'ada', items: lines, totalMills: 3_000, status, source }
}

/** Three orders as they should go: confirmed, refused by payments, cancelled. */
function soundWorld(): World {
  const orders = new Map(
    ['1', '2', '3'].map((id) => [id, { customerId: 'ada', lines, totalMills: 3_000 }]),
  )
  const end = (status: Ending['status'], source: Ending['source']): Ending => ({ status, source })
  const endings = new Map([
    ['1', end('CONFIRMED', null)],
    ['2', end('ROLLBACK', 'PAYMENT')],
    ['3', end('ROLLBACK', 'CUSTOMER')],
  ])
  return {
    record: {
      deposits: new Map([['ada', 10_000]]),
      receipts: new Map([['tea', 7]]),
      orders,
      cancelsAsked: new Set(['3']),
    },
    topics: {
      orders: [...endings].flatMap(([id, { status, source }]) => [
        event('ORDER_PLACED', id),
        event('ORDER_DECIDED', id, orderData(status, source)),
      ]),
      paymentOrders: [
        event('PAYMENT_ANSWERED', '1', { status: 'ACCEPT' }),
        event('PAYMENT_ANSWERED', '2', { status: 'REJECT' }),
      ],
      stockOrders: ['1', '2'].map((id) => event('STOCK_ANSWERED', id, { status: 'ACCEPT' })),
      orderEvents: [
        event('ORDER_CREATED', '1'),
        event('ORDER_CONFIRMED', '1'),
        event('ORDER_CREATED', '2'),
        event('ORDER_ROLLED_BACK', '2'),
        event('ORDER_CREATED', '3'),
        event('ORDER_CANCELLED', '3'),
      ],
    },
    figures: {
      accounts: new Map([['ada', { balanceMills: 7_000, reservedMills: 0, spentMills: 3_000 }]]),
      stock: new Map([['tea', { onHand: 5, reserved: 0, sold: 2 }]]),
      readModel: new Map(endings),
      table: new Map(endings),
    },
  }
}

function faultsOf({ record, topics, figures }: World): readonly string[] {
  const { endings, faults } = checkTopics(record, topics)
  return [...faults, ...checkFigures(record, endings, figures)]
}

test('checker: a run in which all went as it should has no fault, also with every event delivered twice', () => {
  const world = soundWorld()
  assert.deepEqual(faultsOf(world), [])
  for (const topic of Object.values(world.topics)) topic.push(...topic)
  assert.deepEqual(faultsOf(world), [])
})

const broken: readonly (readonly [name: string, breakIt: (world: World) => void, fault: RegExp])[] =
  [
    [
      'an order that nobody decides',
      ({ topics }) => void topics.orders.pop(),
      /order 3: decided 0 times/,
    ],
    [
      'a second verdict',
      ({ topics }) =>
        void topics.orders.push(event('ORDER_DECIDED', '1', orderData('CONFIRMED', null))),
      /order 1: decided 2 times/,
    ],
    [
      'an order that is lost after its 201',
      ({ topics }) => void topics.orders.splice(0, 2),
      /order 1: placed 0 times/,
    ],
    [
      'an order that nobody was told of',
      ({ record }) => void record.orders.delete('2'),
      /order 2: on the topic, and nobody was told so/,
    ],
    [
      'confirmed without payment',
      ({ topics }) => void topics.paymentOrders.shift(),
      /order 1: CONFIRMED, while payments said nothing and stock ACCEPT/,
    ],
    [
      'cancelled, though nobody asked',
      ({ record }) => record.cancelsAsked.clear(),
      /order 3: ROLLBACK CUSTOMER, while/,
    ],
    [
      'two words of one side',
      ({ topics }) =>
        void topics.stockOrders.push(event('STOCK_ANSWERED', '1', { status: 'REJECT' })),
      /order 1: stock answered ACCEPT and REJECT/,
    ],
    [
      'another price',
      ({ record }) => void record.orders.set('1', { customerId: 'ada', lines, totalMills: 2_999 }),
      /order 1: decided over 3000 mills in place of 2999/,
    ],
    [
      'a life that ends twice',
      ({ topics }) => void topics.orderEvents.push(event('ORDER_ROLLED_BACK', '1')),
      /order 1: CONFIRMED, and its life is told as: ORDER_CREATED, ORDER_CONFIRMED, ORDER_ROLLED_BACK/,
    ],
    [
      'a life told backwards',
      ({ topics }) =>
        void topics.orderEvents.splice(0, Infinity, ...topics.orderEvents.toReversed()),
      /order 2: ROLLBACK, and its life is told as: ORDER_ROLLED_BACK, ORDER_CREATED/,
    ],
    [
      'a verdict of another journey',
      ({ topics }) => {
        const at = topics.orders.findIndex(({ eventType }) => eventType === 'ORDER_DECIDED')
        topics.orders[at] = { ...(topics.orders[at] as SeenEvent), correlationId: 'other' }
      },
      /order 1: its verdict is of another journey/,
    ],
    [
      'money that is still set aside',
      ({ figures }) =>
        void figures.accounts.set('ada', {
          balanceMills: 4_000,
          reservedMills: 3_000,
          spentMills: 3_000,
        }),
      /customer ada: reservedMills is 3000, not 0/,
    ],
    [
      'money taken twice',
      ({ figures }) =>
        void figures.accounts.set('ada', {
          balanceMills: 4_000,
          reservedMills: 0,
          spentMills: 6_000,
        }),
      /customer ada: spentMills is 6000, not 3000/,
    ],
    [
      'an account that is gone',
      ({ figures }) => figures.accounts.clear(),
      /customer ada: not there/,
    ],
    [
      'more spent than was put in',
      ({ record }) => void record.deposits.set('ada', 2_000),
      /customer ada: spent 3000 of 2000 mills/,
    ],
    [
      'goods sold that are still there',
      ({ figures }) => void figures.stock.set('tea', { onHand: 7, reserved: 0, sold: 0 }),
      /sku tea: sold is 0, not 2/,
    ],
    [
      'more sold than came in',
      ({ record }) => void record.receipts.set('tea', 1),
      /sku tea: sold 2 of 1/,
    ],
    [
      'a read model that stands still',
      ({ figures }) => void figures.readModel.set('1', { status: 'NEW', source: null }),
      /the read model, order 1: status is NEW, not CONFIRMED/,
    ],
    [
      'a table without an order',
      ({ figures }) => void figures.table.delete('2'),
      /the table, order 2: not there/,
    ],
  ]

for (const [name, breakIt, fault] of broken)
  test(`checker: sees ${name}`, () => {
    const world = soundWorld()
    breakIt(world)
    const faults = faultsOf(world)
    assert.ok(
      faults.some((each) => fault.test(each)),
      `faults: ${faults.join('; ') || 'none'}`,
    )
  })
