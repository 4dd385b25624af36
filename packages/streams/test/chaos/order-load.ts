import assert from 'node:assert/strict'
import { randomInt, systemClock, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, type KafkaOptions, type Producer } from '@millrace/kafka'
import { createTopics, readCommitted, uniqueName } from '../streams-fixture.ts'
import type { AppLoad } from './app-load.ts'
import { added, noPairs, totalOf, withinMs, type Total } from './order-join.ts'

const customers = Array.from({ length: 30 }, (_, index) => `customer${index}`)
const recordsPerWrite = 10
/** Event time between two records; each record has one of its own, so that no two of a customer are at the same time. */
const stepMs = 20

interface Entry {
  readonly value: string
  readonly timestampMs: number
  readonly phase: number
}

/**
 * Orders and payments at random, and names of customers, which change only between phases, when all that was written is done: so each pair
 * has the name of the phase in which its later half was written, and the batch below is exact.
 */
export class OrderLoad implements AppLoad {
  readonly app = 'orders'
  readonly applicationId = uniqueName('orders')
  readonly topics = {
    orders: uniqueName('orders'),
    payments: uniqueName('payments'),
    customers: uniqueName('customers'),
    pairs: uniqueName('pairs'),
    totals: uniqueName('totals'),
  }
  readonly watchedTopic = this.topics.pairs
  readonly stores = ['customers', 'totals']
  expectedCount = 0
  readonly #kafka: KafkaOptions
  readonly #random: Random
  readonly #entries = {
    orders: new Map<string, Entry[]>(),
    payments: new Map<string, Entry[]>(),
  }
  /** Names by customer, of each phase. */
  readonly #phases: Map<string, string>[] = [new Map()]
  #sequence = 0
  /** Event time goes faster than the clock and is not to overtake it; brokers delete what is older than a week. */
  readonly #beginMs = systemClock.now() - 6 * 3_600_000

  constructor(kafka: KafkaOptions, random: Random) {
    this.#kafka = kafka
    this.#random = random
  }

  static async prepare(kafka: KafkaOptions, random: Random): Promise<OrderLoad> {
    const load = new OrderLoad(kafka, random)
    await createTopics(kafka, 4, ...Object.values(load.topics))
    return load
  }

  async write(producer: Producer): Promise<void> {
    const { topics } = this
    const made = Array.from({ length: 2 * recordsPerWrite }, (_, index) => this.#make(index))
    // Out of order, by half a second at most.
    const mixed = made
      .map((each) => ({ each, at: randomInt(this.#random, 1_000) }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ each }) => each)
    await producer.send(
      mixed.map(({ side, customer, entry }) => ({
        topic: topics[side],
        key: side === 'orders' ? entry.value : customer,
        value: entry.value,
        timestampMs: entry.timestampMs,
      })),
    )
    for (const { side, customer, entry } of made) this.#take(side, customer, entry)
  }

  /** Some customers get a name, another one, or lose it. */
  async between(producer: Producer, settled: () => Promise<void>): Promise<void> {
    await settled()
    const names = new Map(this.#phases.at(-1))
    const changes = customers.filter(() => randomInt(this.#random, 3) === 0)
    const topic = this.topics.customers
    await producer.send(
      changes.map((customer) => {
        const name = randomInt(this.#random, 4) === 0 ? null : `${customer}-${this.#phases.length}`
        if (name === null) names.delete(customer)
        else names.set(customer, name)
        return { topic, key: customer, value: name }
      }),
    )
    await using admin = await createAdmin(this.#kafka)
    await eventually(
      'names are read, and committed',
      async () => {
        const rows = await admin.groupLag(this.applicationId, [topic])
        return rows.every(({ lagRecords }) => lagRecords === 0)
      },
      { timeoutMs: 240_000, everyMs: 200 },
    )
    this.#phases.push(names)
  }

  async assertExact(kafka: KafkaOptions): Promise<void> {
    const expected = this.#pairs()
    const pairs = new Map<string, string[]>()
    for (const { key, value } of await readCommitted(kafka, this.topics.pairs))
      pairs.set(key, [...(pairs.get(key) ?? []), String(value)])
    for (const customer of customers)
      assert.deepEqual(
        (pairs.get(customer) ?? []).toSorted(),
        (expected.get(customer) ?? []).toSorted(),
        `each pair of ${customer} is there once`,
      )
    const totals = new Map<string, Total[]>()
    for (const { key, value } of await readCommitted(kafka, this.topics.totals))
      totals.set(key, [...(totals.get(key) ?? []), totalOf(String(value))])
    for (const [customer, each] of expected) {
      const versions = (totals.get(customer) ?? []).map(({ version }) => version)
      assert.deepEqual(
        versions,
        each.map((_, index) => index + 1),
        `each total of ${customer} is there once and in order`,
      )
      assert.deepEqual(totals.get(customer)?.at(-1), each.reduce(added, noPairs))
    }
  }

  #make(index: number) {
    const sequence = this.#sequence++
    const customer = customers[randomInt(this.#random, customers.length)] as string
    const side = index % 2 === 0 ? ('orders' as const) : ('payments' as const)
    const entry: Entry = {
      value: `${customer}:${side}${sequence}`,
      timestampMs: this.#beginMs + sequence * stepMs,
      phase: this.#phases.length - 1,
    }
    return { side, customer, entry }
  }

  #take(side: 'orders' | 'payments', customer: string, entry: Entry): void {
    const own = this.#entries[side]
    const others = this.#entries[side === 'orders' ? 'payments' : 'orders'].get(customer) ?? []
    this.expectedCount += others.filter((other) => isPair(entry, other)).length
    own.set(customer, [...(own.get(customer) ?? []), entry])
  }

  #pairs(): ReadonlyMap<string, readonly string[]> {
    const pairs = new Map<string, readonly string[]>()
    for (const [customer, orders] of this.#entries.orders) {
      const payments = this.#entries.payments.get(customer) ?? []
      const own = orders.flatMap((order) =>
        payments
          .filter((payment) => isPair(order, payment))
          .map((payment) => {
            const names = this.#phases[Math.max(order.phase, payment.phase)]
            return `${order.value}+${payment.value}=${names?.get(customer) ?? 'nobody'}`
          }),
      )
      if (own.length > 0) pairs.set(customer, own)
    }
    return pairs
  }
}

function isPair(a: Entry, b: Entry): boolean {
  return Math.abs(a.timestampMs - b.timestampMs) <= withinMs
}
