import { after, before, describe, test } from 'node:test'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { settled } from './settled.ts'
import { assertJourneyIsWhole } from './shop-journeys.ts'
import { Shop } from './shop-under-test.ts'

for (const backend of await kafkaBackends())
  describe(`the journey of an order on ${backend.name}`, () => {
    let kafka: RunningKafka
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka.stop())

    test('it shows what orders, payments and stock wrote, and what each group made of it, the read model too', async () => {
      await using shop = await Shop.open(kafka.brokers, { SAGA_TIMEOUT: '1h' })
      const customer = await shop.customer('rich', 1_000_000)
      await shop.product('tea', 1_500, 10)
      const orderId = await shop.place(customer, [{ sku: 'tea', quantity: 1 }])
      await settled(shop)
      await assertJourneyIsWhole(shop, orderId)
    })
  })
