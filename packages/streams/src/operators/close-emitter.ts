import type { OperatorContext } from '../operator.ts'

/** When a windowed step sends a window: with each update, or once, when it has closed. */
export type Emit = 'update' | 'close'

/** Undefined for a step that emits on update. */
export function closeEmitter(
  context: OperatorContext,
  step: { readonly storeName: string; readonly emit: Emit; readonly isCompatible: boolean },
): CloseEmitter | undefined {
  return step.emit === 'close'
    ? new CloseEmitter(context, step.storeName, step.isCompatible)
    : undefined
}

/** As Java does: at most this often a step looks for windows that have closed, ms of the wall clock. */
const emitIntervalMs = 1_000

/**
 * When a step that emits on close looks for closed windows, and from where. How far it came outlives a restart with the committed
 * offsets. Ours looks with each record, and before the record gets into the store: putting it may expire what closes with it. Java
 * looks afterwards, and once a second, and loses what its in-memory store has forgotten by then; `isCompatible` does as Java does.
 * @see Kafka Streams `AbstractKStreamTimeWindowAggregateProcessor`, whose conditions these are (trap 15)
 */
export class CloseEmitter {
  /** Whether to look before the record is put, or after it. */
  readonly comesFirst: boolean
  readonly #context: OperatorContext
  readonly #storeName: string
  #nextMs = 0
  /** The close time up to which windows were emitted; -1 before the first. */
  #emittedMs: number

  constructor(context: OperatorContext, storeName: string, isCompatible: boolean) {
    this.comesFirst = !isCompatible
    this.#context = context
    this.#storeName = storeName
    this.#emittedMs = context.task.committedMetadata.get(storeName) ?? -1
  }

  get emittedMs(): number {
    return this.#emittedMs
  }

  isNotNow(when: 'before' | 'after' | 'idle'): boolean {
    return when !== 'idle' && this.comesFirst !== (when === 'before')
  }

  /**
   * The time that a step has seen at least, when it starts again: that which closed what was sent. Java begins at -1, and takes records
   * into windows that it has sent and will not send again.
   * @param waitMs from a window's end to its close
   */
  seenMs(waitMs: number): number {
    return this.comesFirst && this.#emittedMs >= 0 ? this.#emittedMs + waitMs : -1
  }

  /** Whether to look now: only if the close time has moved. */
  isDue(closeMs: number): boolean {
    const { clock, isUnthrottled } = this.#context.task
    if (!this.comesFirst && !isUnthrottled) {
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
