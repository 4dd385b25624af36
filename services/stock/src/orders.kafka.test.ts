import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ordersTopic, type Order } from '@millrace/contracts'
import { seededRandom } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import { encodeKey, type EventEnvelope } from '@millrace/events'
import { createAdmin, createProducer, type Producer } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { startStock, type RunningStock } from '../test/running-stock.ts'
import { decidedEvent, orderOf, placedEvent } from '../test/stock-orders.ts'

async function send(producer: Producer, events: readonly EventEnvelope<Order>[]): Promise<void> {
  await producer.send(
    events.map((event) => ({
      topic: ordersTopic.name,
      key: encodeKey('int64', event.aggregateId),
      value: JSON.stringify(event),
    })),
  )
}

/** Waits until the service has dealt with each of these events. */
async function untilHandled(
  stock: RunningStock,
  events: readonly EventEnvelope<Order>[],
): Promise<void> {
  const ids = [...new Set(events.map(({ eventId }) => eventId))]
  await eventually(`${ids.length} events are handled`, async () => {
    const { rows } = await stock.database.query<{ count: bigint }>(
      `select count(*) from event_consumption_log where event_id = any($1::text[]) and status = 'PROCESSED'`,
      [ids],
    )
    return Number(rows[0]?.count) === ids.length
  })
}

async function stateOf(stock: RunningStock, orderId: string): Promise<string | undefined> {
  const { body } = await stock.call('GET', `/reservations?orderId=${orderId}`)
  return (body['items'] as readonly { readonly state: string }[])[0]?.state
}

for (const backend of await kafkaBackends()) {
  describe(backend.name, () => {
    test('orders are answered once and decided once, whatever comes twice, in pieces, or in the wrong order', async () => {
      await using kafka = await backend.start()
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      await admin.ensureTopics([ordersTopic])
      await using producer = await createProducer({ brokers: kafka.brokers, clientId: 'test' })
      await using stock = await startStock({ kafkaEnabled: true, kafkaBrokers: kafka.brokers })
      await stock.receive('T-A', 10)
      await stock.receive('T-B', 1)

      const accepted = orderOf('1', { 'T-A': 2, 'T-B': 1 })
      const confirmed = orderOf('2', { 'T-A': 3 })
      const undone = orderOf('3', { 'T-A': 1 })
      const tooMuch = orderOf('4', { 'T-A': 1, 'T-NONE': 5 })
      const late = orderOf('5', { 'T-A': 1 })
      const orders = [accepted, confirmed, undone, tooMuch]
      const placed = orders.map(placedEvent)
      await send(producer, [...placed, ...placed])
      await untilHandled(stock, placed)
      const early = decidedEvent(late, 'ROLLBACK')
      const decisions = [
        decidedEvent(confirmed, 'CONFIRMED'),
        decidedEvent(undone, 'ROLLBACK'),
        early,
      ]
      const afterAll = [placedEvent(late), placedEvent(accepted)]
      await send(producer, [...decisions, ...decisions, ...afterAll])
      await untilHandled(stock, [...decisions, ...afterAll])

      const states = await Promise.all(['1', '2', '3', '4', '5'].map((id) => stateOf(stock, id)))
      assert.deepEqual(states, ['RESERVED', 'TAKEN', 'RELEASED', 'REFUSED', 'CLOSED'])
      assert.deepEqual(await stock.figures('T-A'), [5, 2, 3])
      assert.deepEqual(await stock.figures('T-B'), [0, 1, 0])
      assert.deepEqual((await stock.call('GET', '/audit')).body, { isSound: true, findings: [] })

      const answers = await Promise.all(orders.map(({ orderId }) => stock.answers(orderId)))
      // Order 1 came again under another id, while it was open: the same answer to that.
      assert.deepEqual(
        answers.map((list) => list.map((answer) => answer.data['status'])),
        [['ACCEPT', 'ACCEPT'], ['ACCEPT'], ['ACCEPT'], ['REJECT']],
      )
      assert.equal((await stock.answers('5')).length, 0)
      assert.equal(
        answers[3]?.[0]?.data['reason'],
        'Not enough of T-NONE: 5 ordered, none in stock.',
      )
      assert.equal(answers[1]?.[0]?.correlationId, placed[1]?.correlationId)
      assert.equal(answers[1]?.[0]?.causationId, placed[1]?.eventId)
      await eventually('all answers are published', async () => {
        const { body } = await stock.call('GET', '/stats')
        return (body['answers'] as { readonly pending: number }).pending === 0
      })
    })
  })
}

