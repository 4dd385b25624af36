/** What every system of the outbox suite is given to write, and how fast. */

export const topic = 'bench.outbox'
export const partitions = 4
const keyCount = 1_000

/** `topic` and what it takes to reach the servers, from the environment of a child. */
export const databaseUrl = process.env['DATABASE_URL'] ?? ''
export const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')

/** The business part of an event; the whole value is about 370 bytes with the envelope. */
export interface OrderData {
  readonly orderId: string
  readonly note: string
}

export function orderData(index: number): OrderData {
  return { orderId: `order-${index % keyCount}`, note: 'x'.repeat(40) }
}

/** The envelope as the peers write it; ours makes its own, with the same fields. */
export function eventJson(eventId: string, index: number): string {
  const data = orderData(index)
  return JSON.stringify({
    eventId,
    eventType: 'bench_order_placed',
    version: 1,
    timestamp: '2026-01-01T00:00:00.000Z',
    correlationId: eventId,
    causationId: null,
    source: 'bench',
    aggregateType: 'order',
    aggregateId: data.orderId,
    aggregateVersion: 1,
    metadata: {},
    data,
  })
}

/** ms since the epoch with fractions; processes of one machine share the clock. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

export interface Pace {
  readonly eventsPerSecond: number
  readonly eventsPerTransaction: number
  readonly seconds: number
}

/** When each event's commit was answered, for one event in `sampleEvery`. */
export type CommitTimes = readonly (readonly [eventId: string, committedAtMs: number])[]

/** Most sampled events per run: a sample of a busy run says as much as all of it. */
const sampleTarget = 5_000

/** `insert` writes the events `first … first + count − 1` in one transaction and gives their ids. */
export type InsertEvents = (first: number, count: number) => Promise<readonly string[]>

/** Transactions begun and not ended. A system that has as many falls behind the pace, and the rate of writing tells. */
const maxOpenTransactions = 200

/** Open loop: a transaction starts at its time whether or not the one before has ended, so a slow system does not slow its own load. */
export async function writeAtPace(pace: Pace, insert: InsertEvents): Promise<CommitTimes> {
  const transactions = Math.round((pace.eventsPerSecond * pace.seconds) / pace.eventsPerTransaction)
  const everyMs = (1_000 * pace.eventsPerTransaction) / pace.eventsPerSecond
  const sampleEvery = Math.max(1, Math.floor(transactions / sampleTarget))
  const times: (readonly [string, number])[] = []
  const running = new Set<Promise<void>>()
  const startedAtMs = performance.now()
  for (let n = 0; n < transactions; n++) {
    const waitMs = startedAtMs + n * everyMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    while (running.size >= maxOpenTransactions) await Promise.race(running)
    const written = insert(n * pace.eventsPerTransaction, pace.eventsPerTransaction)
    const noted = written.then((ids) => {
      const [first] = ids
      if (n % sampleEvery === 0 && first !== undefined) times.push([first, nowMs()])
      running.delete(noted)
    })
    running.add(noted)
  }
  await Promise.all(running)
  return times
}

/** `writers` at once, transaction after transaction; gives the seconds it took. */
export async function writeAll(
  request: { readonly transactions: number; readonly writers: number },
  insert: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0
  const startedAtMs = performance.now()
  const write = async (): Promise<void> => {
    while (next < request.transactions) await insert(next++)
  }
  await Promise.all(Array.from({ length: request.writers }, write))
  return (performance.now() - startedAtMs) / 1_000
}

export const backlogTransaction = 50

/** A backlog in transactions of 50, four at a time. */
export async function writeBacklog(count: number, insert: InsertEvents): Promise<void> {
  let next = 0
  const write = async (): Promise<void> => {
    while (next < count) {
      const first = next
      next += backlogTransaction
      await insert(first, Math.min(backlogTransaction, count - first))
    }
  }
  await Promise.all([write(), write(), write(), write()])
}
