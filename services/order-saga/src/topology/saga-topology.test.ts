import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ordersTopic, paymentOrdersTopic, recovererDlqTopic, type Order } from '@millrace/contracts'
import { armFaults } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import { int64Serde, type TimestampedKeyValueStore } from '@millrace/streams'
import { SagaDriver, timeoutMs, windowMs } from '../../test/saga-driver.ts'
import { answerEvent, orderOf, placedEvent, type Answer } from '../../test/shop-events.ts'
import type { EndedOrder } from '../domain/open-order.ts'
import { dueOrdersStore, endedOrdersStore, openOrdersStore } from './decider.ts'
import { ordersStore } from './saga-topology.ts'

type Act =
  | readonly ['payment' | 'stock', Answer]
  | readonly ['cancel']
  | readonly ['placed-again']
  | readonly ['wait', number]

interface Row {
  readonly name: string
  readonly acts: readonly Act[]
  readonly verdict: string | undefined
}

const late = windowMs + 1
const ok = 'ACCEPT'
const no = 'REJECT'

const rows: readonly Row[] = [
  { name: 'nothing yet', acts: [], verdict: undefined },
  { name: 'one consent waits', acts: [['payment', ok]], verdict: undefined },
  {
    name: 'both agree',
    acts: [
      ['payment', ok],
      ['stock', ok],
    ],
    verdict: 'CONFIRMED join',
  },
  {
    name: 'both agree, stock first',
    acts: [
      ['stock', ok],
      ['wait', 3_000],
      ['payment', ok],
    ],
    verdict: 'CONFIRMED join',
  },
  {
    name: 'the last instant of the window still belongs',
    acts: [
      ['payment', ok],
      ['wait', windowMs],
      ['stock', ok],
    ],
    verdict: 'CONFIRMED join',
  },
  {
    name: 'one instant past the window decides all the same',
    acts: [
      ['payment', ok],
      ['wait', late],
      ['stock', ok],
    ],
    verdict: 'CONFIRMED late',
  },
  {
    name: 'payments refuse',
    acts: [
      ['payment', no],
      ['stock', ok],
    ],
    verdict: 'ROLLBACK PAYMENT join',
  },
  {
    name: 'stock refuses',
    acts: [
      ['stock', no],
      ['payment', ok],
    ],
    verdict: 'ROLLBACK INVENTORY join',
  },
  {
    name: 'both refuse, stock second',
    acts: [
      ['payment', no],
      ['wait', 5],
      ['stock', no],
    ],
    verdict: 'REJECTED INVENTORY join',
  },
  {
    name: 'both refuse, payments second',
    acts: [
      ['stock', no],
      ['wait', 5],
      ['payment', no],
    ],
    verdict: 'REJECTED PAYMENT join',
  },
  {
    name: 'both refuse at one instant: stock, as in the requirement',
    acts: [
      ['stock', no],
      ['payment', no],
    ],
    verdict: 'REJECTED INVENTORY join',
  },
  {
    name: 'a late refusal',
    acts: [
      ['stock', ok],
      ['wait', 30_000],
      ['payment', no],
    ],
    verdict: 'ROLLBACK PAYMENT late',
  },
  {
    name: 'one refusal waits for the other answer',
    acts: [
      ['payment', no],
      ['wait', timeoutMs - 1_000],
    ],
    verdict: undefined,
  },
  {
    name: 'one refusal decides when time is over',
    acts: [
      ['payment', no],
      ['wait', timeoutMs],
    ],
    verdict: 'ROLLBACK PAYMENT timeout',
  },
  {
    name: 'one consent does not',
    acts: [
      ['stock', ok],
      ['wait', timeoutMs],
    ],
    verdict: 'ROLLBACK TIMEOUT timeout',
  },
  { name: 'silence', acts: [['wait', timeoutMs]], verdict: 'ROLLBACK TIMEOUT timeout' },
  { name: 'silence, not yet', acts: [['wait', timeoutMs - 1]], verdict: undefined },
  {
    name: 'answers after the time-out change nothing',
    acts: [
      ['wait', timeoutMs],
      ['payment', ok],
      ['stock', ok],
    ],
    verdict: 'ROLLBACK TIMEOUT timeout',
  },
  { name: 'cancelled', acts: [['cancel']], verdict: 'ROLLBACK CUSTOMER cancel' },
  {
    name: 'cancelled between the answers',
    acts: [['payment', ok], ['cancel'], ['stock', ok]],
    verdict: 'ROLLBACK CUSTOMER cancel',
  },
  {
    name: 'cancelled too late',
    acts: [['payment', ok], ['stock', ok], ['cancel']],
    verdict: 'CONFIRMED join',
  },
  {
    name: 'each answer twice',
    acts: [
      ['payment', ok],
      ['payment', ok],
      ['stock', ok],
      ['stock', ok],
      ['payment', ok],
    ],
    verdict: 'CONFIRMED join',
  },
  {
    name: 'a late answer twice',
    acts: [
      ['payment', no],
      ['wait', late],
      ['stock', ok],
      ['stock', ok],
      ['payment', no],
    ],
    verdict: 'ROLLBACK PAYMENT late',
  },
  {
    name: 'an answer that comes again within the window of the other is joined',
    acts: [
      ['payment', no],
      ['wait', late],
      ['payment', no],
      ['stock', ok],
    ],
    verdict: 'ROLLBACK PAYMENT join',
  },
  {
    name: 'placed twice: time counts from the first',
    acts: [['wait', 30_000], ['placed-again'], ['wait', 30_000]],
    verdict: 'ROLLBACK TIMEOUT timeout',
  },
  {
    name: 'placed again after its end',
    acts: [['payment', ok], ['stock', ok], ['placed-again'], ['wait', timeoutMs]],
    verdict: 'CONFIRMED join',
  },
]

