import { absent, count, duration, rate } from '../../lib/format.ts'
import { type Figure, pendingText, Strip, toneAbove } from './figures-strip.tsx'
import { type Overview, rateWindowMs } from './model.ts'
import { openText } from './shop.ts'

/** An order that is open for longer waits for more than the window of its join. */
const longOpenMs = 15_000

/** How orders are: what moves, what waits, what failed. */
export function ShopFigures(props: {
  readonly overview: Overview
  readonly placed: readonly (number | null)[]
  readonly decided: readonly (number | null)[]
}) {
  const { shop } = props.overview
  const window = `mean of the last ${rateWindowMs / 1000} s`
  const figures: readonly Figure[] = [
    {
      label: 'placed',
      value: rate(shop.rates.placed),
      hint: `Orders placed, ${window}`,
      series: props.placed,
    },
    {
      label: 'decided',
      value: rate(shop.rates.decided),
      hint: `Orders decided by the saga, ${window}`,
      series: props.decided,
    },
    {
      label: 'open',
      value: openText(shop),
      hint: 'Orders without a verdict',
    },
    {
      label: 'oldest open',
      value: shop.openOrders === 0 ? 'none' : duration(shop.oldestOpenAgeMs),
      hint: 'Age of the oldest order without a verdict',
      ...toneAbove(shop.oldestOpenAgeMs, longOpenMs, 'attention'),
    },
    {
      label: 'events pending',
      value: pendingText(shop.pending),
      hint: 'Events of orders, payments and stock that are written, not yet published',
      ...toneAbove(shop.pending, 100, 'attention'),
    },
    {
      label: 'events failed',
      value: shop.failed === null ? absent : count(shop.failed, 'event'),
      hint: 'Events of orders, payments and stock that could not be published, now',
      ...toneAbove(shop.failed, 0, 'bad'),
    },
  ]
  return <Strip figures={figures} />
}
