/**
 * Types of keys and values on their way through the DSL. The type checker is the test: each `expectType` fails to compile where what a
 * step infers is another type, each `@ts-expect-error` where a mistake is no error any more. That the topologies are built shows that
 * what compiles also runs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  jsonSerde,
  joinWindows,
  keyValueStore,
  longSerde,
  sessionWindows,
  StreamsBuilder,
  stringSerde,
  tumblingWindows,
  type KeyValueStore,
  type KGroupedStream,
  type KStream,
  type KTable,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
  type Windowed,
} from '@millrace/streams'

/** `any` would be assignable both ways, and equals nothing here. */
type Equal<A, B> = 0 extends A & 1
  ? false
  : [A] extends [B]
    ? [B] extends [A]
      ? true
      : false
    : false

/** `expectType<Wanted>()(value)` compiles only if the value's type is the wanted one exactly: neither wider nor narrower. */
function expectType<Wanted>() {
  return <Actual>(
    _value: Actual,
    ..._equal: Equal<Actual, Wanted> extends true ? [] : [never]
  ) => {}
}

interface Order {
  readonly id: string
  readonly amount: number
}
interface Refund {
  readonly id: string
  readonly refunded: number
}
type Payment = Order | Refund

const payments = { key: stringSerde, value: jsonSerde<Payment>() }
const orders = { key: stringSerde, value: jsonSerde<Order>() }
const isOrder = (payment: Payment): payment is Order => 'amount' in payment

function built(build: (builder: StreamsBuilder) => void): void {
  const builder = new StreamsBuilder({ allowAnonymousState: true })
  build(builder)
  assert.match(builder.build().describe(), /^Topologies:\n/)
}

test('types: sources have those of their serdes, and stateless steps infer theirs from their functions', () =>
  built((builder) => {
    const stream = builder.stream('payments', payments)
    expectType<KStream<string, Payment>>()(stream)
    expectType<KStream<string, Order>>()(stream.filter(isOrder))
    expectType<KStream<string, Payment>>()(stream.filter((payment) => payment.id !== ''))
    expectType<KStream<string, Payment>>()(stream.filterNot((_, key) => key.startsWith('x')))
    expectType<KStream<string, string>>()(stream.mapValues((payment) => payment.id))
    expectType<KStream<number, string>>()(stream.map(({ id }) => [id.length, id]))
    expectType<KStream<string, string>>()(stream.flatMapValues(({ id }) => id.split('-')))
    expectType<KStream<number, string>>()(
      stream.flatMap(({ id }) => [
        [1, id],
        [id.length, id],
      ]),
    )
    expectType<KStream<number, Payment>>()(stream.selectKey(({ id }) => id.length))
    expectType<KStream<string, Payment>>()(
      stream.peek((payment, key) => {
        expectType<Payment>()(payment)
        expectType<string>()(key)
      }),
    )
    expectType<KStream<string, Payment>>()(stream.merge(builder.stream('more', payments)))
    expectType<KStream<string, Payment>>()(stream.repartition({ name: 'again' }))
    // @ts-expect-error a payment may be a refund, which has no amount
    stream.filter((payment) => payment.amount > 1)
    // @ts-expect-error a stream of orders cannot be merged with one of payments
    stream.filter(isOrder).merge(stream)
  }))

test('types: branches have the types that their predicates leave, under their names', () =>
  built((builder) => {
    const branches = builder.stream('payments', payments).split({
      name: 'split-',
      branches: { orders: isOrder, large: (payment) => payment.id.length > 9 },
      default: 'rest',
    })
    expectType<KStream<string, Order>>()(branches.orders)
    expectType<KStream<string, Payment>>()(branches.large)
    expectType<KStream<string, Payment>>()(branches.rest)
    // @ts-expect-error no branch has this name
    assert.equal(branches.others, undefined)
  }))

test('types: grouping and aggregating', () =>
  built((builder) => {
    const stream = builder.stream('orders', orders)
    const grouped = stream.groupByKey()
    expectType<KGroupedStream<string, Order>>()(grouped)
    expectType<KTable<string, number>>()(grouped.count({ store: 'counts' }))
    expectType<KTable<string, Order>>()(
      grouped.reduce((best, next) => (next.amount > best.amount ? next : best), { store: 'best' }),
    )
    const totals = grouped.aggregate(
      () => ({ total: 0 }),
      ({ total }, { amount }) => ({ total: total + amount }),
      { store: { name: 'totals', value: jsonSerde<{ total: number }>() } },
    )
    expectType<KTable<string, { total: number }>>()(totals)
    const byLength = stream.groupBy(({ id }) => id.length, { name: 'by-length', key: longSerde })
    expectType<KTable<number, number>>()(byLength.count({ store: 'by-length' }))
    // @ts-expect-error a reducer gives what it was given
    grouped.reduce((best) => best.amount, { store: 'other' })
    const textStore = { store: { name: 's', value: stringSerde } }
    const sum = (total: number, { amount }: Order) => total + amount
    // @ts-expect-error the store's values are the aggregates, not text
    grouped.aggregate(() => 0, sum, textStore)
  }))

