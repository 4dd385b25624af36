import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  orderDecided,
  orderEventsTopic,
  ordersTopic,
  paymentAnswered,
  productChanged,
  stockAnswered,
  userCreated,
  userDeleted,
  type Order,
  type OrderSource,
  type OrderStatus,
} from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createEvent, encodeKey, type DataOf, type EventContract } from '@millrace/events'
import { createConsumer, createProducer, type Producer } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { startOrders, type RunningOrders } from '../test/running-orders.ts'
import { commandTopics } from './consumers/command-consumer.ts'
import { readTopics } from './read-side/read-consumer.ts'

const patience = { timeoutMs: 120_000 }
const body = { items: [{ sku: 'MUG', quantity: 2 }] }

for (const backend of await kafkaBackends()) {
  describe(`orders on ${backend.name}`, () => {
    let kafka: RunningKafka
    let service: RunningOrders
    let producer: Producer
    before(async () => {
      kafka = await backend.start()
      service = await startOrders({ kafkaEnabled: true, kafkaBrokers: kafka.brokers })
      producer = await createProducer({ brokers: kafka.brokers, clientId: 'test' })
      // Both consumers have their partitions; only then is a topic made that a test writes to before the service does.
      await eventually(
        'the service is ready',
        async () => (await fetch(`${service.url}/health/ready`)).ok,
        patience,
      )
    })
    after(async () => {
      await producer.close()
      await service[Symbol.asyncDispose]()
      await kafka.stop()
    })

    async function send<Contract extends EventContract>(
      contract: Contract,
      key: string,
      data: DataOf<Contract>,
      eventId: string = uuidv7(),
    ): Promise<void> {
      const event = createEvent({
        contract,
        source: 'test',
        aggregateId: key,
        aggregateVersion: null,
        data,
        eventId,
        context: { correlationId: uuidv7(), causationId: null },
      })
      await producer.send([
        {
          topic: contract.topic,
          key: encodeKey(contract.keyFormat ?? 'text', key),
          value: JSON.stringify(event),
        },
      ])
    }

    async function place(): Promise<Order> {
      const { status, body: placed } = await service.call('POST', '', { body })
      assert.equal(status, 201)
      const { orderId } = placed as unknown as Order
      const [event] = await service.events(orderId)
      return event?.data as unknown as Order
    }

    const decide = (
      order: Order,
      status: Exclude<OrderStatus, 'NEW'>,
      source: OrderSource | null,
      eventId?: string,
    ): Promise<void> => send(orderDecided, order.orderId, { ...order, status, source }, eventId)

    /** Until both sides show the status. */
    async function untilEnded(order: Order, status: OrderStatus): Promise<Record<string, unknown>> {
      let shown: Record<string, unknown> = {}
      await eventually(
        `order ${order.orderId} is ${status}`,
        async () => {
          shown = (await service.call('GET', `/${order.orderId}`)).body
          const { rows } = await service.database.query<{ status: string }>(
            'select status from customer_order where order_id = $1::bigint',
            [order.orderId],
          )
          return (
            shown['readFrom'] === 'read-model' &&
            String(shown['status']) === status &&
            rows[0]?.status === status
          )
        },
        patience,
      )
      return shown
    }

    for (const [status, source, eventType] of [
      ['CONFIRMED', null, 'ORDER_CONFIRMED'],
      ['REJECTED', 'INVENTORY', 'ORDER_REJECTED'],
      ['ROLLBACK', 'PAYMENT', 'ORDER_ROLLED_BACK'],
      ['ROLLBACK', 'TIMEOUT', 'ORDER_ROLLED_BACK'],
      ['ROLLBACK', 'CUSTOMER', 'ORDER_CANCELLED'],
    ] as const)
      test(`a verdict ${status} by ${source ?? 'both'} ends the order once, and is told as ${eventType}`, async () => {
        const order = await place()
        const eventId = uuidv7()
        await decide(order, status, source, eventId)
        // The same record twice, and the same verdict under another id.
        await decide(order, status, source, eventId)
        await decide(order, status, source)
        const shown = await untilEnded(order, status)
        assert.equal(shown['source'], source)
        assert.equal(shown['waitsFor'], null)
        assert.notEqual(shown['decidedAt'], null)
        await dealtWith(service, order.orderId, 2)
        const ends = (await service.events(order.orderId)).slice(2)
        assert.deepEqual(
          ends.map((event) => [
            event.eventType,
            event.topic,
            event.aggregateVersion,
            event.causationId,
          ]),
          [[eventType, orderEventsTopic.name, 2, eventId]],
        )
      })

    test('a second verdict that contradicts the first is counted and never applied', async () => {
      const order = await place()
      await decide(order, 'CONFIRMED', null)
      await decide(order, 'ROLLBACK', 'TIMEOUT')
      await untilEnded(order, 'CONFIRMED')
      await dealtWith(service, order.orderId, 2)
      const metrics = await (await fetch(`${service.url}/metrics`)).text()
      assert.match(metrics, /^mr_orders_second_verdicts_total(?:\{[^}]*\})? [1-9]/m)
      const shown = (await service.call('GET', `/${order.orderId}`)).body
      assert.equal(String(shown['status']), 'CONFIRMED')
      assert.equal((await service.events(order.orderId)).length, 3)
      const late = await service.call('POST', `/${order.orderId}/cancel`)
      assert.deepEqual([late.status, late.body.code], [409, 'MR_ORDERS_ENDED_ALREADY'])
    })

    test('orders travel under keys of 8 bytes, and the detail shows both answers as they come', async () => {
      const order = await place()
      const record = await findRecord(kafka.brokers, order.orderId)
      assert.equal(record.topic, ordersTopic.name)
      const shown = async (path: string) => (await service.call('GET', path)).body
      const waits = async (words: string): Promise<void> => {
        await eventually(
          words,
          async () => (await shown(`/${order.orderId}`))['waitsFor'] === words,
          patience,
        )
      }
      await waits('waiting for payment and stock')
      await send(stockAnswered, order.orderId, {
        ...order,
        status: 'REJECT',
        source: 'INVENTORY',
        reason: 'Of MUG there are 1, not 2.',
      })
      await waits('waiting for payment')
      await send(paymentAnswered, order.orderId, {
        ...order,
        status: 'ACCEPT',
        source: 'PAYMENT',
        reason: null,
      })
      await waits('waiting for the decision')
      const answers = (await shown(`/${order.orderId}`))['answers'] as Readonly<
        Record<string, Readonly<Record<string, unknown>>>
      >
      assert.deepEqual(
        [
          answers['stock']?.['answer'],
          answers['stock']?.['reason'],
          answers['payment']?.['answer'],
        ],
        ['REJECT', 'Of MUG there are 1, not 2.', 'ACCEPT'],
      )
    })

    test('lists: newest first, by page, status and customer; names come with the events of users', async () => {
      const customer = `list-${uuidv7()}`
      service.peers.users.add(customer)
      const profile = { userId: customer, name: 'Lisa', email: null, roles: [], country: 'EIRE' }
      await send(userCreated, customer, profile)
      const ids: string[] = []
      for (let at = 0; at < 5; at++) {
        const placed = await service.call('POST', '', { user: customer, body })
        ids.unshift(String(placed.body['orderId']))
      }
      const list = async (query: string, user = customer) =>
        (await service.call('GET', query, { user })).body as unknown as {
          readonly items: readonly Readonly<Record<string, unknown>>[]
          readonly nextCursor: string | null
          readonly asOf: string | null
          readonly ageMs: number | null
        }
      await eventually(
        'all five are listed, with the name',
        async () => {
          const { items } = await list('')
          return items.length === 5 && items.every((item) => item['customerName'] === 'Lisa')
        },
        patience,
      )
      const paged: unknown[] = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof list>> = await list(
          `?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
        )
        paged.push(...page.items.map((item) => item['orderId']))
        assert.notEqual(page.asOf, null)
        assert.ok((page.ageMs ?? -1) >= 0)
        ;({ nextCursor: cursor } = page)
      } while (cursor !== null)
      assert.deepEqual(paged, ids)
      assert.equal((await list('?status=CONFIRMED')).items.length, 0)
      assert.equal((await list('?status=NEW&limit=100')).items.length, 5)
      assert.equal((await list(`?customerId=${customer}`, 'ben')).items.length, 5)
      assert.ok((await list('?all=true&limit=100', 'ben')).items.length >= 5)
      const bad = await service.call('GET', '?cursor=abc')
      assert.deepEqual([bad.status, bad.body.errors?.[0]?.field], [400, 'cursor'])
    })

    test('figures: how far both consumers are on each partition; no count by status where sums are not wanted', async () => {
      await place()
      const stats = async (query: string) =>
        (await service.call('GET', `/stats${query}`)).body as unknown as {
          readonly byStatus: Readonly<Record<string, number>>
          readonly partitions: readonly unknown[]
        }
      const partitionCount = [...commandTopics, ...readTopics].reduce(
        (sum, { partitions }) => sum + partitions,
        0,
      )
      await eventually(
        'all partitions were measured, and the order is counted',
        async () => {
          const { partitions, byStatus } = await stats('')
          return partitions.length === partitionCount && (byStatus['NEW'] ?? 0) > 0
        },
        patience,
      )
      assert.deepEqual((await stats('?sums=false')).byStatus, {})
    })

    test('what users and the catalogue said on their topics counts while they do not answer', async () => {
      const customer = `known-${uuidv7()}`
      const sku = `SKU-${uuidv7()}`
      const asked = { user: customer, body: { items: [{ sku, quantity: 1 }] } }
      service.peers.mood = 'faulty'
      try {
        assert.equal((await service.call('POST', '', asked)).status, 503)
        const profile = { userId: customer, name: 'Known', email: null, roles: [], country: null }
        await send(userCreated, customer, profile)
        const product = { sku, name: 'A thing', unitPriceMills: 1_234, stockUnit: 'piece' }
        await send(productChanged, sku, product)
        await eventually(
          'both are known',
          async () => {
            const { status, body: placed } = await service.call('POST', '', asked)
            return status === 201 && placed['totalMills'] === 1_234
          },
          patience,
        )
        await send(userDeleted, customer, { userId: customer })
        await eventually(
          'the account is known to be removed',
          async () => (await service.call('POST', '', asked)).status === 422,
          patience,
        )
      } finally {
        service.peers.mood = 'well'
      }
    })
  })
}

/** Until the command side has dealt with so many verdicts of the order, whatever they did; repeats of a record have no row. */
async function dealtWith(service: RunningOrders, orderId: string, verdicts: number): Promise<void> {
  await eventually(
    `${verdicts} verdicts of order ${orderId} are dealt with`,
    async () => {
      const { rows } = await service.database.query<{ count: number }>(
        `select count(*)::integer as count
         from event_consumption_log
         where event_key = $1::text
           and event_type = 'ORDER_DECIDED'
           and status = 'PROCESSED'`,
        [orderId],
      )
      return (rows[0]?.count ?? 0) >= verdicts
    },
    patience,
  )
}

/** The order's first record on `orders`. */
async function findRecord(
  brokers: readonly string[],
  orderId: string,
): Promise<{ readonly topic: string }> {
  await using consumer = await createConsumer({ brokers, clientId: 'test' })
  consumer.assign(
    Array.from({ length: ordersTopic.partitions }, (_, partition) => ({
      topic: ordersTopic.name,
      partition,
      offset: 'earliest',
    })),
  )
  for await (const batch of consumer)
    for (const record of batch.records)
      if (record.key?.length === 8 && String(record.key.readBigInt64BE()) === orderId)
        return { topic: record.topic }
  throw new Error('The consumer ended before the order came')
}
