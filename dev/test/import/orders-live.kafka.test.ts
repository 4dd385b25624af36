import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { kafkaBackends } from '@millrace/testkit'
import { importOrders } from '../../src/import/import-orders.ts'
import { sample } from './invoice-files.ts'
import { assertHistory, assertLive, withLiveShop } from './live-shop.ts'

for (const backend of await kafkaBackends())
  describe(`import of invoices as live orders on ${backend.name}`, () => {
    test('live: an own sample goes through the saga and comes to the same totals as its file; money and goods for it are given once', () =>
      withLiveShop(backend, async (shop) => {
        await assertLive(shop, sample)
        const again = await importOrders({ path: sample, client: shop.client, as: 'live' })
        assert.deepEqual([again.created, again.refused], [0, 0])
        await assertLive(shop, sample)
      }))

    test('history: the events of an own sample tell the read model what its file says, and the saga nothing', () =>
      withLiveShop(backend, (shop) => assertHistory(shop, sample)))
  })
