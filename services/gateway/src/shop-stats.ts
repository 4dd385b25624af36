import type { OverviewShop, OverviewTopic } from './overview.ts'
import { numberOf, objectOf, topicsFrom, type StatsAnswer } from './service-stats.ts'

/** What the services of the shop say of themselves; null where one does not answer. */
export interface ShopStats {
  readonly orders: StatsAnswer
  readonly payments: StatsAnswer
  readonly stock: StatsAnswer
  /** The stream app's page of facts. */
  readonly saga: StatsAnswer
}

/** What can be read at one moment; rates need two of them. */
export type ShopFigures = Omit<OverviewShop, 'rates'>

/** Reads the figures of the shop; whatever is absent or not a number is null, since unknown is not 0. */
export function readShop({ orders, payments, stock, saga }: ShopStats): ShopFigures {
  const waiting = [orders?.['events'], payments?.['answers'], stock?.['answers']].map(objectOf)
  return {
    totals: {
      // Ids of orders ascend by one.
      placed: numberOf(orders?.['lastOrderId']),
      paymentAnswers: numberOf(objectOf(payments?.['answers'])?.['published']),
      stockAnswers: numberOf(objectOf(stock?.['answers'])?.['published']),
      decided: sumOfAll(objectOf(saga?.['saga'])?.['decided']),
    },
    openOrders: numberOf(objectOf(orders?.['open'])?.['count']),
    oldestOpenAgeMs: numberOf(objectOf(orders?.['open'])?.['oldestAgeMs']),
    pending: sumOf(waiting.map((each) => numberOf(each?.['pending']))),
    failed: sumOf(waiting.map((each) => numberOf(each?.['failed']))),
    lagRecords: {
      payments: numberOf(objectOf(payments?.['consumer'])?.['lagRecords']),
      stock: numberOf(objectOf(stock?.['consumer'])?.['lagRecords']),
      'order-saga': numberOf(saga?.['lagRecords']),
      'orders-read': numberOf(objectOf(orders?.['readModel'])?.['lagRecords']),
    },
  }
}

/** Topics of the shop: those that the saga joins as the saga has read them, the others as orders has. */
export function shopTopics({ orders, saga }: Pick<ShopStats, 'orders' | 'saga'>): OverviewTopic[] {
  const joined = topicsFrom(
    listOf(saga?.['threads'])
      .flatMap((thread) => listOf(objectOf(thread)?.['tasks']))
      .flatMap((task) => listOf(objectOf(task)?.['partitions'])),
  )
  const others = topicsFrom(listOf(orders?.['partitions'])).filter(
    ({ name }) => !joined.some((topic) => topic.name === name),
  )
  return [...joined, ...others]
}

/** Null as soon as one is not known. */
function sumOf(values: readonly (number | null)[]): number | null {
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0)
}

function sumOfAll(counts: unknown): number | null {
  const object = objectOf(counts)
  return object === null ? null : sumOf(Object.values(object).map(numberOf))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
