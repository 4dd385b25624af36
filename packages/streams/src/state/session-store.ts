import type { Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { FlushListener } from './cached-key-value-store.ts'
import { ListedSessionStore } from './listed-session-store.ts'
import type { StateStore, StoreBuilder } from './store.ts'

/** What queries of a session store may do. Times are ms; ranges include both ends. */
export interface ReadonlySessionStore<K, V> {
  /** The value of one session. */
  fetchSession(key: K, startMs: number, endMs: number): V | undefined
  /** Sessions of a key by end; of those with one end, the later start first. */
  fetch(key: K): IterableIterator<[Windowed<K>, V]>
  reverseFetch(key: K): IterableIterator<[Windowed<K>, V]>
  /** Sessions of a key that end at `earliestEndMs` or later and start at `latestStartMs` or earlier: those that meet this span. */
  findSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ): IterableIterator<[Windowed<K>, V]>
  reverseFindSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ): IterableIterator<[Windowed<K>, V]>
  /** Sessions of all keys that end within this span: by end, then by the key's bytes. */
  findEndedSessions(earliestEndMs: number, latestEndMs: number): IterableIterator<[Windowed<K>, V]>
  /** Sessions held, over all keys. */
  readonly approximateEntryCount: number
}

/**
 * State by key and session. A session can be read and written while its end is later than the latest end put, minus the retention;
 * what is put after that is counted as expired and only goes to the changelog, as in Java.
 */
export interface SessionStore<K, V> extends ReadonlySessionStore<K, V>, StateStore {
  /**
   * `null` removes.
   * @param timestamp of the changelog's record; default that of the record under way
   * @param headers of what a cache sends when it lets the update go; default those of the record under way
   */
  put(key: K, window: Window, value: V | null, timestamp?: number, headers?: Headers): void
  remove(key: K, window: Window, timestamp?: number, headers?: Headers): void
  /**
   * Names who is told of updates when a cache lets them go.
   * @returns whether there is a cache; without one nobody is told
   */
  onFlush(listener: FlushListener<Windowed<K>, V>, sendsOldValues: boolean): boolean
}

export interface SessionStoreOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** How far behind the latest end sessions are kept, ms. */
  readonly retentionMs: number
  /** Default true. */
  readonly isLogged?: boolean
  readonly topicConfig?: Readonly<Record<string, string>>
  /** `persistent` (the default): in an app with a journal on disk, so that only what is missing there is restored. */
  readonly type?: 'memory' | 'persistent'
  /** Whether updates are held back until the next commit where the thread has caches. Default false. */
  readonly isCached?: boolean
}

/** State by key and session. */
export function sessionStore<K, V>(
  options: SessionStoreOptions<K, V>,
): StoreBuilder<SessionStore<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged ?? true,
    topicConfig: options.topicConfig ?? {},
    kind: 'session',
    changelog: { policy: 'compact,delete', retentionMs: options.retentionMs },
    serdes: { key: options.key, value: options.value },
    build: () => new ListedSessionStore(options),
    ...(options.isCached && { buildCached: (cache) => new ListedSessionStore(options, cache) }),
  }
}
