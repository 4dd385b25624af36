import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ordersTopic, type Order } from '@millrace/contracts'
import { armFaults, eventually } from '@millrace/core/testing'
import { encodeKey, type EventEnvelope } from '@millrace/events'
import { createAdmin, createProducer, type Producer } from '@millrace/kafka'
import { kafkaBackends, type KafkaBackend } from '@millrace/testkit'
import { decidedEvent, orderOf, placedEvent } from '../test/payment-orders.ts'
import { startPayments, type RunningPayments } from '../test/running-payments.ts'

interface Shop extends AsyncDisposable {
  readonly payments: RunningPayments
  send(events: readonly EventEnvelope<Order>[]): Promise<void>
  /** Resolves when payments has dealt with each of these events. */
  handled(events: readonly EventEnvelope<Order>[]): Promise<void>
  /** Resolves when all orders are in this state. */
  reached(state: string, ...orderIds: readonly string[]): Promise<void>
  provider(setting: Readonly<Record<string, unknown>>): Promise<void>
}

type Overrides = Parameters<typeof startPayments>[0]

async function openShop(
  backend: KafkaBackend | undefined,
  overrides: Overrides = {},
): Promise<Shop> {
  if (!backend) throw new Error('There is always the embedded broker')
  await using stack = new AsyncDisposableStack()
  const kafka = stack.use(await backend.start())
  const client = { brokers: kafka.brokers, clientId: 'test' }
  const admin = stack.use(await createAdmin(client))
  await admin.ensureTopics([ordersTopic])
  const producer: Producer = stack.use(await createProducer(client))
  const payments = stack.use(
    await startPayments({
      kafkaEnabled: true,
      kafkaBrokers: kafka.brokers,
      openingBalanceMills: 0,
      ...overrides,
    }),
  )
  const disposables = stack.move()
  return {
    payments,
    async send(events) {
      await producer.send(
        events.map((event) => ({
          topic: ordersTopic.name,
          key: encodeKey('int64', event.aggregateId),
          value: JSON.stringify(event),
        })),
      )
    },
    async handled(events) {
      const ids = [...new Set(events.map(({ eventId }) => eventId))]
      await eventually(`${ids.length} events are handled`, async () => {
        const { rows } = await payments.database.query<{ count: bigint }>(
          `select count(*) from event_consumption_log where event_id = any($1::text[]) and status = 'PROCESSED'`,
          [ids],
        )
        return Number(rows[0]?.count) === ids.length
      })
    },
    async reached(state, ...orderIds) {
      for (const orderId of orderIds)
        await eventually(
          `order ${orderId} is ${state}`,
          async () => (await payments.stateOf(orderId)) === state,
        )
    },
    async provider(setting) {
      const { status } = await payments.call('PUT', '/provider', { body: setting })
      assert.equal(status, 200)
    },
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

async function isSound({ payments }: Shop): Promise<void> {
  const { body } = await payments.call('GET', '/audit')
  assert.deepEqual(body, { isSound: true, findings: [] })
}

for (const backend of await kafkaBackends()) {
  describe(backend.name, () => {
    test('orders are answered once and decided once, whatever comes twice, in pieces, or in the wrong order', async () => {
      await using shop = await openShop(backend)
      const { payments } = shop
      await payments.deposit('ada', 10_000)
      const open = orderOf('1', 2_000)
      const confirmed = orderOf('2', 3_000)
      const undone = orderOf('3', 1_000)
      const poor = orderOf('4', 1, 'bob')
      const late = orderOf('5', 1_000)
      const orders = [open, confirmed, undone, poor]
      const placed = orders.map(placedEvent)
      await shop.send([...placed, ...placed])
      await shop.handled(placed)
      await shop.reached('RESERVED', '1', '2', '3')
      const decisions = [
        decidedEvent(confirmed, 'CONFIRMED'),
        decidedEvent(undone, 'ROLLBACK'),
        decidedEvent(late, 'ROLLBACK'),
      ]
      const afterAll = [placedEvent(late)]
      await shop.send([...decisions, ...decisions, ...afterAll])
      await shop.handled([...decisions, ...afterAll])
      await shop.reached('CAPTURED', '2')
      await shop.reached('RELEASED', '3')
      await shop.reached('REFUSED', '4')
      await shop.reached('CLOSED', '5')
      assert.deepEqual(await payments.figures('ada'), [5_000, 2_000, 3_000])
      assert.deepEqual(await payments.figures('bob'), [0, 0, 0])
      await isSound(shop)
      const answers = await Promise.all(orders.map(({ orderId }) => payments.answers(orderId)))
      assert.deepEqual(
        answers.map((list) => list.map((answer) => answer.data['status'])),
        [['ACCEPT'], ['ACCEPT'], ['ACCEPT'], ['REJECT']],
      )
      assert.match(String(answers[3]?.[0]?.data['reason']), /^Not enough money: .*£0\.001, £0\.00 /)
      assert.equal(answers[0]?.[0]?.correlationId, placed[0]?.correlationId)
      assert.equal(answers[0]?.[0]?.causationId, placed[0]?.eventId)
      assert.equal((await payments.answers('5')).length, 0)
    })
  })
}

const [embedded] = await kafkaBackends()

test('a silent provider: the order waits, others pass, a rollback frees the money at once; mended, the provider is told', async () => {
  await using shop = await openShop(embedded, {
    providerTimeoutMs: 1_000,
    providerMaxAttempts: 100,
  })
  const { payments } = shop
  await payments.deposit('ada', 5_000)
  await payments.deposit('bob', 5_000)
  await shop.provider({ mode: 'silent' })
  const stuck = orderOf('1', 4_000)
  await shop.send([placedEvent(stuck)])
  await shop.reached('PENDING', '1')
  assert.deepEqual(await payments.figures('ada'), [1_000, 4_000, 0])
  // Refused without the provider: nobody waits for it.
  const poor = orderOf('2', 9_000, 'bob')
  await shop.send([placedEvent(poor)])
  await shop.reached('REFUSED', '2')
  const decision = decidedEvent(stuck, 'ROLLBACK')
  await shop.send([decision])
  await shop.handled([decision])
  assert.deepEqual(await payments.figures('ada'), [5_000, 0, 0])
  assert.equal(await payments.stateOf('1'), 'RELEASING')
  await shop.provider({ mode: 'normal' })
  await shop.reached('RELEASED', '1')
  assert.equal((await payments.answers('1')).length, 0)
  await isSound(shop)
})

test('a late provider is waited for; one that refuses gives a reason and the money back', async () => {
  await using shop = await openShop(embedded)
  const { payments } = shop
  await payments.deposit('ada', 5_000)
  await shop.provider({ mode: 'late', delayMs: 1_500 })
  const sentMs = performance.now()
  await shop.send([placedEvent(orderOf('1', 1_000))])
  await shop.reached('RESERVED', '1')
  assert.ok(performance.now() - sentMs >= 1_400)
  assert.equal((await payments.answers('1'))[0]?.data['status'], 'ACCEPT')
  await shop.provider({ mode: 'reject' })
  await shop.send([placedEvent(orderOf('2', 1_000))])
  await shop.reached('REFUSED', '2')
  const [answer] = await payments.answers('2')
  assert.equal(answer?.data['status'], 'REJECT')
  assert.equal(answer?.data['reason'], 'The payment provider refuses the payment.')
  assert.deepEqual(await payments.figures('ada'), [4_000, 1_000, 0])
  await isSound(shop)
})

test('a failing provider: asked again, then refused in plain words, and told to release once it is back', async () => {
  await using shop = await openShop(embedded, { providerMaxAttempts: 2 })
  const { payments } = shop
  await payments.deposit('ada', 5_000)
  await shop.provider({ mode: 'fail' })
  await shop.send([placedEvent(orderOf('1', 1_000))])
  await shop.reached('RELEASING', '1')
  const [answer] = await payments.answers('1')
  assert.equal(answer?.data['reason'], 'The payment provider cannot be reached at the moment.')
  assert.deepEqual(await payments.figures('ada'), [5_000, 0, 0])
  await shop.provider({ mode: 'normal' })
  await shop.reached('RELEASED', '1')
  assert.equal((await payments.answers('1')).length, 1)
  await isSound(shop)
})

for (const point of [
  'inbox.consumer.afterHandler',
  'payments.provider.afterClaim',
  'payments.provider.afterCall',
  'payments.provider.afterAnswer',
])
  test(`work that breaks off at ${point} is done once in the end`, async () => {
    await using shop = await openShop(embedded)
    const { payments } = shop
    await payments.deposit('ada', 5_000)
    let isBroken = false
    const disarm = armFaults((passed) => {
      if (passed !== point || isBroken) return
      isBroken = true
      throw new Error('broken off by the test')
    })
    try {
      const order = orderOf('1', 1_000)
      await shop.send([placedEvent(order)])
      await shop.reached('RESERVED', '1')
      await shop.send([decidedEvent(order, 'CONFIRMED')])
      await shop.reached('CAPTURED', '1')
      assert.ok(isBroken)
      assert.equal((await payments.answers('1')).length, 1)
      assert.deepEqual(await payments.figures('ada'), [4_000, 0, 1_000])
      await isSound(shop)
    } finally {
      disarm()
    }
  })
