import { Wakeup } from '@millrace/core'
import type { ServerSentEvent } from '@millrace/runtime'
import type { ThreadAggregate } from '../sql/aggregate-row.ts'

/** Whose changes a client wants: those of a thread, of all threads of a course, or both. */
export interface StreamFilter {
  readonly threadId: string | null
  readonly courseId: string | null
}

/** What became of a thread; null figures: it was deleted. */
export interface ThreadState {
  readonly threadId: string
  readonly courseId: string
  readonly aggregate: ThreadAggregate | null
}

/** A client that is this many threads behind loses the oldest; it sees their newest state at their next change. */
const pendingLimit = 1_000

/**
 * One open stream. States wait here until the client takes them, only the newest of each thread: a slow client gets fewer, never
 * old ones.
 */
export class Subscription {
  readonly filter: StreamFilter
  readonly #pending = new Map<string, ThreadState>()
  readonly #wakeup = new Wakeup()

  constructor(filter: StreamFilter) {
    this.filter = filter
  }

  wants(threadId: string, courseId: string): boolean {
    return threadId === this.filter.threadId || courseId === this.filter.courseId
  }

  push(state: ThreadState): void {
    this.#pending.delete(state.threadId)
    this.#pending.set(state.threadId, state)
    if (this.#pending.size > pendingLimit) {
      const [oldest] = this.#pending.keys()
      if (oldest !== undefined) this.#pending.delete(oldest)
    }
    this.#wakeup.signal()
  }

  /** Events until the signal is aborted. */
  async *events(signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    while (!signal.aborted) {
      const states = [...this.#pending.values()]
      this.#pending.clear()
      for (const { threadId, courseId, aggregate } of states) {
        yield aggregate
          ? { event: 'aggregate', data: aggregate }
          : { event: 'deleted', data: { threadId, courseId } }
      }
      if (this.#pending.size === 0) await this.#wakeup.wait(60_000, signal)
    }
  }
}
