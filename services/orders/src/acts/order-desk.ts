import { maxOrderLines, type Order } from '@millrace/contracts'
import { Gathering } from '@millrace/core'
import type { CausationContext } from '@millrace/events'
import type { HttpIdempotency, IdempotencyClaim, IdempotentRequest } from '@millrace/inbox'
import type { Outbox, OutboxTransaction } from '@millrace/outbox'
import { PostgresError } from '@millrace/postgres'
import { keyProblem, type KeptAnswer } from '@millrace/runtime'
import { publishPlaced } from '../orders.ts'
import { insertOrders, type InsertedOrder, type NewOrder } from '../sql/insert-orders.ts'

/** A checked order, and how the request that asks for it is answered. */
export interface OrderToTake {
  readonly wanted: NewOrder
  readonly context: CausationContext
  /** Of a request that must take effect once. */
  readonly key: IdempotentRequest | undefined
  /** The answer in the form in which it can be kept. What it throws refuses this order, and no other. */
  readonly answerOf: (order: Order, eventId: string) => KeptAnswer
}

export interface TakenOrder {
  readonly answer: KeptAnswer
  /** It was taken before, and this is the answer of then. */
  readonly isReplayed: boolean
}

type Outcome = TakenOrder | Promise<TakenOrder>

/** Of which one is at the database's disk while the other one gathers its rows. */
const maxUnderWay = 2

/**
 * Takes orders: rows, lines, both events and the kept answer in one transaction, which orders that come at about the same time share. So each still is there
 * with its events or not at all, an order waits for none but those before it, and what a transaction costs is shared by the more of them the more there are.
 */
export class OrderDesk {
  readonly #outbox: Outbox
  readonly #keys: HttpIdempotency
  readonly #gathering: Gathering<OrderToTake, TakenOrder>

  constructor(outbox: Outbox, keys: HttpIdempotency) {
    this.#outbox = outbox
    this.#keys = keys
    this.#gathering = new Gathering({
      run: (orders) => this.#takeAll(orders),
      maxUnderWay,
      weightOf: ({ wanted }) => wanted.items.length,
      // Enough for some hundred usual orders; the largest one goes alone.
      maxWeight: maxOrderLines,
    })
  }

  /** @throws ProblemError 409 or 422 for the key; what `answerOf` throws; PostgresError. Nothing is stored then */
  take(order: OrderToTake): Promise<TakenOrder> {
    return this.#gathering.ask(order)
  }

  async #takeAll(orders: readonly OrderToTake[]): Promise<readonly Outcome[]> {
    try {
      return await this.#transact(orders)
    } catch (error) {
      if (orders.length === 1 || concernsAll(error)) throw error
      return this.#takeEach(orders)
    }
  }

  /** One of them cannot be taken, and it is not known which: each by itself, so that the others are. */
  #takeEach(orders: readonly OrderToTake[]): readonly Outcome[] {
    let before: Promise<unknown> = Promise.resolve()
    return orders.map((order) => {
      const taken = before.then(async () => {
        const [outcome] = await this.#transact([order])
        return outcome as Outcome
      })
      before = taken.catch(() => {})
      return taken
    })
  }

  #transact(orders: readonly OrderToTake[]): Promise<readonly Outcome[]> {
    return this.#outbox.transaction(async (tx) => {
      const claims = await this.#claim(tx, orders)
      const fresh = orders.filter((_, index) => claims[index]?.kind === 'new')
      const inserted =
        fresh.length > 0
          ? await insertOrders(
              tx,
              fresh.map(({ wanted }) => wanted),
            )
          : []
      const rows = new Map(fresh.map((order, index) => [order, inserted[index]]))
      return orders.map((order, index): Outcome => {
        const claim = claims[index]
        if (claim?.kind === 'answered') return { answer: claim.response, isReplayed: true }
        const row = rows.get(order)
        if (row) return { answer: this.#keep(tx, order, row), isReplayed: false }
        return refused(keyProblem(claim?.kind === 'mismatch' ? 'mismatch' : 'in-progress'))
      })
    })
  }

  /** What their keys say of orders; one without a key is new. */
  async #claim(
    tx: OutboxTransaction,
    orders: readonly OrderToTake[],
  ): Promise<readonly IdempotencyClaim[]> {
    const keyed = orders.filter(({ key }) => key !== undefined)
    const claims = await this.#keys.claimAll(
      tx,
      keyed.flatMap(({ key }) => key ?? []),
    )
    const claimOf = new Map(keyed.map((order, index) => [order, claims[index]]))
    return orders.map((order) => claimOf.get(order) ?? { kind: 'new' })
  }

  #keep(tx: OutboxTransaction, asked: OrderToTake, row: InsertedOrder): KeptAnswer {
    const { wanted, context, key, answerOf } = asked
    const order = orderOf(wanted, row)
    const answer = answerOf(order, publishPlaced(tx, order, context))
    if (key) this.#keys.keep(tx, key, answer)
    return answer
  }
}

function orderOf(wanted: NewOrder, { orderId, createdAt }: InsertedOrder): Order {
  const { customerId, items, totalMills, userCheck } = wanted
  return {
    orderId: String(orderId),
    customerId,
    items: [...items],
    totalMills,
    userCheck,
    createdAt: createdAt.toISOString(),
    status: 'NEW',
    source: null,
  }
}

/** Says so to the one who asked, when the transaction is over. */
function refused(problem: Error): Promise<never> {
  const refusal = Promise.reject(problem)
  // Nobody is told before the commit; should it fail, nobody is told at all.
  refusal.catch(() => {})
  return refusal
}

/** Faults of the database are everybody's, but for a row or value that it does not take: that is one order's. */
function concernsAll(error: unknown): boolean {
  return (
    error instanceof PostgresError &&
    error.code !== 'MR_POSTGRES_CONSTRAINT' &&
    error.code !== 'MR_POSTGRES_BAD_VALUE'
  )
}
