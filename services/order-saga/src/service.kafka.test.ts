import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { paymentOrdersTopic, type Order } from '@millrace/contracts'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import { startService, type RunningService } from '@millrace/runtime'
import { int64Serde } from '@millrace/streams'
import { freePorts, kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  getJson,
  ShopTopics,
  startSaga,
  stateDirectory,
  type Answered,
} from '../test/running-saga.ts'
import { orderSagaService } from './service.ts'

interface Table {
  readonly items: readonly (Order & { readonly updatedAt: string })[]
  readonly nextAfter: string | null
  readonly code?: string
}

interface StreamAppBody {
  readonly state: string
  readonly lagRecords: number | null
  readonly topology: { readonly nodes: readonly { readonly name: string }[] }
  readonly threads: readonly { readonly tasks: readonly { readonly taskId: string }[] }[]
  readonly instances: readonly { readonly activeTasks: readonly string[] }[]
  readonly stores: readonly {
    readonly name: string
    readonly approximateEntryCount: number | null
  }[]
  readonly saga: {
    readonly openOrders: number
    readonly decided: Readonly<Record<string, number>>
    readonly retries: number
    readonly deadLetters: number
  }
}

const taskCount = 6
/** Of a machine that does much else. */
const longWait = { timeoutMs: 300_000 } as const

function rangeOf(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => from + at)
}

const streamApp = async (service: RunningService): Promise<StreamAppBody> =>
  (await getJson<StreamAppBody>(service, '/api/streams/order-saga')).body

const tasksOf = ({ threads }: StreamAppBody): number =>
  threads.reduce((sum, { tasks }) => sum + tasks.length, 0)

/** All rows with ids from `from` to `to`, page by page; undefined where one was answered 503. */
async function readTable(
  service: RunningService,
  from: number,
  to: number,
): Promise<readonly Table['items'][number][] | undefined> {
  const rows: Table['items'][number][] = []
  let after: string | null = String(from - 1)
  while (after !== null) {
    const { status, body, retryAfter }: Answered<Table> = await getJson<Table>(
      service,
      `/api/orders/table?size=7&after=${after}`,
    )
    if (status === 503) {
      assert.equal(body.code, 'MR_ORDER_SAGA_NOT_READY')
      assert.equal(retryAfter, '1')
      return undefined
    }
    assert.equal(status, 200, JSON.stringify(body))
    rows.push(...body.items.filter(({ orderId }) => Number(orderId) <= to))
    after = body.items.some(({ orderId }) => Number(orderId) > to) ? null : body.nextAfter
  }
  return rows
}

