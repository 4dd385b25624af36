import type { Forward, OperatorContext } from '../operator.ts'
import type { Change, Headers } from '../record.ts'
import type { TimestampedWindowStore } from '../state/window-store.ts'
import { CloseEmitter } from './close-emitter.ts'

/** When a windowed step sends a window: with each update, or once, when it has closed. */
export type Emit = 'update' | 'close'

/** What a step over a window store sends downstream. */
export class WindowedOutput<K, A> {
  readonly #forward: Forward
  readonly #closed: CloseEmitter | undefined

  constructor(context: OperatorContext, storeName: string, emit: Emit) {
    this.#forward = context.forward
    this.#closed = emit === 'close' ? new CloseEmitter(context, storeName) : undefined
  }

  /** After a window changed. */
  update(
    key: K,
    startMs: number,
    endMs: number,
    newValue: A | null,
    oldValue: A | null,
    timestamp: number,
    headers: Headers,
  ): void {
    if (this.#closed) return
    const change: Change<A> = { newValue, oldValue }
    this.#forward({ key, window: { startMs, endMs } }, change, timestamp, headers)
  }

  /**
   * After a record: sends the windows that it has closed.
   * @param range starts of the windows that closed since `emittedMs` (-1 at first), both inclusive; undefined for none
   */
  close(
    store: TimestampedWindowStore<K, A>,
    closeMs: number,
    headers: Headers,
    range: (emittedMs: number) => readonly [fromMs: number, toMs: number] | undefined,
  ): void {
    const closed = this.#closed
    if (!closed?.isDue(closeMs)) return
    const starts = range(closed.emittedMs)
    if (!starts) return
    for (const [windowed, { value, timestamp }] of store.fetchAll(...starts)) {
      const change: Change<A> = { newValue: value, oldValue: null }
      this.#forward(windowed, change, timestamp, headers)
    }
    closed.emitted(closeMs)
  }
}
