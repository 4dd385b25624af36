import { absent, count, duration, integer, rate } from '../../lib/format.ts'
import type { Overview, Shop } from './model.ts'
import type { ShopTopicName } from './shop-geometry.ts'

/** How far the slowest of a topic's readers is behind, in records; null as soon as one of them is not known. */
export function topicLag({ topics, shop }: Overview, name: ShopTopicName): number | null {
  const partitions = topics.find((topic) => topic.name === name)?.partitions ?? []
  const lags = partitions.map(({ lagRecords }) => lagRecords)
  const summed = partitions.length === 0 ? null : sumOf(lags)
  if (name !== 'orders') return summed
  const { payments, stock, 'order-saga': saga } = shop.lagRecords
  // Partitions tell of those readers that are known, so whether the saga is among them is to be seen elsewhere.
  if (saga === null) return null
  // Payments and stock read nothing else, so theirs is told as one figure.
  return largestOf([summed, payments, stock])
}

/** `2 orders`, or `100,000 or more orders` where they were not counted further. */
export function openText({ openOrders, isOpenCut }: Shop): string {
  if (openOrders === null) return absent
  return isOpenCut ? `${integer(openOrders)} or more orders` : count(openOrders, 'order')
}

/** The shop in one sentence, for those who cannot see its map. */
export function shopSummaryOf({ shop }: Overview): string {
  const { rates, openOrders, oldestOpenAgeMs } = shop
  const open =
    openOrders === null
      ? 'open orders are not known'
      : openOrders === 0
        ? 'no order is open'
        : `${openText(shop)} open, the oldest for ${duration(oldestOpenAgeMs)}`
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