async function act(saga: SagaDriver, placed: EventEnvelope<Order>, each: Act): Promise<void> {
  if (each[0] === 'payment') saga.answer(placed, 'PAYMENT', each[1])
  else if (each[0] === 'stock') saga.answer(placed, 'INVENTORY', each[1])
  else if (each[0] === 'cancel') saga.cancel(placed)
  else if (each[0] === 'wait') await saga.wait(each[1])
  else saga.send(ordersTopic.name, placed)
}

for (const { name, acts, verdict } of rows)
  for (const clockAheadMs of [0, 3_600_000, -3_600_000])
    test(`saga: ${name}${clockAheadMs === 0 ? '' : `; our clock ${clockAheadMs / 3_600_000} h off`}`, async () => {
      using saga = new SagaDriver({ clockAheadMs })
      const placed = saga.placed(7)
      for (const each of acts) await act(saga, placed, each)
      const expected = verdict === undefined ? [] : [verdict]
      assert.deepEqual(saga.outcomes(7), expected)
      // Whatever happens later, also with traffic of others on all partitions: no order ends twice, and each ends.
      await saga.wait(5 * timeoutMs)
      for (let other = 100; other < 120; other++) saga.placed(other)
      await saga.wait(5 * timeoutMs)
      assert.equal(saga.outcomes(7).length, 1)
      if (verdict !== undefined) assert.deepEqual(saga.outcomes(7), [verdict])
      const partition = saga.verdicts(7)[0]?.partition as number
      const { driver } = saga
      assert.deepEqual([...driver.keyValueStore(openOrdersStore, partition).range()], [])
      assert.deepEqual([...driver.keyValueStore(dueOrdersStore, partition).range()], [])
    })

test('saga: the verdict is an envelope as the outbox writes it, its id that of the order alone', () => {
  const ids = [false, true].map((isReversed) => {
    using saga = new SagaDriver()
    const order = orderOf(9)
    const placed = { ...placedEvent(order), eventId: '01950000-0000-7000-8000-000000000001' }
    saga.send(ordersTopic.name, placed)
    const sides = ['PAYMENT', 'INVENTORY'] as const
    for (const side of isReversed ? sides.toReversed() : sides) saga.answer(placed, side, ok)
    const [verdict] = saga.verdicts(9)
    assert.ok(verdict)
    const { event, headers } = verdict
    assert.equal(event.correlationId, placed.correlationId)
    assert.deepEqual(event.data, { ...order, status: 'CONFIRMED', source: null })
    assert.equal(event.timestamp, new Date(saga.brokerMs).toISOString())
    const second = isReversed ? 'PAYMENT' : 'INVENTORY'
    const tie = answerEvent(placed, 'INVENTORY', ok).eventId
    assert.equal(event.causationId, tie, `${second} came second, at the same instant`)
    const named = Object.fromEntries(headers.map(({ key, value }) => [key, String(value)]))
    assert.equal(named['ce_id'], event.eventId)
    assert.equal(named['ce_type'], 'ORDER_DECIDED')
    assert.equal(named['ce_subject'], 'order/9')
    assert.equal(named['ce_correlationid'], placed.correlationId)
    return event.eventId
  })
  assert.equal(ids[0], ids[1])
})