test('two instances and two hundred orders for what is enough for half of them: never more than there is, audit sound', async (t) => {
  const [backend] = await kafkaBackends()
  if (!backend) throw new Error('There is always the embedded broker')
  const seed = Number(process.env['SEED'] ?? 7_403)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using kafka = await backend.start()
  await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
  await admin.ensureTopics([ordersTopic])
  await using producer = await createProducer({ brokers: kafka.brokers, clientId: 'test' })
  await using first = await startStock({ kafkaEnabled: true, kafkaBrokers: kafka.brokers })
  await using _second = await startStock({
    kafkaEnabled: true,
    kafkaBrokers: kafka.brokers,
    databaseUrl: first.database.url,
  })
  await first.receive('T-X', 100)
  await first.receive('T-Y', 100)
  const orders = Array.from({ length: 200 }, (_, index) =>
    orderOf(
      String(index + 1),
      random.float() < 0.5 ? { 'T-X': 1, 'T-Y': 1 } : { 'T-Y': 1, 'T-X': 1 },
    ),
  )
  const placed = orders.map(placedEvent)
  await send(producer, placed)
  await untilHandled(first, placed)
  assert.deepEqual(await first.figures('T-X'), [0, 100, 0])
  const answers = await Promise.all(orders.map(({ orderId }) => first.answers(orderId)))
  assert.ok(answers.every((list) => list.length === 1))
  const accepted = orders.filter((_, index) => answers[index]?.[0]?.data['status'] === 'ACCEPT')
  assert.equal(accepted.length, 100)
  const confirmed = accepted.filter((_, index) => index % 2 === 0)
  const decisions = orders.map((order) =>
    decidedEvent(order, confirmed.includes(order) ? 'CONFIRMED' : 'ROLLBACK'),
  )
  await send(producer, [...decisions, ...decisions])
  await untilHandled(first, decisions)
  assert.deepEqual(await first.figures('T-X'), [50, 0, 50])
  assert.deepEqual(await first.figures('T-Y'), [50, 0, 50])
  assert.deepEqual((await first.call('GET', '/audit')).body, { isSound: true, findings: [] })
})

for (const point of ['inbox.consumer.afterHandler'])
  test(`a batch that breaks off at ${point} takes effect once`, async () => {
    const [backend] = await kafkaBackends()
    if (!backend) throw new Error('There is always the embedded broker')
    await using kafka = await backend.start()
    await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
    await admin.ensureTopics([ordersTopic])
    await using producer = await createProducer({ brokers: kafka.brokers, clientId: 'test' })
    await using stock = await startStock({ kafkaEnabled: true, kafkaBrokers: kafka.brokers })
    await stock.receive('T-A', 10)
    let passes = 0
    const disarm = armFaults((passed) => {
      if (passed === point && ++passes === 1) throw new Error('broken off by the test')
    })
    try {
      const order = orderOf('1', { 'T-A': 4 })
      const events = [placedEvent(order), decidedEvent(order, 'CONFIRMED')]
      await send(producer, events)
      await untilHandled(stock, events)
      assert.ok(passes >= 1)
      assert.deepEqual(await stock.figures('T-A'), [6, 0, 4])
      assert.equal((await stock.answers('1')).length, 1)
    } finally {
      disarm()
    }
  })
