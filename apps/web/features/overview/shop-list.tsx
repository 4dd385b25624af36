import { count, rate } from '../../lib/format.ts'
import { FlowStop } from './flow-stop.tsx'
import type { Overview, PartName } from './model.ts'
import { topicLag } from './shop.ts'
import type { ShopTopicName } from './shop-geometry.ts'

/** The map of the shop as a list. Same figures, in the order of an order's way. */
export function ShopList(props: { readonly overview: Overview }) {
  const { overview } = props
  const { rates } = overview.shop
  const part = (name: PartName, edge: string) => (
    <FlowStop title={name} part={name} overview={overview} edge={edge} />
  )
  const topic = (name: ShopTopicName, edge: string) => (
    <FlowStop
      title={name}
      note={`topic, lag ${count(topicLag(overview, name), 'record')}`}
      edge={edge}
    />
  )
  return (
    <ol className="flow-list">
      {part('users', 'tells of people')}
      {topic('user-events', 'read by orders')}
      {part('catalog', 'tells of products')}
      {topic('product-events', 'read by orders')}
      {part('orders', `${rate(rates.placed)} placed`)}
      {topic('orders', 'read by payments, stock and the saga')}
      {part('payments', `${rate(rates.paymentAnswers)} answered`)}
      {topic('payment-orders', 'read by the saga')}
      {part('stock', `${rate(rates.stockAnswers)} answered`)}
      {topic('stock-orders', 'read by the saga')}
      {part('order-saga', `${rate(rates.decided)} decided, back on orders`)}
      {topic('order-events', 'read by the read model')}
    </ol>
  )
}