test('saga: a refusal’s reason and the trace go on with the verdict', () => {
  using saga = new SagaDriver()
  const placed = saga.placed(4)
  saga.answer(placed, 'PAYMENT', no)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  saga.send('stock-orders', answerEvent(placed, 'INVENTORY', ok), [
    { key: 'traceparent', value: Buffer.from(traceparent) },
  ])
  const [verdict] = saga.verdicts(4)
  assert.equal(verdict?.event.metadata['reason'], 'payments says no')
  const header = verdict?.headers.find(({ key }) => key === 'traceparent')
  assert.equal(String(header?.value), traceparent)
})

test('saga: answers that are read before their order decide it, and the order comes too late to open again', async () => {
  using saga = new SagaDriver()
  const placed = placedEvent(orderOf(5))
  saga.answer(placed, 'PAYMENT', ok)
  saga.answer(placed, 'INVENTORY', ok)
  saga.send(ordersTopic.name, placed)
  await saga.wait(2 * timeoutMs)
  assert.deepEqual(saga.outcomes(5), ['CONFIRMED join'])
})

test('saga: a wish to cancel an order that nobody knows is no verdict', async () => {
  using saga = new SagaDriver()
  saga.cancel(placedEvent(orderOf(6)))
  await saga.wait(2 * timeoutMs)
  assert.deepEqual(saga.verdicts(), [])
})

test('saga: an answer within the window that comes when other records have closed it decides as a late one', () => {
  using saga = new SagaDriver()
  const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  const placed = new Map(ids.map((id) => [id, saga.placed(id)]))
  for (const [id, event] of placed) if (id !== 12) saga.answer(event, 'PAYMENT', ok)
  const answeredMs = saga.brokerMs
  // The stock partitions are read ahead: time passes there for all partitions.
  saga.brokerMs += 2 * windowMs + 5
  for (let other = 200; other < 230; other++) saga.answer(saga.placed(other), 'INVENTORY', ok)
  saga.brokerMs = answeredMs + 1
  for (const [id, event] of placed) if (id !== 12) saga.answer(event, 'INVENTORY', ok)
  for (const id of ids.slice(0, -1)) assert.deepEqual(saga.outcomes(id), ['CONFIRMED late'])
  assert.equal(saga.metrics.totals.lateAnswers, 11)
  assert.equal(saga.metrics.totals.unmatchedAnswers, 11)
})

test('saga: timers and answers outlive a crash of every task; without a record the clock goes on from where it stood', async () => {
  using saga = new SagaDriver({ standbys: false })
  const half = saga.placed(1)
  saga.answer(half, 'PAYMENT', ok)
  for (const id of [2, 3, 4]) saga.placed(id)
  await saga.wait(20_000)
  saga.driver.crash()
  saga.driver.restore()
  saga.answer(half, 'INVENTORY', ok)
  assert.deepEqual(saga.outcomes(1), ['CONFIRMED late'])
  await saga.wait(timeoutMs)
  for (const id of [2, 3, 4]) assert.deepEqual(saga.outcomes(id), ['ROLLBACK TIMEOUT timeout'])
})

/** An open order, and the id of another that is with another task. */
function twoTasks(saga: SagaDriver): {
  readonly open: EventEnvelope<Order>
  readonly other: number
} {
  const open = saga.placed(1)
  let other = 2
  for (saga.placed(other); saga.partitionOf(other) === saga.partitionOf(1); saga.placed(other))
    other++
  return { open, other }
}

