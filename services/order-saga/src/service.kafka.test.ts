import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { paymentOrdersTopic, type Order } from '@millrace/contracts'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import { startService, type RunningService } from '@millrace/runtime'
import { int64Serde } from '@millrace/streams'
import { freePorts, kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { deployed, namesIn } from '../test/deployed-queries.ts'
import {
  getJson,
  postJson,
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

interface PausingBody {
  readonly isPaused: boolean
  readonly acts: readonly { readonly act: string; readonly by: string; readonly reason: string }[]
  readonly instances?: readonly InstancePause[]
  readonly code?: string
}

interface InstancePause {
  readonly isThis: boolean
  readonly isPaused: boolean | null
  readonly problem: string | null
}

interface StoreBody {
  readonly rows: readonly {
    readonly key: string
    readonly value: string
    readonly isCut: boolean
    readonly timestamp: string | null
    readonly partition: number | null
  }[]
  readonly after: string | null
  readonly key: { readonly partition: number; readonly owner: { readonly isThis: boolean } } | null
  readonly partitions: readonly { readonly partition: number; readonly lagRecords: number | null }[]
  readonly code?: string
}

interface StreamAppBody {
  readonly state: string
  readonly isWhole: boolean
  readonly pausing: PausingBody
  readonly topics: readonly {
    readonly topic: string
    readonly consumedRecords: number
    readonly sentRecords: number
  }[]
  readonly lagRecords: number | null
  readonly topology: {
    readonly nodes: readonly { readonly name: string; readonly processedRecords: number | null }[]
  }
  readonly threads: readonly { readonly tasks: readonly { readonly taskId: string }[] }[]
  readonly instances: readonly (InstancePause & { readonly activeTasks: readonly string[] })[]
  readonly stores: readonly {
    readonly name: string
    readonly approximateEntryCount: number | null
    readonly keyForm: string | null
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

/** Once all instances have answered the one that is asked: each has 1 s for that. */
const wholeApp = (service: RunningService): Promise<StreamAppBody> =>
  eventually(
    'all instances answer',
    async () => {
      const app = await streamApp(service)
      return app.isWhole && app
    },
    longWait,
  )

/** What it has itself. */
const ownPart = async (service: RunningService): Promise<StreamAppBody> =>
  (await getJson<StreamAppBody>(service, '/api/streams/order-saga?scope=instance')).body

const storePath = (rest: string): string => `/api/streams/order-saga/stores/${rest}`

/** Asks again as long as tasks move. */
function askStore(service: RunningService, rest: string): Promise<Answered<StoreBody>> {
  return eventually(
    `the store answers ${rest}`,
    async () => {
      const answer = await getJson<StoreBody>(service, storePath(rest))
      return answer.status !== 503 && answer
    },
    longWait,
  )
}

/** All rows of a read, page by page. */
async function readStore(service: RunningService, rest: string): Promise<StoreBody['rows']> {
  const rows: StoreBody['rows'][number][] = []
  let after: string | null = ''
  while (after !== null) {
    const mark = rest.includes('?') ? '&' : '?'
    const more: string = after === '' ? '' : `${mark}after=${encodeURIComponent(after)}`
    const { status, body } = await askStore(service, `${rest}${more}`)
    assert.equal(status, 200, JSON.stringify(body))
    rows.push(...body.rows)
    after = body.after
  }
  return rows
}

const tasksOf = ({ threads }: Pick<StreamAppBody, 'threads'>): number =>
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
      const one = await getJson<Table['items'][number]>(saga, '/api/orders/table/17')
      assert.deepEqual([one.status, one.body], [200, rows[16]])
      for (const { id, status, code } of [
        { id: '9999', status: 404, code: 'MR_ORDER_SAGA_UNKNOWN_ORDER' },
        { id: '9999999999999999999', status: 404, code: 'MR_ORDER_SAGA_UNKNOWN_ORDER' },
        { id: 'mug', status: 400, code: 'MR_HTTP_VALIDATION' },
      ]) {
        const none = await getJson<Table>(saga, `/api/orders/table/${id}`)
        assert.deepEqual([none.status, none.body.code], [status, code], id)
      }
      const body = await eventually('nothing is left to read', async () => {
        const answer = await streamApp(saga)
        const isAllHere = answer.state === 'RUNNING' && tasksOf(answer) === taskCount
        return isAllHere && answer.lagRecords === 0 && answer.saga.openOrders === 0 && answer
      })
      assert.equal(body.stores.find(({ name }) => name === 'orders')?.approximateEntryCount, 40)
      // Told about once a second; each of its answers and its order comes to the decider.
      await eventually('the decider’s records are counted', async () => {
        const { nodes } = (await streamApp(saga)).topology
        const decide = nodes.find(({ name }) => name === 'decide')
        return (decide?.processedRecords ?? 0) >= ids.length
      })
      await lookIntoStores(saga, ids)
      const scraped = await (await fetch(`${saga.url}/metrics`)).text()
      for (const { title, expr } of await deployed())
        for (const name of namesIn(expr))
          assert.match(
            scraped,
            new RegExp(`^# TYPE ${name.replace(/_(bucket|sum|count)$/, '')} `, 'm'),
            `${title}: ${name}`,
          )
      const sent = body.topics.find(({ topic }) => topic === 'orders')
      assert.ok(sent && sent.sentRecords >= ids.length, 'a verdict of each')
      assert.ok(body.topics.every(({ consumedRecords }) => consumedRecords > 0))
    })

    test('paused by somebody it decides nothing and tells whoever may know who wanted that; resumed it goes on', async () => {
      await using directory = await stateDirectory()
      await using saga = await startSaga({ brokers: kafka.brokers, stateDir: directory.path })
      await saga.ready
      const pausePath = '/api/streams/order-saga/pause'
      const nobody = await postJson<PausingBody>(saga, pausePath, { reason: 'a test' }, null)
      assert.equal(nobody.status, 401)
      for (const body of [{}, { reason: ' ' }, { reason: 'x'.repeat(201) }, { reason: 'a', b: 1 }])
        assert.equal((await postJson(saga, pausePath, body)).status, 400, JSON.stringify(body))
      assert.equal((await streamApp(saga)).pausing.isPaused, false)
      await eventually('it has read what there is', async () => {
        const { lagRecords, threads } = await streamApp(saga)
        return lagRecords === 0 && tasksOf({ threads }) === taskCount
      })
      const paused = await postJson<PausingBody>(saga, pausePath, { reason: 'a test' })
      assert.equal(paused.body.isPaused, true)
      const again = await postJson<PausingBody>(saga, pausePath, { reason: 'again' }, 'bob')
      assert.deepEqual(
        again.body.acts.map(({ act, by, reason }) => [act, by, reason]),
        [['pause', 'ada', 'a test']],
        'what is so already is no act',
      )
      const ids = rangeOf(401, 12)
      const placed = await shop.place(...ids)
      for (const event of placed) {
        await shop.answer(event, 'PAYMENT', 'ACCEPT')
        await shop.answer(event, 'INVENTORY', 'ACCEPT')
      }
      await eventually('it knows of all that waits', async () => {
        const { lagRecords } = await streamApp(saga)
        return lagRecords !== null && lagRecords >= 3 * ids.length
      })
      for (const id of ids) assert.deepEqual(shop.outcomes(id), [])
      const waiting = await askStore(saga, 'orders/get?key=401')
      assert.deepEqual([waiting.status, waiting.body.rows], [200, []], 'its stores can be read')
      const health = await getJson<{ parts: { name: string; reason: string | null }[] }>(
        saga,
        '/health/ready',
      )
      assert.equal(health.status, 200)
      assert.equal(
        health.body.parts.find(({ name }) => name === 'saga')?.reason,
        'paused; who wanted that and why: /api/streams/order-saga. Orders wait on their topics',
        'anybody may ask, so that it names nobody',
      )
      const resumed = await postJson<PausingBody>(
        saga,
        '/api/streams/order-saga/resume',
        { reason: 'enough' },
        'bob',
      )
      assert.deepEqual(
        resumed.body.acts.map(({ act, by }) => [act, by]),
        [
          ['resume', 'bob'],
          ['pause', 'ada'],
        ],
      )
      await shop.decided(...ids)
      for (const id of ids) assert.deepEqual(shop.outcomes(id), ['CONFIRMED'])
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
        await lookUpTimers(second)
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

    test('a pause and what is told of the app are those of all instances; one that is away is told so', async () => {
      await using firstDirectory = await stateDirectory()
      await using secondDirectory = await stateDirectory()
      // A pause waits so long for the other one.
      const env = { STREAM_QUERY_TIMEOUT: '60s' }
      const start = (stateDir: string) => startSaga({ brokers: kafka.brokers, stateDir, env })
      await using first = await start(firstDirectory.path)
      await first.ready
      await using second = await start(secondDirectory.path)
      await second.ready
      const both = [first, second]
      await eventually(
        'they share the tasks, and each knows of both',
        async () => {
          const parts = await Promise.all(both.map(ownPart))
          const wholes = await Promise.all(both.map(streamApp))
          const isShared = parts.every((part) => tasksOf(part) === taskCount / 2)
          return isShared && wholes.every((app) => app.isWhole && tasksOf(app) === taskCount)
        },
        longWait,
      )
      assert.equal((await ownPart(first)).isWhole, false)
      const ids = rangeOf(501, 24)
      const placed = await shop.place(...ids)
      for (const service of both)
        await eventually(
          'either tells of all open orders',
          async () => {
            const { saga, lagRecords } = await wholeApp(service)
            return lagRecords === 0 && saga.openOrders === ids.length
          },
          longWait,
        )
      const parts = await Promise.all(both.map(ownPart))
      for (const { saga } of parts) assert.ok(saga.openOrders > 0 && saga.openOrders < ids.length)
      for (const service of both)
        assert.equal(
          (await getJson<Order>(service, '/api/orders/table/501')).body.orderId,
          '501',
          'whoever has it',
        )

      const wish = { reason: 'a test' }
      const paused = await postJson<PausingBody>(first, '/api/streams/order-saga/pause', wish)
      const states = ({ instances = [] }: PausingBody) =>
        instances.map(({ isPaused, problem }) => [isPaused, problem])
      assert.equal(paused.body.isPaused, true)
      assert.deepEqual(states(paused.body), [
        [true, null],
        [true, null],
      ])
      for (const service of both) {
        const { pausing, instances } = await wholeApp(service)
        assert.equal(pausing.isPaused, true)
        assert.deepEqual(
          pausing.acts.map(({ act, by, reason }) => [act, by, reason]),
          [['pause', 'ada', 'a test']],
          'one wish is one act, however many did it',
        )
        assert.deepEqual(
          instances.map(({ isPaused }) => isPaused),
          [true, true],
        )
        assert.deepEqual((await ownPart(service)).pausing.isPaused, true)
      }
      for (const event of placed) {
        await shop.answer(event, 'PAYMENT', 'ACCEPT')
        await shop.answer(event, 'INVENTORY', 'ACCEPT')
      }
      for (const service of both)
        await eventually(
          'both know of all that waits',
          async () => ((await streamApp(service)).lagRecords ?? 0) >= 2 * ids.length,
          longWait,
        )
      for (const id of ids) assert.deepEqual(shop.outcomes(id), [])
      // The one that was not asked first has the others go on as well.
      const alone = '/api/streams/order-saga/resume?scope=instance'
      const resumedAlone = await postJson<PausingBody>(second, alone, { reason: 'alone' }, 'bob')
      assert.deepEqual(states(resumedAlone.body), [[false, null]])
      const mixed = await wholeApp(first)
      assert.equal(mixed.pausing.isPaused, false)
      assert.deepEqual(
        mixed.instances.map(({ isThis, isPaused }) => isThis === isPaused),
        [true, true],
        'this one is paused, the other one is not',
      )
      const resume = { reason: 'enough' }
      const resumed = await postJson<PausingBody>(
        second,
        '/api/streams/order-saga/resume',
        resume,
        'bob',
      )
      assert.deepEqual(states(resumed.body), [
        [false, null],
        [false, null],
      ])
      await shop.decided(...ids)
      for (const id of ids) assert.deepEqual(shop.outcomes(id), ['CONFIRMED'])
      const ended = await eventually(
        'all verdicts are counted, wherever they were made',
        async () => {
          const app = await wholeApp(first)
          return app.saga.openOrders === 0 && app
        },
        longWait,
      )
      assert.ok((ended.saga.decided['CONFIRMED'] ?? 0) >= ids.length)
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
            const counts = [await ownPart(first), await ownPart(second)].map(tasksOf)
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

/** Each timer is found by the key that a walk told, on its order's partition. Some may end meanwhile. */
async function lookUpTimers(saga: RunningService): Promise<void> {
  for (const { key, partition } of await readStore(saga, 'due-orders/range')) {
    const rest = `due-orders/get?key=${encodeURIComponent(key)}`
    const { status, body } = await askStore(saga, rest)
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(body.key?.partition, partition, key)
    const { rows } = (await askStore(saga, `open-orders/get?key=${orderIdIn(key)}`)).body
    for (const row of rows) assert.equal(row.partition, partition, 'beside its order')
  }
}

function orderIdIn(dueKey: string): string {
  return (JSON.parse(dueKey) as { readonly orderId: string }).orderId
}

/** What the store browser of the console asks. Nothing else happens meanwhile. */
async function lookIntoStores(saga: RunningService, ids: readonly number[]): Promise<void> {
  const { stores } = await streamApp(saga)
  assert.equal(stores.find(({ name }) => name === 'orders')?.keyForm, 'integer')
  const ofTheJoin = stores.find(({ keyForm }) => keyForm === null)?.name
  const rows = await readStore(saga, 'orders/range?from=1&to=40&limit=7')
  assert.deepEqual(
    rows.map(({ key }) => Number(key)),
    ids,
  )
  for (const { key, value, timestamp } of rows) {
    assert.equal((JSON.parse(value) as Order).orderId, key)
    assert.ok(timestamp !== null)
  }
  const one = await askStore(saga, 'orders/get?key=7')
  assert.deepEqual(one.body.rows, [rows[6]])
  assert.equal(one.body.key?.partition, rows[6]?.partition)
  assert.equal(one.body.key?.owner.isThis, true)
  const none = await askStore(saga, 'orders/get?key=9999')
  assert.deepEqual(none.body.rows, [])
  assert.equal(typeof none.body.key?.partition, 'number', 'where it would be')
  const lagged = await eventually('every partition tells that nothing waits', async () => {
    const { body } = await askStore(saga, 'orders/range?limit=100')
    return body.partitions.every(({ lagRecords }) => lagRecords === 0) && body
  })
  assert.equal(lagged.partitions.length, taskCount)
  assert.deepEqual(await readStore(saga, 'open-orders/range'), [])
  const ended = await readStore(saga, 'ended-orders/range?from=1&to=40&order=desc')
  assert.deepEqual(
    ended.map(({ key }) => Number(key)),
    ids.toReversed(),
  )
  for (const { rest, status, code } of [
    ...refusedReads,
    { rest: `${ofTheJoin}/range`, ...unknownStore },
  ]) {
    const answer = await askStore(saga, rest)
    assert.deepEqual([answer.status, answer.body.code], [status, code], rest)
  }
}

const badQuery = { status: 400, code: 'MR_ORDER_SAGA_BAD_QUERY' }
const invalid = { status: 400, code: 'MR_HTTP_VALIDATION' }
const unknownStore = { status: 404, code: 'MR_ORDER_SAGA_UNKNOWN_STORE' }
const refusedReads = [
  { rest: 'nothing/range', ...unknownStore },
  { rest: 'orders/windows', ...unknownStore },
  { rest: 'orders/get?key=mug', ...badQuery },
  { rest: 'orders/get?key=99999999999999999999', ...badQuery },
  { rest: 'orders/get', ...badQuery },
  { rest: 'orders/range?key=1', ...badQuery },
  { rest: 'orders/range?after=1', ...badQuery },
  { rest: 'due-orders/get?key=1', ...badQuery },
  { rest: 'orders/range?limit=101', ...invalid },
  { rest: 'orders/range?limit=0', ...invalid },
  { rest: 'orders/range?colour=red', ...invalid },
  { rest: 'orders/windows?fromMs=noon', ...invalid },
  { rest: 'orders/find?key=1', ...invalid },
] as const

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
  const { state, topology, stores } = await streamApp(saga)
  assert.equal(state, 'WAITING')
  assert.ok(stores.some(({ name }) => name === 'orders'))
  const store = await getJson<StoreBody>(saga, storePath('orders/range'))
  assert.deepEqual([store.status, store.body.code], [503, 'MR_ORDER_SAGA_NOT_READY'])
  assert.equal(store.retryAfter, '1')
  assert.ok(topology.nodes.length > 10)
  assert.equal(await saga.isReady(), false)
})

test('order-saga: in production mode nobody without a signature looks into stores or pauses it', async () => {
  await using saga = await startService(orderSagaService, {
    overrides: {
      mode: 'production',
      port: 0,
      kafkaEnabled: false,
      // Nobody answers there.
      identityJwksUrls: ['http://127.0.0.1:1/jwks'],
    },
    logger: silentLogger,
  })
  await saga.ready
  const reading = await getJson<StoreBody>(saga, storePath('orders/range'))
  assert.equal(reading.status, 401)
  const wish = { reason: 'a test' }
  for (const act of ['pause', 'resume'])
    assert.equal((await postJson(saga, `/api/streams/order-saga/${act}`, wish)).status, 401, act)
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
