import type { Windowed } from '../windowed.ts'
import type { ReadOptions, StoreReader, WalkOptions } from './store-reader.ts'
import type { StoreRow } from './store-read.ts'

/** A session store, read from outside of processors. Times are ms; ranges include both ends. */
export interface QueryableSessionStore<K, V> {
  /** The value of one session. */
  fetchSession(
    key: K,
    startMs: number,
    endMs: number,
    options?: ReadOptions,
  ): Promise<V | undefined>
  /** Sessions of a key by end; of those with one end, the later start first. */
  fetch(key: K, options?: WalkOptions): AsyncIterableIterator<[Windowed<K>, V]>
  reverseFetch(key: K, options?: WalkOptions): AsyncIterableIterator<[Windowed<K>, V]>
  /** Sessions of a key that end at `earliestEndMs` or later and start at `latestStartMs` or earlier: those that meet this span. */
  findSessions(
    key: K,
    earliestEndMs: number,
    latestStartMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[Windowed<K>, V]>
  /** Sessions of all keys that end within this span, by end, then by the key's bytes: in each partition or, with `isSorted`, over all. */
  findEndedSessions(
    earliestEndMs: number,
    latestEndMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[Windowed<K>, V]>
  approximateEntryCount(options?: ReadOptions): Promise<number>
}

const everMs = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const

/** @param given makes what the reader sees of a row */
export function sessionQuery<K, V, Seen>(
  reader: StoreReader<K, V>,
  given: (row: StoreRow) => Seen,
): QueryableSessionStore<K, Seen> {
  async function* entries(rows: AsyncIterable<StoreRow>): AsyncGenerator<[Windowed<K>, Seen]> {
    for await (const row of rows) {
      const { startMs, endMs } = row
      yield [{ key: reader.keyOf(row), window: { startMs, endMs } }, given(row)]
    }
  }
  const ofKey = (
    key: K,
    [earliestEndMs, latestStartMs]: readonly [number, number],
    isReverse: boolean,
    options?: WalkOptions,
  ): AsyncGenerator<[Windowed<K>, Seen]> => {
    const span = { earliestEndMs, latestStartMs, isReverse }
    const read = { kind: 'sessionsOfKey', key: reader.keyBytes(key), ...span } as const
    return entries(reader.ofKey(key, read, options))
  }
  return {
    async fetchSession(key, startMs, endMs, options) {
      const read = { kind: 'session', key: reader.keyBytes(key), startMs, endMs } as const
      const row = await reader.one(key, read, options)
      return row && given(row)
    },
    fetch: (key, options) => ofKey(key, everMs, false, options),
    reverseFetch: (key, options) => ofKey(key, everMs, true, options),
    findSessions: (key, earliestEndMs, latestStartMs, options) =>
      ofKey(key, [earliestEndMs, latestStartMs], false, options),
    findEndedSessions: (earliestEndMs, latestEndMs, options) =>
      entries(reader.ofAll({ kind: 'endedSessions', earliestEndMs, latestEndMs }, options)),
    approximateEntryCount: (options) => reader.entryCount(options),
  }
}
