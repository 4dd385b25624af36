import { randomInt, seededRandom, systemClock, uuidv7, type Random } from '@millrace/core'
import type { Order } from '@millrace/contracts'
import type { AskedOrder } from './shop-checker.ts'
import type { Answered, Shop } from './shop-under-test.ts'

export interface CustomersOptions {
  readonly shop: Shop
  readonly seed: number
  /** Ids of customers; each orders on its own, one order at a time. */
  readonly customers: readonly string[]
  readonly skus: readonly string[]
  /** Pause of each between two orders, ms. */
  readonly pauseMs: number
}

/** How long one request is repeated. */
const answerTimeoutMs = 300_000
const attemptTimeoutMs = 60_000

/** Customers who order, and now and then cancel, until they are stopped; a request without an answer is made again, as the same. */
export class ShopCustomers implements AsyncDisposable {
  readonly #options: CustomersOptions
  readonly #stop = new AbortController()
  readonly #people: Promise<unknown>
  /** Requests that had to be made again. */
  repeated = 0
  /** How often such a one was answered so; 0: nobody answered. */
  readonly answeredWith = new Map<number, number>()
  #failure: unknown

  constructor(options: CustomersOptions) {
    this.#options = options
    this.#people = Promise.all(
      options.customers.map((id, index) =>
        this.#act(id, seededRandom(options.seed * 1_000 + index)),
      ),
    ).catch((error: unknown) => (this.#failure = error))
  }

  /** Waits until so many orders have been answered, of all that were placed. */
  async untilPlaced(count: number): Promise<void> {
    while (this.#options.shop.record.orders.size < count) {
      if (this.#failure !== undefined) throw this.#failure
      await systemClock.sleep(20)
    }
  }

  /** Resolves when each has its last answer. */
  async stop(): Promise<void> {
    await this[Symbol.asyncDispose]()
    if (this.#failure !== undefined) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#people
  }

  async #act(customerId: string, random: Random): Promise<void> {
    const { skus, pauseMs } = this.#options
    while (!this.#stop.signal.aborted) {
      const sku = skus[randomInt(random, skus.length)] as string
      const orderId = await this.#place(customerId, [{ sku, quantity: 1 + randomInt(random, 3) }])
      if (randomInt(random, 8) === 0) await this.#cancel(customerId, orderId)
      await systemClock.sleep(randomInt(random, 2 * pauseMs), this.#stop.signal).catch(() => {})
    }
  }

  async #place(customerId: string, lines: AskedOrder['lines']): Promise<string> {
    const headers = { 'x-user-id': customerId, 'idempotency-key': uuidv7() }
    const body = { items: lines }
    const { orderId, totalMills } = await this.#untilAnswered<Order>(
      '/api/orders',
      body,
      headers,
      [201],
    )
    this.#options.shop.record.orders.set(orderId, { customerId, lines, totalMills })
    return orderId
  }

  /** 409: it ended before. */
  async #cancel(customerId: string, orderId: string): Promise<void> {
    this.#options.shop.record.cancelsAsked.add(orderId)
    const path = `/api/orders/${orderId}/cancel`
    await this.#untilAnswered(path, {}, { 'x-user-id': customerId }, [202, 409])
  }

  async #untilAnswered<T>(
    path: string,
    body: object,
    headers: Readonly<Record<string, string>>,
    wanted: readonly number[],
  ): Promise<T> {
    const { shop } = this.#options
    const deadlineMs = systemClock.monotonicMs() + answerTimeoutMs
    let said: string
    do {
      const signal = AbortSignal.timeout(attemptTimeoutMs)
      const answer = await shop
        .request<T>('orders', 'POST', path, body, headers, signal)
        .catch((error: unknown): Answered<T> | { status: 0; body: unknown } => ({
          status: 0,
          body: error,
        }))
      if (wanted.includes(answer.status)) return answer.body as T
      said = `${answer.status} ${answer.status === 0 ? String(answer.body) : JSON.stringify(answer.body)}`
      // 409 where its double is under way still.
      const isOpen = answer.status === 0 || answer.status === 409 || answer.status >= 500
      if (!isOpen) break
      this.repeated++
      this.answeredWith.set(answer.status, (this.answeredWith.get(answer.status) ?? 0) + 1)
      await systemClock.sleep(100)
    } while (systemClock.monotonicMs() < deadlineMs)
    throw new Error(`${path}: ${said}`)
  }
}
