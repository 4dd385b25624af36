import type { PunctuationType } from '../operator.ts'
import type { Headers } from '../record.ts'
import { required, type Serde } from '../serde.ts'
import { inMemory, keyValueBytes, type KeyValueBytes, type StoredValue } from './key-value-bytes.ts'
import { unsetTimestamp, type StateStore, type StoreBuilder, type StoreContext } from './store.ts'
import { TimeIndex } from './time-index.ts'
import { readTime, writeTime } from './window-key.ts'

/** What a key is to be reminded of, and when. */
export interface Timer<K, P> {
  readonly key: K
  /** ms since the epoch. */
  readonly atMs: number
  /** What was given with it; null for nothing. */
  readonly payload: P | null
}

/** Timers of a task, at most one for each key, which outlive restarts and moves. Processors use them through `context.timers`. */
export interface TimerStore<K, P> extends StateStore {
  /** Which clock the times are of. */
  readonly clock: PunctuationType
  /** In place of the key's timer, if it has one. */
  set(key: K, atMs: number, payload: P | null): void
  /** Returns whether there was one. */
  cancel(key: K): boolean
  get(key: K): Timer<K, P> | undefined
  /** Takes the first timer that is due, by time, then by the key's bytes. */
  takeDue(nowMs: number): Timer<K, P> | undefined
  readonly approximateEntryCount: number
}

export interface TimerStoreOptions<K, P> {
  readonly name: string
  readonly clock: PunctuationType
  readonly key: Serde<K>
  /** Undefined: timers carry nothing. */
  readonly payload: Serde<P> | undefined
  readonly isLogged: boolean
  readonly topicConfig: Readonly<Record<string, string>>
  readonly type: 'memory' | 'persistent'
}

export function timerStoreBuilder<K, P>(
  options: TimerStoreOptions<K, P>,
): StoreBuilder<TimerStore<K, P>> {
  return {
    name: options.name,
    isLogged: options.isLogged,
    topicConfig: options.topicConfig,
    kind: 'timers',
    changelog: { policy: 'compact' },
    build: () => new OrderedTimerStore(options),
  }
}

/** Whether a store holds timers. */
export function isTimerStore<K, P>(store: StateStore): store is TimerStore<K, P> {
  return store instanceof OrderedTimerStore
}

/** In front of a key: its timer. */
const byKey = 0
/** In front of its time and its key: which timer is next. */
const byTime = 1
/** int64 time, and a byte that says whether a payload follows. */
const headSize = 9
const withPayload = 1

/**
 * Two entries for each timer in one ordered map: by key, and by time. The changelog has one record for each timer: its key, and int64 time, a
 * byte that says whether a payload follows, and the payload.
 */
class OrderedTimerStore<K, P> implements TimerStore<K, P> {
  readonly name: string
  readonly clock: PunctuationType
  readonly #options: TimerStoreOptions<K, P>
  #entries: KeyValueBytes = inMemory()
  #index = new TimeIndex(this.#entries, byTime)
  #context: StoreContext | undefined

  constructor(options: TimerStoreOptions<K, P>) {
    this.name = options.name
    this.clock = options.clock
    this.#options = options
  }

  get isPersistent(): boolean {
    return this.#entries.isPersistent
  }

  get approximateEntryCount(): number {
    return this.#entries.approximateEntryCount / 2
  }

  init(context: StoreContext): void {
    this.#context = context
    this.#entries = keyValueBytes(this.name, this.#options.type, context)
    this.#index = new TimeIndex(this.#entries, byTime)
  }

  restore(key: Buffer, value: Buffer | null, _timestamp: number, _headers: Headers): void {
    this.#remove(key)
    if (value !== null) this.#add(key, value)
  }

  set(key: K, atMs: number, payload: P | null): void {
    const keyBytes = this.#options.key.serialize(key)
    const payloadBytes = payload === null ? undefined : this.#payloadSerde.serialize(payload)
    const value = Buffer.allocUnsafe(headSize + (payloadBytes?.length ?? 0))
    writeTime(value, atMs, 0)
    value.writeUInt8(payloadBytes ? withPayload : 0, headSize - 1)
    payloadBytes?.copy(value, headSize)
    this.#remove(keyBytes)
    this.#add(keyBytes, value)
    this.#context?.logChange?.(keyBytes, value, unsetTimestamp, [])
  }

  cancel(key: K): boolean {
    const keyBytes = this.#options.key.serialize(key)
    const wasThere = this.#remove(keyBytes)
    if (wasThere) this.#context?.logChange?.(keyBytes, null, unsetTimestamp, [])
    return wasThere
  }

  get(key: K): Timer<K, P> | undefined {
    const stored = this.#entries.get(placeOf(this.#options.key.serialize(key)))
    return stored && this.#timer(key, stored.bytes)
  }

  takeDue(nowMs: number): Timer<K, P> | undefined {
    const due = this.#index.takeDue(nowMs)
    if (!due) return undefined
    const place = placeOf(due.key)
    const stored = this.#entries.get(place) as StoredValue
    this.#entries.delete(place)
    this.#context?.logChange?.(due.key, null, unsetTimestamp, [])
    return this.#timer(this.#options.key.deserialize(due.key), stored.bytes)
  }

  flush(): void {}

  close(): void {
    this.#entries.close()
  }

  #timer(key: K, stored: Buffer): Timer<K, P> {
    const hasPayload = stored[headSize - 1] === withPayload
    const payload = hasPayload ? this.#payloadSerde.deserialize(stored.subarray(headSize)) : null
    return { key, atMs: readTime(stored, 0), payload }
  }

  get #payloadSerde(): Serde<P> {
    const { payload, name } = this.#options
    return required(payload, 'value', name, 'payload')
  }

  #add(key: Buffer, value: Buffer): void {
    const atMs = readTime(value, 0)
    this.#entries.set(placeOf(key), { bytes: value, timestamp: atMs })
    this.#index.add(atMs, key)
  }

  /** Returns whether there was one. */
  #remove(key: Buffer): boolean {
    const place = placeOf(key)
    const stored = this.#entries.get(place)
    if (!stored) return false
    this.#entries.delete(place)
    this.#index.remove(stored.timestamp, key)
    return true
  }
}

function placeOf(key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(key.length + 1)
  bytes.writeUInt8(byKey)
  key.copy(bytes, 1)
  return bytes
}