/** Ways in which a task can come to have more waiting than another task of the process. */
const waysToFallBehind = [
  { name: 'a pause', skip: (saga: SagaDriver) => saga.pause(timeoutMs + 5_000) },
  {
    name: 'a crash',
    skip: (saga: SagaDriver) => {
      saga.driver.crash()
      saga.pause(timeoutMs + 5_000)
      saga.driver.restore()
    },
  },
] as const
for (const { name, skip } of waysToFallBehind)
  test(`saga: after ${name}, answers that came in time decide, though another task has read on further before`, async () => {
    using saga = new SagaDriver()
    const { open, other } = twoTasks(saga)
    const placedMs = saga.brokerMs
    saga.placed(1_000)
    saga.driver.commit()
    skip(saga)
    const nowMs = saga.brokerMs
    saga.cancel(placedEvent(orderOf(other)))
    assert.deepEqual(saga.outcomes(other), ['ROLLBACK CUSTOMER cancel'], 'it is at now')
    // The other task drains its backlog bit by bit, for longer than a task counts as silent.
    for (let looks = 0; looks < 40; looks++) {
      await saga.wait(100)
      assert.deepEqual(saga.outcomes(1), [], `look ${looks}`)
      saga.brokerMs = placedMs + looks
      saga.send(ordersTopic.name, open)
    }
    saga.answer(open, 'PAYMENT', ok)
    saga.answer(open, 'INVENTORY', ok)
    assert.deepEqual(saga.outcomes(1), ['CONFIRMED join'])
    saga.brokerMs = nowMs + 4_000
    // Of the one that nobody answered time is over, as soon as nothing waits.
    await saga.wait(2_000)
    assert.deepEqual(saga.outcomes(1_000), ['ROLLBACK TIMEOUT timeout'])
    assert.equal(saga.verdicts(1_000)[0]?.timestamp, placedMs + timeoutMs)
  })

for (const point of ['beforeCommit', 'afterCommit'] as const)
  test(`saga: a crash ${point} of the verdict gives one verdict, with one id`, async () => {
    using saga = new SagaDriver()
    const placed = saga.placed(1)
    saga.answer(placed, 'PAYMENT', ok)
    for (const taskId of saga.driver.taskIds) saga.driver.crashAt(point, taskId)
    saga.answer(placed, 'INVENTORY', ok)
    saga.driver.restore()
    await saga.wait(2 * timeoutMs)
    assert.deepEqual(saga.outcomes(1), ['CONFIRMED join'])
  })

test('saga: the time that an order is open past its final one is told, of the longest, and only then', async () => {
  using saga = new SagaDriver()
  assert.equal(saga.metrics.overdueMs, 0)
  saga.placed(1)
  await saga.wait(1_000)
  saga.placed(2)
  assert.equal(saga.metrics.openOrders, 2)
  saga.stall(timeoutMs - 1_000)
  assert.equal(saga.metrics.overdueMs, 0)
  saga.stall(5_000)
  assert.equal(saga.metrics.overdueMs, 5_000)
  await saga.wait(100)
  assert.deepEqual([saga.metrics.openOrders, saga.metrics.overdueMs], [0, 0])
  assert.deepEqual([saga.outcomes(1).length, saga.outcomes(2).length], [1, 1])
})

test('saga: verdicts are forgotten after their retention, and not before', async () => {
  using saga = new SagaDriver({ retentionMs: 3_600_000 })
  const placed = saga.placed(1)
  saga.cancel(placed)
  const partition = saga.verdicts(1)[0]?.partition as number
  const ended = () => saga.driver.keyValueStore<bigint, EndedOrder>(endedOrdersStore, partition)
  assert.equal(ended().get(1n)?.status, 'ROLLBACK')
  await saga.wait(3_599_000)
  for (let other = 100; other < 120; other++) saga.placed(other)
  assert.equal(ended().get(1n)?.source, 'CUSTOMER')
  await saga.wait(2_000)
  for (let other = 200; other < 220; other++) saga.placed(other)
  assert.equal(ended().get(1n), undefined)
})

test('saga: an order that came with its end is none to decide, and the table has it', async () => {
  using saga = new SagaDriver()
  const past: Order = { ...orderOf(3), status: 'CONFIRMED' }
  saga.send(ordersTopic.name, placedEvent(past))
  await saga.wait(2 * timeoutMs)
  assert.deepEqual(saga.verdicts(), [])
  assert.deepEqual(tableOf(saga).get(3n), past)
})

