import { count, duration, rate } from '../../lib/format.ts'
import type { Overview } from './model.ts'
import type { ShopTopicName } from './shop-geometry.ts'

/** How far the slowest of a topic's readers is behind, in records; null as soon as one of them is not known. */
export function topicLag({ topics, shop }: Overview, name: ShopTopicName): number | null {
  const partitions = topics.find((topic) => topic.name === name)?.partitions ?? []
  const ofSaga = partitions.map(({ lagRecords }) => lagRecords)
  const summed = partitions.length === 0 ? null : sumOf(ofSaga)
  // The saga's partitions tell of the saga; payments and stock read nothing else, so theirs is told as one figure.
  return name === 'orders'
    ? largestOf([summed, shop.lagRecords.payments, shop.lagRecords.stock])
    : summed
}

/** The shop in one sentence, for those who cannot see its map. */
export function shopSummaryOf({ shop }: Overview): string {
  const { rates, openOrders, oldestOpenAgeMs } = shop
  const open =
    openOrders === null
      ? 'open orders are not known'
      : openOrders === 0
        ? 'no order is open'
        : `${count(openOrders, 'order')} open, the oldest for ${duration(oldestOpenAgeMs)}`
  return `Orders placed ${rate(rates.placed)}, answered by payments ${rate(rates.paymentAnswers)} and by stock ${rate(rates.stockAnswers)}, decided ${rate(rates.decided)}; ${open}.`
}

function sumOf(values: readonly (number | null)[]): number | null {
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0)
}

function largestOf(values: readonly (number | null)[]): number | null {
  return values.reduce(
    (largest, value) => (largest === null || value === null ? null : Math.max(largest, value)),
    0,
  )
}
