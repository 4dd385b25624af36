import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { copyAllRecords, rewindAllGroups, untilAllTaken } from './deliver-again.ts'
import { counted, settled } from './settled.ts'
import { shopServices } from './shop-parts.ts'
import { Shop } from './shop-under-test.ts'

for (const backend of await kafkaBackends())
  describe(`the shop on ${backend.name}`, () => {
    let kafka: RunningKafka
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka.stop())

    test('orders of all kinds end as their answers say, money and goods are conserved; then every group reads everything once more, and a copy of everything, and nothing changes', async (t) => {
      const seed = Date.now() % 1_000_000
      t.diagnostic(`seed ${seed}`)
      const random = seededRandom(seed)
      await using shop = await Shop.open(kafka.brokers, { SAGA_TIMEOUT: '1h' })
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
      const idsBefore = await eventIds(shop)

      for (const name of shopServices) await shop.stop(name)
      await rewindAllGroups(kafka.brokers)
      await copyAllRecords(kafka.brokers)
      for (const name of shopServices) await shop.start(name)
      await untilAllTaken(kafka.brokers)

      assert.deepEqual(await settled(shop), endings)
      assert.deepEqual(await eventIds(shop), idsBefore)
      const after = await shop.place(customers[0] as string, [{ sku: 'tea', quantity: 1 }])
      assert.equal((await settled(shop)).get(after)?.status, 'CONFIRMED')
    })
  })

/** What was ever said on the topics of the saga, however often. */
async function eventIds(shop: Shop): Promise<ReadonlySet<string>> {
  const events = Object.values(await shop.topics()).flat()
  return new Set(events.map(({ eventId }) => eventId))
}
