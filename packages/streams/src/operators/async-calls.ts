import type { PendingCall } from '../state/pending-calls-store.ts'

/** In which order results leave, and which calls may run at the same time. */
export type AsyncOrder = 'key' | 'input' | 'none'

export type CallOutcome =
  | { readonly result: unknown; readonly error?: never }
  | { readonly error: Error }

export interface EndedCall<K, V> {
  readonly call: PendingCall<K, V>
  readonly outcome: CallOutcome
}

interface Entry<K, V> {
  readonly call: PendingCall<K, V>
  outcome: CallOutcome | undefined
}

/**
 * Calls that wait, run and have ended, of one step. Nothing here happens by itself but the end of a call, which is noted: calls begin in
 * `begin` and results leave in `takeEnded`, both between two records of the task.
 */
export class AsyncCalls<K, V> {
  readonly #order: AsyncOrder
  readonly #concurrency: number
  readonly #run: (call: PendingCall<K, V>) => Promise<CallOutcome>
  readonly #onEnd: () => void
  /** May begin, in the order in which they came. */
  readonly #ready: Entry<K, V>[] = []
  /** Of each key that has a call ready, running or ended and not taken: those behind it. */
  readonly #behind = new Map<string, Entry<K, V>[]>()
  /** Ended and not taken. With order `input`: all that were not taken, in the order in which they came. */
  readonly #leaving: Entry<K, V>[] = []
  #running = 0

  constructor(options: {
    readonly order: AsyncOrder
    readonly concurrency: number
    /** Never rejects. */
    readonly run: (call: PendingCall<K, V>) => Promise<CallOutcome>
    /** A call has ended, and there may be something to take. */
    readonly onEnd: () => void
  }) {
    this.#order = options.order
    this.#concurrency = options.concurrency
    this.#run = options.run
    this.#onEnd = options.onEnd
  }

  add(call: PendingCall<K, V>): void {
    const entry: Entry<K, V> = { call, outcome: undefined }
    if (this.#order === 'input') this.#leaving.push(entry)
    if (this.#order !== 'key' || call.keyId === undefined) return void this.#ready.push(entry)
    const behind = this.#behind.get(call.keyId)
    if (behind) return void behind.push(entry)
    this.#behind.set(call.keyId, [])
    this.#ready.push(entry)
  }

  /** Begins as many as may run. */
  begin(): void {
    while (this.#running < this.#concurrency) {
      const entry = this.#ready.shift()
      if (!entry) return
      this.#running++
      void this.#run(entry.call).then((outcome) => {
        this.#running--
        entry.outcome = outcome
        if (this.#order !== 'input') this.#leaving.push(entry)
        this.#onEnd()
      })
    }
  }

  /** The next result that may leave; the call of its key that came next may begin then. */
  takeEnded(): EndedCall<K, V> | undefined {
    const entry = this.#leaving[0]
    if (!entry?.outcome) return undefined
    this.#leaving.shift()
    const { call, outcome } = entry
    if (this.#order === 'key' && call.keyId !== undefined) {
      const next = this.#behind.get(call.keyId)?.shift()
      if (next) this.#ready.push(next)
      else this.#behind.delete(call.keyId)
    }
    return { call, outcome }
  }
}
