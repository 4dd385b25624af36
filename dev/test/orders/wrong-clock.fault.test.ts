import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '@millrace/core'
import { kafkaBackends } from '@millrace/testkit'
import { counted, settled } from './settled.ts'
import { inThisProcess, type ShopService } from './shop-parts.ts'
import { Shop } from './shop-under-test.ts'

const hourMs = 3_600_000
const restarted: readonly ShopService[] = ['payments', 'stock', 'orders', 'order-saga']

for (const backend of await kafkaBackends())
  test(`the shop on ${backend.name}: the clock of one service after the other is an hour fast, then an hour slow, and all orders are decided within window and time`, async (t) => {
    await using kafka = await backend.start()
    // Both far longer than any machine is slow, and shorter than the clocks are off.
    const env = { SAGA_JOIN_WINDOW: '20m', SAGA_TIMEOUT: '30m' }
    await using shop = await Shop.open(kafka.brokers, env)
    const ada = await shop.customer('ada', 10_000_000)
    await shop.product('tea', 1_500, 1_000)
    for (const name of restarted) {
      for (const offMs of [hourMs, -hourMs]) {
        await shop.stop(name)
        await shop.start(name, inThisProcess(clockOff(offMs)))
        for (let each = 0; each < 3; each++) await shop.place(ada, [{ sku: 'tea', quantity: 1 }])
        const endings = await settled(shop)
        assert.equal(counted(endings, 'CONFIRMED'), endings.size, `${name} is ${offMs} ms off`)
      }
      await shop.stop(name)
      await shop.start(name)
    }
    const ways = await shop.verdictWays()
    t.diagnostic(`${ways.size} orders`)
    assert.deepEqual(new Set(ways.values()), new Set(['join']))
  })

/** The wall clock is wrong, durations are right. */
function clockOff(offMs: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + offMs }
}
