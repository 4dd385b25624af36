import type { ReadOptions, StoreReader, WalkOptions } from './store-reader.ts'
import type { StoreRow } from './store-read.ts'

/**
 * A key-value store, read from outside of processors: page by page, each page as the store was at one moment, the next perhaps later.
 * Reads wait up to `timeoutMs` for a store that is being restored or moved.
 */
export interface QueryableKeyValueStore<K, V> {
  get(key: K, options?: ReadOptions): Promise<V | undefined>
  /** From `from` to `to`, both inclusive, undefined being open: in the order of the keys' bytes, in each partition or, with `isSorted`, over all. */
  range(from?: K, to?: K, options?: WalkOptions): AsyncIterableIterator<[K, V]>
  reverseRange(from?: K, to?: K, options?: WalkOptions): AsyncIterableIterator<[K, V]>
  all(options?: WalkOptions): AsyncIterableIterator<[K, V]>
  /** All keys whose bytes begin with these. */
  prefixScan(prefix: Buffer, options?: WalkOptions): AsyncIterableIterator<[K, V]>
  approximateEntryCount(options?: ReadOptions): Promise<number>
}

/** @param given makes what the reader sees of a row */
export function keyValueQuery<K, V, Seen>(
  reader: StoreReader<K, V>,
  given: (row: StoreRow) => Seen,
): QueryableKeyValueStore<K, Seen> {
  async function* entries(rows: AsyncIterable<StoreRow>): AsyncGenerator<[K, Seen]> {
    for await (const row of rows) yield [reader.keyOf(row), given(row)]
  }
  const range = (
    from: K | undefined,
    to: K | undefined,
    isReverse: boolean,
    options?: WalkOptions,
  ): AsyncGenerator<[K, Seen]> => {
    const bounds = { from: reader.boundBytes(from), to: reader.boundBytes(to) }
    return entries(reader.ofAll({ kind: 'range', ...bounds, isReverse }, options))
  }
  return {
    async get(key, options) {
      const read = { kind: 'get', key: reader.keyBytes(key) } as const
      const row = await reader.one(key, read, options)
      return row && given(row)
    },
    range: (from, to, options) => range(from, to, false, options),
    reverseRange: (from, to, options) => range(from, to, true, options),
    all: (options) => range(undefined, undefined, false, options),
    prefixScan: (prefix, options) => entries(reader.ofAll({ kind: 'prefix', prefix }, options)),
    approximateEntryCount: (options) => reader.entryCount(options),
  }
}
