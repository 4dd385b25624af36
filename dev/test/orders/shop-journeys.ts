/** The shop's orders as the tracking service sees them, in the logs of all its databases. */
import assert from 'node:assert/strict'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { startService } from '@millrace/runtime'
import { trackingService } from '@millrace/tracking'
import type { Shop } from './shop-under-test.ts'

/** A journey, as far as a test asks. */
interface OrderJourney {
  readonly steps: readonly {
    readonly eventType: string
    readonly production: { readonly database: string; readonly status: string } | null
    readonly consumptions: readonly {
      readonly database: string
      readonly consumerGroup: string
      readonly status: string
    }[]
  }[]
}

interface ShopJourneys extends AsyncDisposable {
  /** By what an event tells of, such as an order's id; undefined while nothing is known of it. */
  journeyOf(id: string): Promise<OrderJourney | undefined>
}

/**
 * The journey of an order that was confirmed tells who wrote its events and which groups handled them, in all databases of the shop, that of the read
 * model too. Only what is written down is waited for: each group notes it with its own commit.
 */
export async function assertJourneyIsWhole(shop: Shop, orderId: string): Promise<void> {
  await using journeys = await openJourneys(shop)
  const writers = ['orders', 'payments', 'stock']
  const groups = ['orders', 'orders-read', 'payments', 'stock']
  const isWhole = async () => {
    const journey = await journeys.journeyOf(orderId)
    const steps = journey?.steps ?? []
    const wrote = new Set(steps.map(({ production }) => production?.database))
    const handled = new Set(
      steps.flatMap(({ consumptions }) =>
        consumptions.flatMap(({ consumerGroup, status }) =>
          status === 'PROCESSED' ? [consumerGroup] : [],
        ),
      ),
    )
    return (
      writers.every((each) => wrote.has(each)) &&
      groups.every((each) => handled.has(each)) && { steps }
    )
  }
  const what = `the journey of ${orderId} is whole`
  const seen = await eventually(what, isWhole, { timeoutMs: 120_000 })
  const read = seen.steps.flatMap(({ consumptions }) =>
    consumptions.filter(({ consumerGroup }) => consumerGroup === 'orders-read'),
  )
  assert.ok(read.every(({ database }) => database === 'orders-read'))
}

/** Tracking on a database of its own, looking at those of the shop under the names that `npm start` gives them. */
async function openJourneys(shop: Shop): Promise<ShopJourneys> {
  const home = await testDatabase()
  const databases = (['users', 'catalog', 'payments', 'stock', 'orders'] as const).map(
    (name) => `${name}=${shop.environmentOf(name)['DATABASE_URL']}`,
  )
  const service = await startService(trackingService, {
    overrides: {
      databaseUrl: home.url,
      databases: [...databases, `orders-read=${shop.environmentOf('orders')['READ_DATABASE_URL']}`],
      port: 0,
      kafkaEnabled: false,
      sourceTimeoutMs: 30_000,
      lookAgainMs: 100,
      alertIntervalMs: 3_600_000,
    },
    logger: silentLogger,
  })
  await service.ready
  return {
    async journeyOf(id) {
      const answer = await fetch(`${service.url}/api/tracking/journeys/${encodeURIComponent(id)}`)
      if (answer.status === 404) return undefined
      if (!answer.ok) throw new Error(`journey of ${id}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as OrderJourney
    },
    async [Symbol.asyncDispose]() {
      await service.close()
      await home[Symbol.asyncDispose]()
    },
  }
}
