/** Who orders: a process of its own, the same for ours and for the peer. */
import { serveChild, tellParent } from '../child.ts'
import { wantedOrder } from './goods.ts'
import { JsonClient } from './json-client.ts'

export interface PacedRequest {
  readonly ordersUrl: string
  /** Number of the first order, so that no two loads of a shop are alike. */
  readonly from: number
  readonly perSecond: number
  readonly seconds: number
}

export interface BurstRequest {
  readonly ordersUrl: string
  readonly from: number
  readonly count: number
  /** Each has one request under way. */
  readonly clients: number
}

/** An order that was answered. Times are of the wall clock, ms: there is one machine, and so one clock. */
export interface PlacedOrder {
  readonly orderId: string
  /** When the request was due, whether or not the machine had time for it then. */
  readonly dueAtMs: number
  readonly answeredAtMs: number
}

export interface BurstAnswer {
  readonly startedAtMs: number
  /** Of each request, from its sending to its answer, ms. */
  readonly latenciesMs: readonly number[]
}

const client = new JsonClient(512)

async function place(ordersUrl: string, index: number): Promise<string> {
  const { customerId, items } = wantedOrder(index)
  const { status, body } = await client.post<{ readonly orderId: string }>(
    `${ordersUrl}/api/orders`,
    { items },
    { 'x-user-id': customerId },
  )
  if (status !== 201) throw new Error(`an order was answered ${status} ${JSON.stringify(body)}`)
  return body.orderId
}

/** An open loop: an order is due at an even pace, whether or not those before it are answered, so that a slow system does not slow its own load. */
async function paced({ ordersUrl, from, perSecond, seconds }: PacedRequest): Promise<void> {
  const startedAtMs = nowMs()
  const running: Promise<void>[] = []
  for (let n = 0; n < perSecond * seconds; n++) {
    const dueAtMs = startedAtMs + (n * 1_000) / perSecond
    const waitMs = dueAtMs - nowMs()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const answered = place(ordersUrl, from + n).then((orderId) =>
      tellParent({ orderId, dueAtMs, answeredAtMs: nowMs() } satisfies PlacedOrder),
    )
    // Told to the parent below; until then nobody listens.
    answered.catch(() => {})
    running.push(answered)
  }
  await Promise.all(running)
}

/** A closed loop: as fast as so many customers are answered. */
async function burst({ ordersUrl, from, count, clients }: BurstRequest): Promise<BurstAnswer> {
  const startedAtMs = nowMs()
  const latenciesMs: number[] = []
  let next = 0
  const order = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const sentAtMs = nowMs()
      await place(ordersUrl, from + n)
      latenciesMs.push(nowMs() - sentAtMs)
    }
  }
  await Promise.all(Array.from({ length: clients }, order))
  return { startedAtMs, latenciesMs }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

serveChild({ paced, burst })