test('types: windows put the key into a windowed key', () =>
  built((builder) => {
    const grouped = builder.stream('orders', orders).groupByKey()
    const tumbling = grouped.windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
    expectType<KTable<Windowed<string>, number>>()(tumbling.count({ store: 'tumbling' }))
    const sessions = grouped.windowedBy(sessionWindows({ gapMs: 10, graceMs: 0 }))
    expectType<KTable<Windowed<string>, number>>()(
      sessions.aggregate(
        () => 0,
        (sum, { amount }) => sum + amount,
        (left, right) => left + right,
        { store: { name: 'sessions', value: longSerde } },
      ),
    )
    tumbling
      .count({ store: 'named' })
      .toStream()
      .peek((count, { key, window }) => {
        expectType<number>()(count)
        expectType<string>()(key)
        expectType<number>()(window.startMs)
      })
  }))

test('types: tables and joins', () =>
  built((builder) => {
    const names = builder.table('names', { key: stringSerde, value: stringSerde }, 'names')
    expectType<KTable<string, string>>()(names)
    expectType<KTable<string, number>>()(names.mapValues((name) => name.length))
    const stream = builder.stream('orders', orders)
    expectType<KStream<string, string>>()(
      stream.joinTable(names, ({ id }, name) => {
        expectType<string>()(name)
        return id + name
      }),
    )
    expectType<KStream<string, string | null>>()(
      stream.leftJoinTable(names, (_, name) => {
        expectType<string | null>()(name)
        return name
      }),
    )
    const more = builder.stream('more', payments)
    const windows = joinWindows({ withinMs: 10, graceMs: 0 })
    const joined = stream.outerJoin(
      more,
      (left, right) => {
        expectType<Order | null>()(left)
        expectType<Payment | null>()(right)
        return [left?.amount, right?.id] as const
      },
      { windows, name: 'pairs', store: 'pairs' },
    )
    expectType<KStream<string, readonly [number | undefined, string | undefined]>>()(joined)
    expectType<KTable<string, Order>>()(stream.toTable({ store: 'latest' }))
    const numbers = builder.table('numbers', { key: longSerde, value: stringSerde }, 'numbers')
    // @ts-expect-error keys of one side are text, of the other numbers
    stream.joinTable(numbers, ({ id }) => id)
  }))

test('types: processors', () =>
  built((builder) => {
    const stream = builder.stream('orders', orders)
    const totals = keyValueStore({ name: 'totals', key: stringSerde, value: longSerde })
    class Totals implements Processor<string, Order, number, string> {
      #context!: ProcessorContext<number, string>
      init(context: ProcessorContext<number, string>): void {
        this.#context = context
        expectType<KeyValueStore<string, number>>()(context.store(totals))
      }
      process(record: StreamRecord<string, Order>): void {
        this.#context.forward({ ...record, key: record.value.amount, value: record.key })
        // @ts-expect-error the value is to be text
        this.#context.forward({ ...record, key: 1 })
      }
    }
    expectType<KStream<number, string>>()(
      stream.process(() => new Totals(), { name: 'totals', stores: [totals] }),
    )
    expectType<KStream<string, number>>()(
      stream.processValues<number>(
        () => ({
          process(record) {
            expectType<Order>()(record.value)
          },
        }),
        { name: 'amounts' },
      ),
    )
    const refunds = builder.stream('refunds', { key: stringSerde, value: jsonSerde<Refund>() })
    // @ts-expect-error a processor of orders cannot take refunds
    refunds.process(() => new Totals(), { name: 'wrong' })
  }))

test('types: sinks want serdes of the stream', () =>
  built((builder) => {
    const stream = builder.stream('orders', orders)
    stream.to('out', { value: jsonSerde<Order>() })
    stream.to((order, key) => `${order.id}${key}`)
    // @ts-expect-error orders are not text
    stream.to('out', { value: stringSerde, name: 'wrong' })
  }))

test('types: the README’s examples are inferred from their serdes alone', () => {
  built((builder) => {
    const words = builder
      .stream('lines', { key: stringSerde, value: stringSerde })
      .flatMapValues((line) => line.toLowerCase().split(' '))
    expectType<KStream<string, string>>()(words)
    const counts = words
      .groupBy((word) => word, { name: 'words', key: stringSerde, value: stringSerde })
      .count({ store: 'counts' })
    expectType<KTable<string, number>>()(counts)
    // @ts-expect-error counts are numbers
    counts.toStream().to('word-counts', { value: stringSerde })
  })
  built((builder) => {
    const refunds = builder
      .stream('refunds', { key: stringSerde, value: jsonSerde<Refund>() })
      .selectKey((refund) => refund.id)
    const joined = builder
      .stream('orders', orders)
      .leftJoin(refunds, (order, refund) => ({ ...order, refunded: refund?.refunded }), {
        windows: joinWindows({ withinMs: 10_000, graceMs: 0 }),
        name: 'refunded',
        store: 'refunded',
        rightValue: jsonSerde<Refund>(),
      })
    expectType<KStream<string, { refunded: number | undefined; id: string; amount: number }>>()(
      joined,
    )
    // @ts-expect-error the right side of a left join may be absent
    builder.stream('others', orders).leftJoin(refunds, (_, refund) => refund.refunded, {
      windows: joinWindows({ withinMs: 10_000, graceMs: 0 }),
      name: 'other',
      store: 'other',
      rightValue: jsonSerde<Refund>(),
    })
  })
})
