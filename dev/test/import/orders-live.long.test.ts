import { describe, test } from 'node:test'
import { kafkaBackends } from '@millrace/testkit'
import { real, whyNotReal } from './invoice-files.ts'
import { assertHistory, assertLive, withLiveShop } from './live-shop.ts'

for (const backend of await kafkaBackends())
  describe(`import of the real invoices on ${backend.name}`, () => {
    test(
      'history: their events tell the read model what their file says',
      { skip: whyNotReal },
      () => withLiveShop(backend, (shop) => assertHistory(shop, real)),
    )

    test(
      'live: all of them go through the saga and come to the same totals as their file',
      { skip: whyNotReal },
      () => withLiveShop(backend, (shop) => assertLive(shop, real)),
    )
  })
