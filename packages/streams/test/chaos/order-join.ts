import { crc32 } from 'node:zlib'
import { joinWindows, StreamsBuilder, type Topology } from '../../src/index.ts'
import { text } from '../streams-fixture.ts'

/** How far apart an order and a payment may be, ms. */
export const withinMs = 2_000

/** One more than the pairs of a customer so far, and the sum of their checksums: the same in whatever order they come. */
export interface Total {
  readonly version: number
  readonly sum: number
}

export function added(total: Total, pair: string): Total {
  return { version: total.version + 1, sum: (total.sum + crc32(pair)) >>> 0 }
}

export const noPairs: Total = { version: 0, sum: 0 }

/**
 * Orders, keyed by their number, with payments of the same customer at about the same time, and with the customer's name where there is
 * one; and how many such pairs each customer has. What comes out does not depend on the order in which the topics are read: records are
 * kept for longer than a test lasts.
 */
export function orderJoin(
  topics: Readonly<Record<string, string>>,
  type: 'memory' | 'persistent',
): Topology {
  const topic = (name: string): string => topics[name] ?? ''
  const builder = new StreamsBuilder()
  const customers = builder.table(topic('customers'), text, { name: 'customers', type })
  const payments = builder.stream(topic('payments'), text)
  const pairs = builder
    .stream(topic('orders'), text)
    .selectKey((order) => order.split(':')[0] as string, { key: text.key })
    .join(payments, (order, payment) => `${order}+${payment}`, {
      windows: joinWindows({ withinMs, graceMs: 86_400_000 }),
      name: 'paid',
      store: 'paid',
      ...text,
      leftValue: text.value,
      rightValue: text.value,
    })
    .leftJoinTable(customers, (pair, customer) => `${pair}=${customer ?? 'nobody'}`, {
      name: 'named',
      ...text,
    })
  pairs.to(topic('pairs'), text)
  pairs
    .groupByKey(text)
    .aggregate(
      () => `${noPairs.version} ${noPairs.sum}`,
      (total, pair) => {
        const next = added(totalOf(total), pair)
        return `${next.version} ${next.sum}`
      },
      { store: { name: 'totals', type, ...text } },
    )
    .toStream()
    .to(topic('totals'), text)
  return builder.build()
}

export function totalOf(written: string): Total {
  const [version, sum] = written.split(' ')
  return { version: Number(version), sum: Number(sum) }
}