test('saga: the table has each order’s latest, and a record that comes again does not set it back', () => {
  using saga = new SagaDriver()
  const placed = [1, 2, 3].map((id) => saga.placed(id))
  const [first] = placed as [EventEnvelope<Order>, ...EventEnvelope<Order>[]]
  saga.answer(first, 'PAYMENT', ok)
  saga.answer(first, 'INVENTORY', no)
  saga.send(ordersTopic.name, first)
  const table = tableOf(saga)
  assert.deepEqual(new Set(table.keys()), new Set([1n, 2n, 3n]))
  assert.deepEqual(table.get(1n), { ...orderOf(1), status: 'ROLLBACK', source: 'INVENTORY' })
  assert.deepEqual(table.get(2n), orderOf(2))
})

test('saga: poison of all kinds goes to recovererDLQ with its bytes, headers and place, and the others go on', () => {
  using saga = new SagaDriver()
  const placed = saga.placed(1)
  const key = int64Serde.serialize(1n)
  const good = answerEvent(placed, 'PAYMENT', ok)
  const poison: readonly (readonly [Buffer | null, Buffer])[] = [
    [key, Buffer.from([0xff, 0x00, 0xc3])],
    [key, Buffer.from('{"half": ')],
    [key, Buffer.from('[]')],
    [key, Buffer.from(JSON.stringify({ ...good, data: { ...good.data, totalMills: -1 } }))],
    [key, Buffer.from(JSON.stringify({ ...good, version: 99 }))],
    [Buffer.from('short'), Buffer.from(JSON.stringify(good))],
    [int64Serde.serialize(2n), Buffer.from(JSON.stringify(good))],
    [null, Buffer.from(JSON.stringify(good))],
  ]
  const headers = [{ key: 'x-origin', value: Buffer.from('a test') }]
  for (const [of, value] of poison)
    saga.driver.pipe(paymentOrdersTopic.name, {
      key: of,
      value,
      timestamp: saga.brokerMs,
      headers,
      partition: 1,
    })
  const letters = saga.driver.take(recovererDlqTopic.name)
  assert.deepEqual(
    letters.map(({ key: of, value }) => [of, value]),
    poison.map(([of, value]) => [of, value]),
  )
  for (const letter of letters) {
    const named = Object.fromEntries(
      letter.headers.map(({ key: name, value }) => [name, String(value)]),
    )
    assert.equal(named['x-origin'], 'a test')
    assert.equal(named['__streams.errors.topic'], paymentOrdersTopic.name)
    assert.equal(named['__streams.errors.partition'], '1')
  }
  assert.equal(saga.metrics.totals.deadLetters, poison.length)
  saga.answer(placed, 'PAYMENT', ok)
  saga.answer(placed, 'INVENTORY', ok)
  assert.deepEqual(saga.outcomes(1), ['CONFIRMED join'])
})

test('saga: events of types that it does not know, and tombstones, are passed over', () => {
  using saga = new SagaDriver()
  const placed = saga.placed(1)
  saga.send(paymentOrdersTopic.name, {
    ...answerEvent(placed, 'PAYMENT', ok),
    eventType: 'PAYMENT_AUDITED',
    data: {},
  })
  saga.driver.pipe(ordersTopic.name, { key: int64Serde.serialize(1n), value: null })
  saga.answer(placed, 'PAYMENT', ok)
  saga.answer(placed, 'INVENTORY', ok)
  assert.deepEqual(saga.outcomes(1), ['CONFIRMED join'])
  assert.equal(saga.metrics.totals.deadLetters, 0)
})

test('saga: a decision that fails for good leaves its record out and the order ends by its time with what is known', async () => {
  using saga = new SagaDriver()
  const placed = saga.placed(1)
  saga.answer(placed, 'PAYMENT', ok)
  const disarm = armFaults((point) => {
    if (point === 'orderSaga.decide') throw new Error('made to fail')
  })
  try {
    saga.answer(placed, 'INVENTORY', ok)
  } finally {
    disarm()
  }
  assert.deepEqual(saga.verdicts(), [])
  assert.ok(saga.metrics.totals.deadLetters > 0)
  await saga.wait(timeoutMs)
  assert.deepEqual(saga.outcomes(1), ['ROLLBACK TIMEOUT timeout'])
})

function tableOf(saga: SagaDriver): ReadonlyMap<bigint, Order> {
  const rows = [0, 1, 2].flatMap((partition) => {
    const store = saga.driver.store(ordersStore, partition)
    return [...(store as TimestampedKeyValueStore<bigint, Order>).range()]
  })
  return new Map(rows.map(([id, { value }]) => [id, value]))
}
