import { systemClock } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import type { PlacedOrder } from './load.ts'

const everyMs = 5
const patienceMs = 60_000

const ended = {
  name: 'bench_ended_orders',
  text: `select order_id::text as "orderId", status from customer_order where order_id = any($1::bigint[]) and status <> 'NEW'`,
}

/** Looks from outside, the same way for every system, every 5 ms: which of the orders that were answered have ended by now? */
export class EndingObserver {
  readonly #database: Database
  readonly #open = new Map<string, PlacedOrder>()
  readonly #answerMs: number[] = []
  readonly #endMs: number[] = []
  #watching: Promise<void> | undefined

  /** @param database of the orders service */
  constructor(database: Database) {
    this.#database = database
  }

  expect(order: PlacedOrder): void {
    this.#answerMs.push(order.answeredAtMs - order.dueAtMs)
    this.#open.set(order.orderId, order)
    if (this.#watching) return
    this.#watching = this.#watch()
    // Told to whoever asks for the figures.
    this.#watching.catch(() => {})
  }

  /** From the time at which a request was due, ms. Resolves when all have ended; none after `expect` was called for the last time. */
  async latencies(): Promise<{
    readonly answer: readonly number[]
    readonly end: readonly number[]
  }> {
    await this.#watching
    return { answer: this.#answerMs, end: this.#endMs }
  }

  async #watch(): Promise<void> {
    let lastSeenMs = performance.now()
    while (this.#open.size > 0) {
      const ids = [...this.#open.keys()]
      const { rows } = await this.#database.query<{ orderId: string; status: string }>(ended, [ids])
      const nowMs = performance.timeOrigin + performance.now()
      if (rows.length > 0) lastSeenMs = performance.now()
      for (const { orderId, status } of rows) {
        if (status !== 'CONFIRMED') throw new Error(`order ${orderId} ended as ${status}`)
        this.#endMs.push(nowMs - (this.#open.get(orderId)?.dueAtMs ?? nowMs))
        this.#open.delete(orderId)
      }
      if (performance.now() - lastSeenMs > patienceMs)
        throw new Error(`${this.#open.size} orders have not ended after ${patienceMs} ms`)
      await systemClock.sleep(everyMs)
    }
    this.#watching = undefined
  }
}
