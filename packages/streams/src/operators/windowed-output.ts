import type { Forward, OperatorContext } from '../operator.ts'
import type { Change, Headers } from '../record.ts'
import type { TimestampedWindowStore } from '../state/window-store.ts'
import type { CloseEmitter } from './close-emitter.ts'

interface CachedOutput<K, A> {
  readonly store: TimestampedWindowStore<K, A>
  readonly sendsOldValues: boolean
}

/** What a step over a window store sends downstream. */
export class WindowedOutput<K, A> {
  readonly #forward: Forward
  readonly #closed: CloseEmitter | undefined
  /** Whether updates are sent here; else by a cache, or on close. */
  readonly #sendsUpdates: boolean

  /** @param closed undefined: it sends each update */
  constructor(
    { task }: OperatorContext,
    forward: Forward,
    closed: CloseEmitter | undefined,
    { store, sendsOldValues }: CachedOutput<K, A>,
  ) {
    this.#forward = forward
    this.#closed = closed
    if (closed) this.#sendsUpdates = false
    else
      this.#sendsUpdates = !store.onFlush(
        (key, change, timestamp, headers, source) =>
          task.forwardAs(source, forward, key, change, timestamp, headers),
        sendsOldValues,
      )
  }

  /** Whether `update` is of use, and an old value with it. */
  get sendsUpdates(): boolean {
    return this.#sendsUpdates
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
    if (!this.#sendsUpdates) return
    const change: Change<A> = { newValue, oldValue }
    this.#forward({ key, window: { startMs, endMs } }, change, timestamp, headers)
  }

  /**
   * Sends the windows that have closed. Called before and after a record is put, of which one acts, and when the step is idle.
   * @param range starts of the windows that closed since `emittedMs` (-1 at first), both inclusive; undefined for none
   */
  close(
    store: TimestampedWindowStore<K, A>,
    closeMs: number,
    headers: Headers,
    when: 'before' | 'after' | 'idle',
    range: (emittedMs: number) => readonly [fromMs: number, toMs: number] | undefined,
  ): void {
    const closed = this.#closed
    if (!closed || closed.isNotNow(when) || !closed.isDue(closeMs)) return
    const starts = range(closed.emittedMs)
    if (!starts) return
    for (const [windowed, { value, timestamp }] of store.fetchAll(...starts)) {
      const change: Change<A> = { newValue: value, oldValue: null }
      this.#forward(windowed, change, timestamp, headers)
    }
    closed.emitted(closeMs)
  }
}
