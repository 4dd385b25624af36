import type { RecordQueue } from './record-queue.ts'

/** The record that a queue would give next, by its timestamp as the topology counts it; undefined for an empty queue. */
export type HeadTimestamp = (queue: RecordQueue) => number | undefined

/** Records known to be on the topic and not fetched yet; null while that is not known. */
export type LagOf = (queue: RecordQueue) => number | null

/**
 * Which partition of a task is next: that whose head has the smallest timestamp (trap 3). While a partition is empty, a record of another
 * may be processed before one that is older and on its way; `maxTaskIdleMs` says how long to wait for that.
 */
export class InputOrder {
  readonly #queues: readonly RecordQueue[]
  readonly #maxTaskIdleMs: number
  readonly #headTimestamp: HeadTimestamp
  readonly #lagOf: LagOf
  /** What was taken from: of two heads of one time the other's is next, as in Java, whose heap puts a queue behind its equals. */
  #last: RecordQueue | undefined
  /** Since when each queue is empty with nothing known to come. */
  readonly #idleSinceMs = new Map<RecordQueue, number>()

  constructor(
    queues: readonly RecordQueue[],
    maxTaskIdleMs: number,
    headTimestamp: HeadTimestamp,
    lagOf: LagOf,
  ) {
    this.#queues = queues
    this.#maxTaskIdleMs = maxTaskIdleMs
    this.#headTimestamp = headTimestamp
    this.#lagOf = lagOf
  }

  /** The queue to take from; undefined where there is none, or one is waited for. */
  next(nowMs: number): RecordQueue | undefined {
    const [only, second] = this.#queues
    if (!second) return only && only.length > 0 ? only : undefined
    let next: RecordQueue | undefined
    let nextTimestamp = Infinity
    let isComplete = true
    for (const queue of this.#queues) {
      if (queue.length === 0) {
        isComplete = false
        continue
      }
      const timestamp = this.#headTimestamp(queue) ?? -1
      if (
        next &&
        (timestamp > nextTimestamp || (timestamp === nextTimestamp && next !== this.#last))
      )
        continue
      next = queue
      nextTimestamp = timestamp
    }
    if (!next || isComplete) {
      if (this.#idleSinceMs.size > 0) this.#idleSinceMs.clear()
    } else if (!this.#mayGoOn(nowMs)) return undefined
    if (next) this.#last = next
    return next
  }

  /** Whether the empty queues need not be waited for (any longer). */
  #mayGoOn(nowMs: number): boolean {
    if (this.#maxTaskIdleMs < 0) return true
    let mayGoOn = true
    for (const queue of this.#queues) {
      if (queue.length > 0) {
        this.#idleSinceMs.delete(queue)
        continue
      }
      const lag = this.#lagOf(queue)
      if (lag === null || lag > 0) mayGoOn = false
      else {
        const sinceMs = this.#idleSinceMs.get(queue) ?? nowMs
        this.#idleSinceMs.set(queue, sinceMs)
        if (nowMs - sinceMs < this.#maxTaskIdleMs) mayGoOn = false
      }
    }
    return mayGoOn
  }
}
