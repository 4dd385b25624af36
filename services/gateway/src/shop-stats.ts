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
export function readShop({ orders, payments, stock, saga: told }: ShopStats): ShopFigures {
  const saga = wholeSaga(told)
  const open = objectOf(orders?.['open'])
  const waiting = [orders?.['events'], payments?.['answers'], stock?.['answers']].map(objectOf)
  return {
    totals: {
      // Ids ascend by one. Imported cancellations draw from the same sequence, and what is taken back leaves its id unused, so this is no
      // count of orders, but one that costs nothing.
      placed: numberOf(orders?.['lastOrderId']),
      paymentAnswers: numberOf(objectOf(payments?.['answers'])?.['published']),
      stockAnswers: numberOf(objectOf(stock?.['answers'])?.['published']),
      decided: sumOfAll(objectOf(saga?.['saga'])?.['decided']),
    },
    openOrders: numberOf(open?.['count']),
    isOpenCut: flagOf(open?.['isCut']),
    oldestOpenAgeMs: numberOf(open?.['oldestAgeMs']),
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

/** Topics of the shop as the saga and both consumers of orders have read them: of each partition, as the slowest whose lag is known. */
export function shopTopics({ orders, saga }: Pick<ShopStats, 'orders' | 'saga'>): OverviewTopic[] {
  const joined = listOf(wholeSaga(saga)?.['threads'])
    .flatMap((thread) => listOf(objectOf(thread)?.['tasks']))
    .flatMap((task) => listOf(objectOf(task)?.['partitions']))
  return topicsFrom([...joined, ...listOf(orders?.['partitions'])])
}

/** An instance of the saga tells of all of them. Where one of several did not answer, what it tells is a part, and the whole is not known. */
function wholeSaga(saga: StatsAnswer): StatsAnswer {
  return listOf(saga?.['instances']).length > 1 && saga?.['isWhole'] !== true ? null : saga
}

/** Null as soon as one is not known. */
function sumOf(values: readonly (number | null)[]): number | null {
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0)
}

function sumOfAll(counts: unknown): number | null {
  const object = objectOf(counts)
  return object === null ? null : sumOf(Object.values(object).map(numberOf))
}

function flagOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