for (const backend of await kafkaBackends())
  describe(`order-saga on ${backend.name}`, () => {
    let kafka: RunningKafka
    let shop: ShopTopics
    before(async () => {
      kafka = await backend.start()
      shop = await ShopTopics.open(kafka.brokers)
    })
    after(async () => {
      await shop[Symbol.asyncDispose]()
      await kafka.stop()
    })

    test('orders end by their answers, a cancel or the time; the table and the page of streams show it', async () => {
      await using directory = await stateDirectory()
      const env = { SAGA_TIMEOUT: '3s', SAGA_JOIN_WINDOW: '2s' }
      await using saga = await startSaga({
        brokers: kafka.brokers,
        stateDir: directory.path,
        env,
      })
      await saga.ready
      const ids = rangeOf(1, 40)
      const placed = await shop.place(...ids)
      for (const [at, event] of placed.entries()) {
        const way = at % 5
        if (way < 3) await shop.answer(event, 'PAYMENT', way === 1 ? 'REJECT' : 'ACCEPT')
        if (way < 2) await shop.answer(event, 'INVENTORY', 'ACCEPT')
        if (way === 2) await shop.answer(event, 'INVENTORY', 'REJECT')
        if (way === 3) await shop.cancel(event)
      }
      await shop.decided(...ids)
      const expected = [
        'CONFIRMED',
        'ROLLBACK PAYMENT',
        'ROLLBACK INVENTORY',
        'ROLLBACK CUSTOMER',
        'ROLLBACK TIMEOUT',
      ]
      for (const [at, id] of ids.entries())
        // A slow machine may let the time-out come first; then the others must not come as well.
        assert.ok(
          [expected[at % 5], 'ROLLBACK TIMEOUT'].includes(shop.outcomes(id).join(' and ')),
          `order ${id}: ${shop.outcomes(id).join(' and ')}`,
        )
      const rows = await eventually('the table has the verdicts', async () => {
        const read = await readTable(saga, 1, 40)
        return read?.every(({ status }) => status !== 'NEW') && read.length === 40 && read
      })
      assert.deepEqual(
        rows.map(({ orderId }) => Number(orderId)),
        ids,
      )
      for (const { orderId, status, source } of rows)
        assert.equal([status, source].filter(Boolean).join(' '), shop.outcomes(Number(orderId))[0])
      const page = await getJson<Table>(saga, '/api/orders/table?page=2&size=15')
      assert.deepEqual(
        page.body.items.map(({ orderId }) => Number(orderId)),
        rangeOf(31, 10),
        'ids from page × size + 1 to page × size + size, as the requirement has it',
      )
      const body = await eventually('nothing is left to read', async () => {
        const answer = await streamApp(saga)
        const isAllHere = answer.state === 'RUNNING' && tasksOf(answer) === taskCount
        return isAllHere && answer.lagRecords === 0 && answer.saga.openOrders === 0 && answer
      })
      assert.equal(body.stores.find(({ name }) => name === 'orders')?.approximateEntryCount, 40)
      assert.ok(body.topology.nodes.some(({ name }) => name === 'decide'))
    })

    test('timers and half-answered orders outlive a restart, on the same state and on none, while this machine’s clock is an hour off', async () => {
      await using directory = await stateDirectory()
      await using empty = await stateDirectory()
      const ids = rangeOf(101, 12)
      const env = { SAGA_TIMEOUT: '20s' }
      const start = (stateDir: string, clock?: Clock) =>
        startSaga({ brokers: kafka.brokers, stateDir, env, ...(clock ? { clock } : {}) })
      // Where this takes longer than the time-out, some have ended.
      const areKnown = async (service: RunningService): Promise<boolean> => {
        const ended = ids.filter((id) => shop.outcomes(id).length > 0)
        return (await streamApp(service)).saga.openOrders + ended.length >= ids.length
      }
      const first = await start(directory.path)
      let placed
      try {
        await first.ready
        placed = await shop.place(...ids)
        for (const event of placed) await shop.answer(event, 'PAYMENT', 'REJECT')
        await eventually('all are known', () => areKnown(first))
      } finally {
        await first.close()
      }
      // No record comes from here on until their time is over, but for one that is answered.
      const second = await start(empty.path, clockOff(3_600_000))
      try {
        await second.ready
        await eventually('they are restored', () => areKnown(second))
        const [one] = placed
        assert.ok(one)
        await shop.answer(one, 'INVENTORY', 'ACCEPT')
        await shop.decided(...ids)
        for (const id of ids) assert.deepEqual(shop.outcomes(id), ['ROLLBACK PAYMENT'])
      } finally {
        await second.close()
      }
    })

    const retriedIds = rangeOf(201, 10)
    test('poison goes to recovererDLQ with bytes and headers; what fails is tried again and then decided', async () => {
      await using directory = await stateDirectory()
      await using saga = await startSaga({ brokers: kafka.brokers, stateDir: directory.path })
      await saga.ready
      const before = shop.deadLetters.length
      const key = int64Serde.serialize(201n)
      const bytes = Buffer.from([0xff, 0x00, 0xc3])
      await shop.sendBytes(paymentOrdersTopic.name, key, bytes)
      await shop.sendBytes('orders', Buffer.from('no id'), Buffer.from('{}'))
      let failures = 0
      const disarm = armFaults((point) => {
        if (point === 'orderSaga.decide' && failures++ < 3) throw new Error('made to fail')
      })
      try {
        const placed = await shop.place(...retriedIds)
        for (const event of placed) {
          await shop.answer(event, 'PAYMENT', 'ACCEPT')
          await shop.answer(event, 'INVENTORY', 'ACCEPT')
        }
        await shop.decided(...retriedIds)
      } finally {
        disarm()
      }
      for (const id of retriedIds) assert.deepEqual(shop.outcomes(id), ['CONFIRMED'])
      const letters = await eventually('both are on recovererDLQ', () => {
        const found = shop.deadLetters.slice(before)
        return found.length === 2 && found
      })
      const poison = letters.find(({ value }) => value?.equals(bytes))
      assert.ok(poison?.key)
      assert.deepEqual(poison.key, key)
      const headers = new Map(poison.headers.map(([name, value]) => [name, String(value)]))
      assert.equal(headers.get('x-origin'), 'a test')
      assert.equal(headers.get('__streams.errors.topic'), paymentOrdersTopic.name)
      const { saga: figures } = await streamApp(saga)
      assert.equal(figures.retries, 3)
      assert.ok(figures.deadLetters >= 2)
    })

    test('two instances share the orders; each answers for all of them, before, during and after one of them goes', async () => {
      await using firstDirectory = await stateDirectory()
      await using secondDirectory = await stateDirectory()
      const start = (stateDir: string) => startSaga({ brokers: kafka.brokers, stateDir })
      await using first = await start(firstDirectory.path)
      await first.ready
      const ids = rangeOf(301, 60)
      const placed = await shop.place(...ids)
      const second = await start(secondDirectory.path)
      const done = new AbortController()
      let checked = 0
      // Whatever is answered while tasks move is either all or a clear 503.
      const reading = (async () => {
        while (!done.signal.aborted) {
          const rows = await readTable(first, 301, 360)
          if (rows?.length === ids.length) checked++
          else if (rows && checked > 0)
            assert.fail(`once all were there, ${rows.length} of ${ids.length} orders were read`)
          await systemClock.sleep(20)
        }
      })()
      try {
        await second.ready
        await eventually(
          'they share the tasks',
          async () => {
            const counts = [await streamApp(first), await streamApp(second)].map(tasksOf)
            return counts[0] === 3 && counts[1] === 3
          },
          longWait,
        )
        for (const service of [first, second])
          await eventually(
            'all orders from either',
            async () => {
              const rows = await readTable(service, 301, 360)
              return rows?.length === ids.length
            },
            longWait,
          )
        for (const event of placed) {
          await shop.answer(event, 'PAYMENT', 'ACCEPT')
          await shop.answer(event, 'INVENTORY', 'ACCEPT')
        }
        await second.close()
        await shop.decided(...ids)
        await eventually(
          'one has all tasks again',
          async () => {
            const body = await streamApp(first)
            return tasksOf(body) === taskCount && body.instances.length === 1
          },
          longWait,
        )
        await eventually(
          'the table has each verdict',
          async () => {
            const rows = await readTable(first, 301, 360)
            return rows?.length === ids.length && rows.every(({ status }) => status === 'CONFIRMED')
          },
          longWait,
        )
        await eventually('it was read all the while', () => checked > 0, longWait)
      } finally {
        done.abort()
        await second.close()
        await reading
      }
      for (const id of ids) assert.deepEqual(shop.outcomes(id), ['CONFIRMED'])
    })
  })

