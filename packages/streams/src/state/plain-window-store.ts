import type { Headers } from '../record.ts'
import type { Windowed } from '../windowed.ts'
import { SegmentedWindowStore } from './segmented-window-store.ts'
import type { StateStore, StoreBuilder, StoreContext, ValueAndTimestamp } from './store.ts'
import type { ReadonlyWindowStore, WindowStoreOptions } from './window-store.ts'

/** State by key and window for processors, whose values stand alone. What is kept and expired is as in `TimestampedWindowStore`. */
export interface WindowStore<K, V> extends ReadonlyWindowStore<K, V>, StateStore {
  /** `null` deletes. The changelog's record gets the timestamp of the record under way. */
  put(key: K, value: V | null, startMs: number): void
}

/** As `WindowStoreOptions`; there are no caches, for nobody is sent what they let go. */
export type PlainWindowStoreOptions<K, V> = Omit<WindowStoreOptions<K, V>, 'isCached'>

/**
 * State by key and window.
 * @see Kafka Streams `Stores.windowStoreBuilder`
 */
export function windowStore<K, V>(
  options: PlainWindowStoreOptions<K, V>,
): StoreBuilder<WindowStore<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged ?? true,
    topicConfig: options.topicConfig ?? {},
    kind: 'window',
    changelog: { policy: 'compact,delete', retentionMs: options.retentionMs },
    build: () => new PlainWindowStore(options),
  }
}

class PlainWindowStore<K, V> implements WindowStore<K, V> {
  readonly #store: SegmentedWindowStore<K, V>
  #context: StoreContext | undefined

  constructor(options: PlainWindowStoreOptions<K, V>) {
    this.#store = new SegmentedWindowStore(options)
  }

  get name(): string {
    return this.#store.name
  }

  get operations() {
    return this.#store.operations
  }

  get isPersistent(): boolean {
    return this.#store.isPersistent
  }

  get approximateEntryCount(): number {
    return this.#store.approximateEntryCount
  }

  init(context: StoreContext): void {
    this.#context = context
    this.#store.init(context)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, _headers: Headers): void {
    this.#store.restore(key, value, timestamp)
  }

  put(key: K, value: V | null, startMs: number): void {
    this.#store.put(key, value, this.#context?.record.timestamp ?? -1, startMs)
  }

  fetch(key: K, startMs: number): V | undefined {
    return this.#store.fetch(key, startMs)?.value
  }

  fetchRange(key: K, fromMs: number, toMs: number): IterableIterator<[number, V]> {
    return valuesOf(this.#store.fetchRange(key, fromMs, toMs))
  }

  reverseFetchRange(key: K, fromMs: number, toMs: number): IterableIterator<[number, V]> {
    return valuesOf(this.#store.reverseFetchRange(key, fromMs, toMs))
  }

  fetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, V]> {
    return valuesOf(this.#store.fetchKeys(from, to, fromMs, toMs))
  }

  reverseFetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, V]> {
    return valuesOf(this.#store.reverseFetchKeys(from, to, fromMs, toMs))
  }

  fetchAll(fromMs: number, toMs: number): IterableIterator<[Windowed<K>, V]> {
    return valuesOf(this.#store.fetchAll(fromMs, toMs))
  }

  reverseFetchAll(fromMs: number, toMs: number): IterableIterator<[Windowed<K>, V]> {
    return valuesOf(this.#store.reverseFetchAll(fromMs, toMs))
  }

  flush(): void {
    this.#store.flush()
  }

  close(): void {
    this.#store.close()
  }
}

function* valuesOf<At, V>(rows: Iterable<[At, ValueAndTimestamp<V>]>): Generator<[At, V]> {
  for (const [at, { value }] of rows) yield [at, value]
}
