import type { OperatorContext } from '../operator.ts'

/** At most this often a step looks for windows that have closed, ms of the wall clock. */
const emitIntervalMs = 1_000

/**
 * When a step that emits on close looks for closed windows, and from where. How far it came outlives a restart with the committed
 * offsets.
 * @see Kafka Streams `AbstractKStreamTimeWindowAggregateProcessor`, whose conditions these are (trap 15)
 */
export class CloseEmitter {
  readonly #context: OperatorContext
  readonly #storeName: string
  #nextMs = 0
  /** The close time up to which windows were emitted; -1 before the first. */
  #emittedMs: number

  constructor(context: OperatorContext, storeName: string) {
    this.#context = context
    this.#storeName = storeName
    this.#emittedMs = context.task.committedMetadata.get(storeName) ?? -1
  }

  get emittedMs(): number {
    return this.#emittedMs
  }

  /** Whether to look now: not more often than the interval, and only if the close time has moved. */
  isDue(closeMs: number): boolean {
    const { clock, isUnthrottled } = this.#context.task
    if (!isUnthrottled) {
      const now = clock.now()
      if (now < this.#nextMs) return false
      this.#nextMs = now + emitIntervalMs
    }
    return this.#emittedMs === -1 || this.#emittedMs < closeMs
  }

  emitted(closeMs: number): void {
    this.#emittedMs = closeMs
    this.#context.task.committedMetadata.set(this.#storeName, closeMs)
  }
}
