import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paymentOrdersTopic, stockOrdersTopic } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends } from '@millrace/testkit'
import { readToEnd } from '../read-to-end.ts'
import { counted, settled } from './settled.ts'
import { Shop } from './shop-under-test.ts'

const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const windowMs = isLong ? 10_000 : 2_000
const lateMs = isLong ? 30_000 : 4_000

for (const backend of await kafkaBackends()) {
  test(`the shop on ${backend.name}: payments that answer long after the window still decide`, async (t) => {
    await using kafka = await backend.start()
    // Time ends no order here, however slow the machine.
    const env = { SAGA_JOIN_WINDOW: `${windowMs}ms`, SAGA_TIMEOUT: '1h' }
    await using shop = await Shop.open(kafka.brokers, env)
    const ada = await shop.customer('ada', 10_000_000)
    await shop.product('tea', 1_500, 1_000)
    await shop.setFaults('payments', { mode: 'late', delayMs: lateMs })
    let late = 0
    // On a slow machine stock may be as late, and both are joined.
    while (late < 5) {
      await placeMany(shop, ada, 5)
      const endings = await settled(shop)
      assert.equal(counted(endings, 'CONFIRMED'), endings.size)
      const waysOf = await shop.verdictWays()
      const apartMs = await answersApart(kafka.brokers)
      for (const id of endings.keys())
        if ((apartMs.get(id) ?? 0) > windowMs) assert.equal(waysOf.get(id), 'late', `order ${id}`)
      late = [...waysOf.values()].filter((way) => way === 'late').length
      t.diagnostic(`${late} of ${endings.size} decided by late answers`)
    }
  })

  test(`the shop on ${backend.name}: while stock or the payment provider is silent, orders end by time and all is given back`, async () => {
    await using kafka = await backend.start()
    const env = { SAGA_JOIN_WINDOW: '1s', SAGA_TIMEOUT: '3s' }
    await using shop = await Shop.open(kafka.brokers, env)
    const ada = await shop.customer('ada', 10_000_000)
    await shop.product('tea', 1_500, 1_000)
    const unanswered: string[] = []
    for (const silent of ['stock', 'payments'] as const) {
      await shop.setFaults(silent, { mode: 'silent' })
      unanswered.push(...(await placeMany(shop, ada, 10)))
      const endings = await settled(shop)
      for (const id of unanswered)
        assert.deepEqual(endings.get(id), { status: 'ROLLBACK', source: 'TIMEOUT' }, `order ${id}`)
      await shop.setFaults(silent, { mode: 'normal' })
    }
    // A slow machine may take longer than the time-out for some.
    await eventually(
      'orders are confirmed again',
      async () => {
        const [id = ''] = await placeMany(shop, ada, 1)
        return (await settled(shop)).get(id)?.status === 'CONFIRMED'
      },
      { timeoutMs: 300_000 },
    )
  })

  test(`the shop on ${backend.name}: what the payment provider fails at is rolled back, the rest is confirmed, and it hears of all in the end`, async (t) => {
    await using kafka = await backend.start()
    await using shop = await Shop.open(kafka.brokers, { SAGA_TIMEOUT: '1h' })
    const ada = await shop.customer('ada', 10_000_000)
    await shop.product('tea', 1_500, 1_000)
    await shop.setFaults('payments', { mode: 'fail', rate: 0.5 })
    const ids = await placeMany(shop, ada, 20)
    const endings = await settled(shop)
    const failed = counted(endings, 'ROLLBACK PAYMENT')
    t.diagnostic(`${failed} of ${endings.size} rolled back`)
    // Which ones is worked out from the id, and ids begin at 1.
    assert.ok(failed > 0 && failed < ids.length)
    assert.equal(counted(endings, 'CONFIRMED'), ids.length - failed)
    await shop.setFaults('payments', { mode: 'normal' })
    for (const id of ids) {
      const wanted = endings.get(id)?.status === 'CONFIRMED' ? 'CAPTURED' : 'RELEASED'
      await eventually(
        `order ${id} is ${wanted} with the provider`,
        async () => (await stateInPayments(shop, id)) === wanted,
        { timeoutMs: 300_000 },
      )
    }
    const [after = ''] = await placeMany(shop, ada, 1)
    assert.equal((await settled(shop)).get(after)?.status, 'CONFIRMED')
  })
}

async function stateInPayments(shop: Shop, orderId: string): Promise<string | undefined> {
  const path = `/api/payments/reservations?orderId=${orderId}`
  const { body } = await shop.request<{ readonly items: readonly { readonly state: string }[] }>(
    'payments',
    'GET',
    path,
    undefined,
  )
  return body.items[0]?.state
}

async function placeMany(shop: Shop, customer: string, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let each = 0; each < count; each++)
    ids.push(await shop.place(customer, [{ sku: 'tea', quantity: 2 }]))
  return ids
}

/** By the clock of the broker, ms: what stands between the first answers of both sides. */
async function answersApart(brokers: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const paid = await answerTimes(brokers, paymentOrdersTopic.name)
  const stocked = await answerTimes(brokers, stockOrdersTopic.name)
  return new Map(
    [...paid].map(([id, timeMs]) => [id, Math.abs(timeMs - (stocked.get(id) ?? Number.NaN))]),
  )
}

async function answerTimes(
  brokers: readonly string[],
  topic: string,
): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>()
  for await (const { value, timestampMs } of readToEnd(brokers, topic)) {
    if (value === null) continue
    const { aggregateId } = JSON.parse(value.toString('utf8')) as { readonly aggregateId: string }
    if (!times.has(aggregateId)) times.set(aggregateId, timestampMs)
  }
  return times
}
