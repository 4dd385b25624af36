/** What one shop is put through: orders at an even pace, and then as many as it takes. */
import { inspect } from 'node:util'
import { systemClock } from '@millrace/core'
import { startChild, type BenchChild } from '../child.ts'
import { percentile, type Metric } from '../result.ts'
import { EndingObserver } from './ending-observer.ts'
import type { BurstAnswer, BurstRequest, PacedRequest, PlacedOrder } from './load.ts'
import type { OrdersRun } from './run.ts'
import { Shop, type PartUsage, type SystemName } from './shop.ts'

/** Requests under way at once in a burst. */
const burstClients = 64
const patienceMs = 300_000
/** Orders of all loads of one shop are numbered through; so many are set aside for each. */
const numbersPerLoad = 1_000_000

export const burstCase = 'burst'
export const latencyCaseOf = (perSecond: number): string => `latency ${perSecond}/s`

/** @param folder of this shop alone */
export async function measureShop(run: OrdersRun, name: SystemName, folder: string): Promise<void> {
  await using shop = await Shop.open(name, folder)
  const load = startChild(new URL('./load.ts', import.meta.url), {})
  try {
    const measured = new MeasuredShop(run, name, shop, load)
    await measured.warmUp()
    for (const perSecond of run.sizes.perSecond)
      if (run.isAsked(latencyCaseOf(perSecond))) await measured.latency(perSecond)
    if (run.isAsked(burstCase)) await measured.burst()
  } finally {
    await load.stop()
  }
}

class MeasuredShop {
  readonly #run: OrdersRun
  readonly #name: SystemName
  readonly #shop: Shop
  readonly #load: BenchChild
  #loads = 0

  constructor(run: OrdersRun, name: SystemName, shop: Shop, load: BenchChild) {
    this.#run = run
    this.#name = name
    this.#shop = shop
    this.#load = load
  }

  /** Connections, prepared statements, compiled code. */
  async warmUp(): Promise<void> {
    await this.#burst(this.#run.sizes.warmUpOrders)
    await this.#untilAllIsMoved()
  }

  async latency(perSecond: number): Promise<void> {
    const observer = new EndingObserver(this.#shop.databaseOf('orders'))
    this.#load.onEvent((order) => observer.expect(order as PlacedOrder))
    await this.#load.call('paced', {
      ordersUrl: this.#shop.urlOf('orders'),
      from: this.#nextNumbers(),
      perSecond,
      seconds: this.#run.sizes.latencySeconds,
    } satisfies PacedRequest)
    const { answer, end } = await observer.latencies()
    for (const [what, latencies] of [
      ['POST', answer],
      ['POST to CONFIRMED', end],
    ] as const)
      for (const [metric, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const)
        this.#add(
          `${latencyCaseOf(perSecond)}, ${what}`,
          metric,
          'ms',
          percentile(latencies, share),
        )
    await this.#untilAllIsMoved()
  }

  /**
   * From the first request until no order is NEW; and until payments and stock have booked the last of it, which ours do beside and after
   * the verdicts. CPU is of all that, and so is what the parts need at rest.
   */
  async burst(): Promise<void> {
    const { burstOrders } = this.#run.sizes
    const before = this.#shop.usage()
    const { startedAtMs, latenciesMs } = await this.#burst(burstOrders)
    const rate = (untilMs: number): number => (burstOrders / (untilMs - startedAtMs)) * 1_000
    await this.#until('orders', `select from customer_order where status = 'NEW' limit 1`)
    this.#add(burstCase, 'throughput', 'orders/s', rate(nowMs()))
    await this.#untilAllIsMoved()
    this.#add(`${burstCase}, all booked`, 'throughput', 'orders/s', rate(nowMs()))
    this.#add(`${burstCase}, POST`, 'p50', 'ms', percentile(latenciesMs, 0.5))
    this.#add(`${burstCase}, POST`, 'p99', 'ms', percentile(latenciesMs, 0.99))
    this.#addUsage(burstOrders, before, this.#shop.usage())
  }

  #addUsage(
    orders: number,
    before: ReadonlyMap<string, PartUsage>,
    after: ReadonlyMap<string, PartUsage>,
  ): void {
    let sum = 0
    for (const [part, { cpuSeconds, maxRssMb }] of after) {
      const used = cpuSeconds - (before.get(part)?.cpuSeconds ?? 0)
      sum += used
      this.#add(`${burstCase}, ${part}`, 'cpu', 'ms/order', (used / orders) * 1_000)
      if (maxRssMb !== undefined) this.#add(`${burstCase}, ${part}`, 'rss', 'MB', maxRssMb)
    }
    if (after.size > 0)
      this.#add(`${burstCase}, all parts`, 'cpu', 'ms/order', (sum / orders) * 1_000)
  }

  #burst(count: number): Promise<BurstAnswer> {
    return this.#load.call<BurstAnswer>('burst', {
      ordersUrl: this.#shop.urlOf('orders'),
      from: this.#nextNumbers(),
      count,
      clients: burstClients,
    } satisfies BurstRequest)
  }

  async #untilAllIsMoved(): Promise<void> {
    await this.#until('orders', `select from customer_order where status = 'NEW' limit 1`)
    await this.#until(
      'payments',
      `select from payment_reservation where state not in ('CAPTURED', 'RELEASED', 'REFUSED', 'CLOSED') limit 1`,
    )
    await this.#until(
      'stock',
      `select from stock_reservation where state not in ('TAKEN', 'RELEASED', 'REFUSED', 'CLOSED') limit 1`,
    )
    // Every load can be paid for and is in stock: had one ended otherwise, it would not be the work that is compared.
    const { rows } = await this.#shop
      .databaseOf('orders')
      .query(
        `select order_id, status, source from customer_order where status <> 'CONFIRMED' limit 1`,
      )
    if (rows.length > 0) throw new Error(`${this.#name}: ended otherwise: ${inspect(rows[0])}`)
  }

  /** Until the query finds nothing. */
  async #until(service: string, query: string): Promise<void> {
    const database = this.#shop.databaseOf(service)
    const deadlineMs = performance.now() + patienceMs
    while ((await database.query(query)).rowCount > 0) {
      if (performance.now() > deadlineMs)
        throw new Error(`${this.#name}: after ${patienceMs} ms there is still something: ${query}`)
      await systemClock.sleep(10)
    }
  }

  #add(caseName: string, metric: Metric, unit: string, value: number): void {
    this.#run.results.add(caseName, this.#name, metric, unit, value)
  }

  #nextNumbers(): number {
    return this.#loads++ * numbersPerLoad
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
