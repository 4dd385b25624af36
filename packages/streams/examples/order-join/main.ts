import { joinWindows, jsonSerde, StreamsApp, StreamsBuilder, stringSerde } from '@millrace/streams'

interface Order {
  readonly orderId: string
  readonly total: number
}
interface Payment {
  readonly orderId: string
  readonly amount: number
}

const builder = new StreamsBuilder()
const orders = builder.stream('orders', { key: stringSerde, value: jsonSerde<Order>() })
const payments = builder
  .stream('payments', { key: stringSerde, value: jsonSerde<Payment>() })
  .selectKey((payment) => payment.orderId)
orders
  .leftJoin(
    payments,
    (order, payment) => ({ ...order, isPaid: payment !== null && payment.amount >= order.total }),
    {
      windows: joinWindows({ beforeMs: 0, afterMs: 10_000, graceMs: 1_000 }),
      name: 'paid',
      store: 'paid',
      key: stringSerde,
      leftValue: jsonSerde<Order>(),
      rightValue: jsonSerde<Payment>(),
    },
  )
  .to('order-states', { key: stringSerde, value: jsonSerde() })

const app = new StreamsApp({
  applicationId: 'order-join',
  brokers: [process.env['KAFKA_BROKER'] ?? 'localhost:9092'],
  topology: builder.build(),
  guarantee: 'exactly_once_v2',
  stateDir: 'state',
})
await app.start()
process.once('SIGTERM', () => void app.close())
