import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { counted, settled } from './settled.ts'
import { Shop } from './shop-under-test.ts'

for (const backend of await kafkaBackends())
  describe(`the shop on ${backend.name}`, () => {
    let kafka: RunningKafka
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka.stop())

    test('orders of all kinds end as their answers say, money and goods are conserved, and everything delivered twice changes nothing', async (t) => {
      const seed = Date.now() % 1_000_000
      t.diagnostic(`seed ${seed}`)
      const random = seededRandom(seed)
      await using shop = await Shop.open(kafka.brokers)
      const customers = [
        await shop.customer('rich', 10_000_000),
        await shop.customer('poor', 9_000),
      ]
      await shop.product('tea', 1_500, 1_000)
      await shop.product('rare', 2_000, 5)
      for (let each = 0; each < 30; each++) {
        const customer = customers[each % 2] as string
        const sku = randomInt(random, 3) === 0 ? 'rare' : 'tea'
        const id = await shop.place(customer, [{ sku, quantity: 1 + randomInt(random, 3) }])
        if (randomInt(random, 6) === 0) await shop.cancel(id)
      }
      const endings = await settled(shop)
      assert.ok(counted(endings, 'CONFIRMED') > 0)
      assert.ok(counted(endings, 'CONFIRMED') < endings.size, 'the poor cannot have them all')
      await shop.deliverAllAgain()
      const marked = await shop.place(customers[0] as string, [{ sku: 'tea', quantity: 1 }])
      const again = await settled(shop)
      assert.equal(again.get(marked)?.status, 'CONFIRMED')
      again.forEach((ending, id) => {
        if (id !== marked) assert.deepEqual(ending, endings.get(id))
      })
    })
  })
