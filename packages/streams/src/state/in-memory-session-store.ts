import type { Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { SessionStore, SessionStoreOptions } from './session-store.ts'
import { SortedNumbers } from './sorted-numbers.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { storeValues, type StoreValues } from './store-values.ts'
import type { StoreContext } from './store.ts'
import { readSessionChangelogKey, sessionChangelogKey } from './window-key.ts'

/** Never changed: a reader may hold its window. */
interface Session {
  readonly window: Window
  readonly kept: unknown
}

/**
 * Sessions of a key in a list, of which a key seldom has more than a few; and which keys have sessions of which end, for expiry and for
 * closing.
 * @see Kafka Streams `InMemorySessionStore`, whose expiry and order this is
 */
export class InMemorySessionStore<K, V> implements SessionStore<K, V> {
  readonly name: string
  readonly isPersistent = false
  readonly #value: Serde<V>
  readonly #keys: StoreKeys<K>
  readonly #values: StoreValues<V>
  readonly #retentionMs: number
  /** By end; of those with one end, the later start first. */
  readonly #sessions = new Map<string, Session[]>()
  readonly #ends = new SortedNumbers()
  readonly #keysByEnd = new Map<number, Set<string>>()
  /** Latest end put (trap 1: a clock of its own). */
  #observedMs = -1
  #context: StoreContext | undefined

  constructor(options: SessionStoreOptions<K, V>) {
    this.name = options.name
    this.#value = options.value
    this.#keys = storeKeys(options.key)
    this.#values = storeValues(options.value)
    this.#retentionMs = options.retentionMs
  }

  get approximateEntryCount(): number {
    let count = 0
    for (const sessions of this.#sessions.values()) count += sessions.length
    return count
  }

  init(context: StoreContext): void {
    this.#context = context
  }

  restore(key: Buffer, value: Buffer | null, _timestamp: number, _headers: Headers): void {
    const { key: keyBytes, startMs, endMs } = readSessionChangelogKey(key)
    const kept = value && { of: this.#values.keepBytes(value) }
    this.#put(this.#keys.idOfBytes(keyBytes), { startMs, endMs }, kept)
  }

  fetchSession(key: K, startMs: number, endMs: number): V | undefined {
    const session = this.#sessions
      .get(this.#keys.idOf(key))
      ?.find(({ window }) => window.startMs === startMs && window.endMs === endMs)
    return session && this.#values.give(session.kept)
  }

  fetch(key: K): IterableIterator<[Windowed<K>, V]> {
    return this.findSessions(key, -Infinity, Infinity)
  }

  reverseFetch(key: K): IterableIterator<[Windowed<K>, V]> {
    return this.reverseFindSessions(key, -Infinity, Infinity)
  }

  *findSessions(key: K, earliestEndMs: number, latestStartMs: number): Generator<[Windowed<K>, V]> {
    yield* this.#given(key, this.#found(key, earliestEndMs, latestStartMs))
  }

  *reverseFindSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ): Generator<[Windowed<K>, V]> {
    yield* this.#given(key, this.#found(key, earliestEndMs, latestStartMs).toReversed())
  }

  *findEndedSessions(earliestEndMs: number, latestEndMs: number): Generator<[Windowed<K>, V]> {
    for (const endMs of this.#ends.range(earliestEndMs, latestEndMs)) {
      const ids = [...(this.#keysByEnd.get(endMs) ?? [])].toSorted(this.#keys.compare)
      for (const id of ids) {
        const sessions = this.#sessions.get(id) ?? []
        const ended = sessions.filter(({ window }) => window.endMs === endMs)
        if (ended.length > 0) yield* this.#given(this.#keys.keyOf(id), ended)
      }
    }
  }

  put(key: K, window: Window, value: V | null, timestamp?: number): void {
    const id = this.#keys.idOf(key)
    const bytes = value === null ? null : this.#value.serialize(value)
    const kept = bytes && { of: this.#values.keep(value as V, bytes) }
    if (!this.#put(id, window, kept)) this.#context?.countExpired()
    this.#log(id, window, bytes, timestamp)
  }

  remove(key: K, window: Window, timestamp?: number): void {
    const id = this.#keys.idOf(key)
    this.#delete(id, window)
    this.#log(id, window, null, timestamp)
  }

  flush(): void {}

  close(): void {
    this.#sessions.clear()
    this.#keysByEnd.clear()
    this.#ends.clear()
  }

  #log(id: string, window: Window, bytes: Buffer | null, timestamp: number | undefined): void {
    const context = this.#context
    context?.logChange?.(
      sessionChangelogKey(this.#keys, id, window.startMs, window.endMs),
      bytes,
      timestamp ?? context.record.timestamp,
      [],
    )
  }

  /** Returns whether it was not expired already. */
  #put(id: string, window: Window, kept: { readonly of: unknown } | null): boolean {
    if (window.endMs > this.#observedMs) {
      this.#observedMs = window.endMs
      this.#expire()
    }
    if (window.endMs <= this.#observedMs - this.#retentionMs) return false
    this.#delete(id, window)
    if (kept) this.#add(id, { window, kept: kept.of })
    return true
  }

  #add(id: string, session: Session): void {
    const { endMs } = session.window
    const sessions = this.#sessions.get(id)
    if (sessions) {
      let at = sessions.length
      while (at > 0 && isBefore(session.window, (sessions[at - 1] as Session).window)) at--
      sessions.splice(at, 0, session)
    } else this.#sessions.set(id, [session])
    const keys = this.#keysByEnd.get(endMs)
    if (keys) return void keys.add(id)
    this.#keysByEnd.set(endMs, new Set([id]))
    this.#ends.add(endMs)
  }

  #delete(id: string, { startMs, endMs }: Window): void {
    const sessions = this.#sessions.get(id)
    const at =
      sessions?.findIndex(({ window }) => window.startMs === startMs && window.endMs === endMs) ??
      -1
    if (!sessions || at < 0) return
    sessions.splice(at, 1)
    if (sessions.length === 0) this.#sessions.delete(id)
    if (sessions.some(({ window }) => window.endMs === endMs)) return
    const keys = this.#keysByEnd.get(endMs)
    keys?.delete(id)
    if (keys?.size !== 0) return
    this.#keysByEnd.delete(endMs)
    this.#ends.remove(endMs)
  }

  #expire(): void {
    const leastMs = this.#observedMs - this.#retentionMs + 1
    for (let first; (first = this.#ends.first) !== undefined && first < leastMs;) {
      for (const id of this.#keysByEnd.get(first) as Set<string>) {
        const left = this.#sessions.get(id)?.filter(({ window }) => window.endMs !== first) ?? []
        if (left.length === 0) this.#sessions.delete(id)
        else this.#sessions.set(id, left)
      }
      this.#keysByEnd.delete(first)
      this.#ends.removeFirst()
    }
  }

  #found(key: K, earliestEndMs: number, latestStartMs: number): Session[] {
    const sessions = this.#sessions.get(this.#keys.idOf(key)) ?? []
    return sessions.filter(
      ({ window }) => window.endMs >= earliestEndMs && window.startMs <= latestStartMs,
    )
  }

  *#given(key: K, sessions: readonly Session[]): Generator<[Windowed<K>, V], void, undefined> {
    for (const { window, kept } of sessions) yield [{ key, window }, this.#values.give(kept)]
  }
}

function isBefore(left: Window, right: Window): boolean {
  return left.endMs === right.endMs ? left.startMs > right.startMs : left.endMs < right.endMs
}