test('order-saga: without a broker it listens, says what it waits for, and the table is a clear 503', async () => {
  await using directory = await stateDirectory()
  const [port] = await freePorts(1)
  await using saga = await startSaga({
    brokers: [`127.0.0.1:${port}`],
    stateDir: directory.path,
  })
  saga.ready.catch(() => {})
  const table = await eventually('the routes answer', async () => {
    const answer = await getJson<Table>(saga, '/api/orders/table')
    return answer.body.code !== 'MR_HTTP_STARTING' && answer
  })
  assert.equal(table.status, 503)
  assert.equal(table.body.code, 'MR_ORDER_SAGA_NOT_READY')
  const { state, topology } = await streamApp(saga)
  assert.equal(state, 'WAITING')
  assert.ok(topology.nodes.length > 10)
  assert.equal(await saga.isReady(), false)
})

test('order-saga: a time-out shorter than the window is refused at the start', async () => {
  await assert.rejects(
    startService(orderSagaService, {
      env: { PORT: '0', SAGA_TIMEOUT: '1s', SAGA_JOIN_WINDOW: '2s' },
      logger: silentLogger,
    }),
    { code: 'MR_RUNTIME_BAD_CONFIG' },
  )
})

/** This machine's clock is wrong; its durations are right. */
function clockOff(offMs: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + offMs }
}
