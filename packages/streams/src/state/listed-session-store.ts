import { OperationCounts } from '../metrics/store-operations.ts'
import { noHeaders, type Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { FlushListener } from './cached-key-value-store.ts'
import type { RecordCache } from './record-cache.ts'
import type { SessionStore, SessionStoreOptions } from './session-store.ts'
import { SortedNumbers } from './sorted-numbers.ts'
import type { AppendRow, JournalOwner, StateJournal } from './state-journal.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { storeValues, type StoreValues } from './store-values.ts'
import type { StoreContext } from './store.ts'
import { objectRows, type HoldingRow } from './update-columns.ts'
import { readSessionChangelogKey, sessionChangelogKey } from './window-key.ts'
import { WindowedUpdates } from './windowed-updates.ts'

/** A session of a key. Its value is changed in place. */
class Session implements HoldingRow {
  readonly id: string
  readonly window: Window
  /** As `StoreValues` keeps it; null: it is gone. */
  value: unknown = null
  /** Of its changelog record. */
  timestamp = -1
  /** The journal has it, if not as it is now. */
  isStored = false
  heldAt = -1

  constructor(id: string, window: Window) {
    this.id = id
    this.window = window
  }
}

const spansPerRetention = 256
/** About what a changed session costs. A large value is held by the store anyway. */
const changeBytes = 200

/**
 * Sessions of a key in a list, of which a key seldom has more than a few; and which keys have sessions of which end, for expiry and for
 * closing. All are in memory; on disk there is a journal of them, where that is wanted.
 *
 * Behind a cache, what is sent and logged waits for the next flush (trap 36); the store is the same as without.
 * @see Kafka Streams `InMemorySessionStore`, whose expiry and order this is; `CachingSessionStore`
 */
export class ListedSessionStore<K, V> implements SessionStore<K, V>, JournalOwner {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly #value: Serde<V>
  readonly #keys: StoreKeys<K>
  readonly #values: StoreValues<V>
  readonly #retentionMs: number
  readonly #spanMs: number
  readonly #isOnDisk: boolean
  /** By end; of those with one end, the later start first. */
  readonly #sessions = new Map<string, Session[]>()
  readonly #ends = new SortedNumbers()
  readonly #keysByEnd = new Map<number, Set<string>>()
  /** Latest end put (trap 1: a clock of its own). */
  #observedMs = -1
  #context: StoreContext | undefined
  #journal: StateJournal | undefined
  /** Sessions that the journal does not have as they are. */
  readonly #changed = new Set<Session>()
  readonly #updates: WindowedUpdates<K, V, Session> | undefined
  /** By key, sessions that are gone since the last flush, which somebody was told of. */
  readonly #gone = new Map<string, Session[]>()

  /** @param cache holds back what is sent and logged */
  constructor(options: SessionStoreOptions<K, V>, cache?: RecordCache) {
    this.name = options.name
    this.#value = options.value
    this.#keys = storeKeys(options.key)
    this.#values = storeValues(options.value)
    this.#retentionMs = options.retentionMs
    this.#spanMs = Math.max(1, Math.ceil(options.retentionMs / spansPerRetention))
    this.#isOnDisk = options.type !== 'memory'
    if (!cache) return
    const [keys, values] = [this.#keys, this.#values]
    this.#updates = new WindowedUpdates<K, V, Session>(cache, {
      rows: objectRows,
      keys,
      values,
      windowOf: ({ window }) => window,
      onLeave: ({ id, window }, value, timestamp, isNews) => {
        if (isNews) this.#log(id, window, value === null ? null : values.bytesOf(value), timestamp)
      },
    })
  }

  get isPersistent(): boolean {
    return this.#journal !== undefined
  }

  get approximateEntryCount(): number {
    let count = 0
    for (const sessions of this.#sessions.values()) count += sessions.length
    return count
  }

  get changedBytes(): number {
    return this.#changed.size * changeBytes
  }

  init(context: StoreContext): void {
    this.#context = context
    if (!this.#isOnDisk || !context.environment) return
    const journal = context.environment.journal(this.name, this)
    this.#observe(journal.timeMs)
    journal.read((key, value, timestamp) => {
      const session = this.#restored(key, value, timestamp)
      if (session) session.isStored = true
    })
    this.#journal = journal
  }

  onFlush(listener: FlushListener<Windowed<K>, V>, sendsOldValues: boolean): boolean {
    this.#updates?.onFlush(listener, sendsOldValues)
    return this.#updates !== undefined
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number): void {
    this.#restored(key, value, timestamp)
  }

  fetchSession(key: K, startMs: number, endMs: number): V | undefined {
    this.operations.fetches++
    const session = this.#find(this.#keys.idOf(key), { startMs, endMs })
    return session && this.#values.give(session.value)
  }

  fetch(key: K): IterableIterator<[Windowed<K>, V]> {
    return this.findSessions(key, -Infinity, Infinity)
  }

  reverseFetch(key: K): IterableIterator<[Windowed<K>, V]> {
    return this.reverseFindSessions(key, -Infinity, Infinity)
  }

  *findSessions(key: K, earliestEndMs: number, latestStartMs: number): Generator<[Windowed<K>, V]> {
    this.operations.fetches++
    yield* this.#given(key, this.#found(key, earliestEndMs, latestStartMs))
  }

  *reverseFindSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
  ): Generator<[Windowed<K>, V]> {
    this.operations.fetches++
    yield* this.#given(key, this.#found(key, earliestEndMs, latestStartMs).toReversed())
  }

  *findEndedSessions(earliestEndMs: number, latestEndMs: number): Generator<[Windowed<K>, V]> {
    this.operations.fetches++
    for (const endMs of this.#ends.range(earliestEndMs, latestEndMs)) {
      const ids = [...(this.#keysByEnd.get(endMs) ?? [])].toSorted(this.#keys.compare)
      for (const id of ids) {
        const ended = this.#endedOf(id, endMs)
        if (ended.length > 0) yield* this.#given(this.#keys.keyOf(id), ended)
      }
    }
  }

  put(key: K, window: Window, value: V | null, timestamp?: number, headers?: Headers): void {
    this.operations.puts++
    const id = this.#keys.idOf(key)
    const context = this.#context
    const loggedTimestamp = timestamp ?? context?.record.timestamp ?? -1
    if (this.#updates && context) {
      const kept = value === null ? null : this.#values.keepValue(value)
      const put = { id, window, kept, timestamp: loggedTimestamp, headers }
      return this.#putHeld(context, this.#updates, put)
    }
    const bytes = value === null ? null : this.#value.serialize(value)
    const kept = value === null || bytes === null ? null : this.#values.keep(value, bytes)
    const isKept = this.#observe(window.endMs)
    if (isKept) this.#change(id, window, kept, loggedTimestamp)
    else context?.countExpired()
    this.#log(id, window, bytes, loggedTimestamp)
  }

  remove(key: K, window: Window, timestamp?: number, headers?: Headers): void {
    this.operations.removes++
    const id = this.#keys.idOf(key)
    const context = this.#context
    const loggedTimestamp = timestamp ?? context?.record.timestamp ?? -1
    if (this.#updates && context)
      this.#hold(context, this.#updates, {
        id,
        window,
        kept: null,
        timestamp: loggedTimestamp,
        headers,
      })
    else {
      this.#change(id, window, null, loggedTimestamp)
      this.#log(id, window, null, loggedTimestamp)
    }
  }

  flush(): void {
    this.#gone.clear()
    this.#updates?.flush()
  }

  close(): void {
    this.#updates?.clear()
    this.#forgetSessions()
  }

  clear(): void {
    this.#forgetSessions()
    this.#observedMs = -1
  }

  appendChanges(append: AppendRow): void {
    for (const session of this.#changed) {
      this.#append(session, append)
      session.isStored = session.value !== null
    }
    this.#changed.clear()
  }

  appendSpan(span: number, append: AppendRow): void {
    const fromMs = span * this.#spanMs
    for (const endMs of this.#ends.range(fromMs, fromMs + this.#spanMs - 1))
      for (const id of this.#keysByEnd.get(endMs) ?? [])
        for (const session of this.#endedOf(id, endMs)) this.#append(session, append)
  }

  #append({ id, window, value, timestamp }: Session, append: AppendRow): void {
    append(
      Math.floor(window.endMs / this.#spanMs),
      sessionChangelogKey(this.#keys, id, window.startMs, window.endMs),
      value === null ? null : this.#values.bytesOf(value),
      timestamp,
    )
  }

  #restored(key: Buffer, value: Buffer | null, timestamp: number): Session | undefined {
    const { key: keyBytes, startMs, endMs } = readSessionChangelogKey(key)
    if (!this.#observe(endMs)) return undefined
    const kept = value && this.#values.keepBytes(value)
    return this.#change(this.#keys.idOfBytes(keyBytes), { startMs, endMs }, kept, timestamp)
  }

  #putHeld(context: StoreContext, updates: WindowedUpdates<K, V, Session>, put: Put): void {
    if (this.#observe(put.window.endMs)) return this.#hold(context, updates, put)
    context.countExpired()
    // Sent and logged all the same.
    const session = new Session(put.id, put.window)
    session.value = put.kept
    session.timestamp = put.timestamp
    if (updates.hold(session, null, put.headers, context)) this.flush()
  }

  #hold(context: StoreContext, updates: WindowedUpdates<K, V, Session>, put: Put): void {
    const { id, window, kept, timestamp, headers } = put
    const before = this.#find(id, window)?.value ?? null
    const session = this.#change(id, window, kept, timestamp)
    if (!session) return
    if (kept === null && updates.forgetNew(session)) return
    if (updates.hold(session, before, headers, context)) this.flush()
    if (kept !== null) return
    const gone = this.#gone.get(id)
    if (gone) gone.push(session)
    else this.#gone.set(id, [session])
  }

  #log(id: string, { startMs, endMs }: Window, bytes: Buffer | null, timestamp: number): void {
    const log = this.#context?.logChange
    log?.(sessionChangelogKey(this.#keys, id, startMs, endMs), bytes, timestamp, noHeaders)
  }

  /** Returns the session; undefined where there was none, and none is to be. */
  #change(id: string, window: Window, kept: unknown, timestamp: number): Session | undefined {
    const present = this.#find(id, window)
    if (!present && kept === null) return undefined
    const session = present ?? this.#comeBack(id, window) ?? new Session(id, window)
    if (!present) this.#add(session)
    session.value = kept
    session.timestamp = timestamp
    if (kept === null) this.#delete(session)
    if (!this.#journal) return session
    // What came and went between two commits is not written.
    if (kept === null && !session.isStored) this.#changed.delete(session)
    else this.#changed.add(session)
    return session
  }

  /** A session that went since the last flush is the same one, for those who were told of it. */
  #comeBack(id: string, { startMs, endMs }: Window): Session | undefined {
    const gone = this.#gone.get(id)
    const at =
      gone?.findIndex(({ window }) => window.startMs === startMs && window.endMs === endMs) ?? -1
    return at < 0 ? undefined : gone?.splice(at, 1)[0]
  }

  #find(id: string, { startMs, endMs }: Window): Session | undefined {
    return this.#sessions
      .get(id)
      ?.find(({ window }) => window.startMs === startMs && window.endMs === endMs)
  }

  #add(session: Session): void {
    const { id } = session
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

  #delete(session: Session): void {
    const { id } = session
    const { endMs } = session.window
    const sessions = this.#sessions.get(id)
    const at = sessions?.indexOf(session) ?? -1
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

  /** Time goes on, and with it sessions. Returns whether one of this end is kept. */
  #observe(endMs: number): boolean {
    if (endMs > this.#observedMs) {
      this.#observedMs = endMs
      if (this.#journal) this.#journal.timeMs = endMs
      this.#expire()
    }
    return endMs > this.#observedMs - this.#retentionMs
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
    this.#journal?.dropBefore(Math.floor(leastMs / this.#spanMs))
  }

  #forgetSessions(): void {
    this.#sessions.clear()
    this.#keysByEnd.clear()
    this.#ends.clear()
    this.#changed.clear()
    this.#gone.clear()
  }

  #endedOf(id: string, endMs: number): Session[] {
    return this.#sessions.get(id)?.filter(({ window }) => window.endMs === endMs) ?? []
  }

  #found(key: K, earliestEndMs: number, latestStartMs: number): Session[] {
    const sessions = this.#sessions.get(this.#keys.idOf(key)) ?? []
    return sessions.filter(
      ({ window }) => window.endMs >= earliestEndMs && window.startMs <= latestStartMs,
    )
  }

  *#given(key: K, sessions: readonly Session[]): Generator<[Windowed<K>, V], void, undefined> {
    for (const { window, value } of sessions)
      if (value !== null) yield [{ key, window }, this.#values.give(value)]
  }
}

/** An update behind a cache. */
interface Put {
  readonly id: string
  readonly window: Window
  readonly kept: unknown
  readonly timestamp: number
  readonly headers: Headers | undefined
}

function isBefore(left: Window, right: Window): boolean {
  return left.endMs === right.endMs ? left.startMs > right.startMs : left.endMs < right.endMs
}
