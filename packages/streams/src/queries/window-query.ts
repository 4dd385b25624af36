import type { Windowed } from '../windowed.ts'
import type { ReadOptions, StoreReader, WalkOptions } from './store-reader.ts'
import type { StoreRow } from './store-read.ts'

/** A window store, read from outside of processors. Times are starts of windows, ms; ranges include both ends. */
export interface QueryableWindowStore<K, V> {
  /** The value of one window. */
  fetch(key: K, startMs: number, options?: ReadOptions): Promise<V | undefined>
  /** Windows of a key by start. */
  fetchRange(
    key: K,
    fromMs: number,
    toMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[startMs: number, V]>
  /** As `fetchRange`, the latest first. */
  reverseFetchRange(
    key: K,
    fromMs: number,
    toMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[startMs: number, V]>
  /** Windows of all keys, by start, then by the key's bytes: in each partition or, with `isSorted`, over all. */
  fetchAll(
    fromMs: number,
    toMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[Windowed<K>, V]>
  reverseFetchAll(
    fromMs: number,
    toMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[Windowed<K>, V]>
  /** As `fetchAll`, of the keys from `from` to `to`, in the order of their bytes, undefined being open. */
  fetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
    options?: WalkOptions,
  ): AsyncIterableIterator<[Windowed<K>, V]>
  approximateEntryCount(options?: ReadOptions): Promise<number>
}

/** @param given makes what the reader sees of a row */
export function windowQuery<K, V, Seen>(
  reader: StoreReader<K, V>,
  given: (row: StoreRow) => Seen,
): QueryableWindowStore<K, Seen> {
  async function* ofKey(
    key: K,
    fromMs: number,
    toMs: number,
    isReverse: boolean,
    options?: WalkOptions,
  ): AsyncGenerator<[number, Seen]> {
    const keyBytes = reader.keyBytes(key)
    const read = { kind: 'windowsOfKey', key: keyBytes, fromMs, toMs, isReverse } as const
    for await (const row of reader.ofKey(key, read, options)) yield [row.startMs, given(row)]
  }
  async function* ofKeys(
    [from, to]: readonly [K | undefined, K | undefined],
    [fromMs, toMs]: readonly [number, number],
    isReverse: boolean,
    options?: WalkOptions,
  ): AsyncGenerator<[Windowed<K>, Seen]> {
    const bounds = { from: reader.boundBytes(from), to: reader.boundBytes(to), fromMs, toMs }
    const rows = reader.ofAll({ kind: 'windows', ...bounds, isReverse }, options)
    for await (const row of rows) {
      const { startMs, endMs } = row
      yield [{ key: reader.keyOf(row), window: { startMs, endMs } }, given(row)]
    }
  }
  const all = [undefined, undefined] as const
  return {
    async fetch(key, startMs, options) {
      const read = { kind: 'window', key: reader.keyBytes(key), startMs } as const
      const row = await reader.one(key, read, options)
      return row && given(row)
    },
    fetchRange: (key, fromMs, toMs, options) => ofKey(key, fromMs, toMs, false, options),
    reverseFetchRange: (key, fromMs, toMs, options) => ofKey(key, fromMs, toMs, true, options),
    fetchAll: (fromMs, toMs, options) => ofKeys(all, [fromMs, toMs], false, options),
    reverseFetchAll: (fromMs, toMs, options) => ofKeys(all, [fromMs, toMs], true, options),
    fetchKeys: (from, to, fromMs, toMs, options) =>
      ofKeys([from, to], [fromMs, toMs], false, options),
    approximateEntryCount: (options) => reader.entryCount(options),
  }
}
