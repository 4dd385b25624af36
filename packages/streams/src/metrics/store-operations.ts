/** What stores are asked for, in Java's words for the metrics of `stream-state-metrics`. */
export const storeOperations = [
  'put',
  'put-if-absent',
  'get',
  'delete',
  'range',
  'all',
  'prefix-scan',
  'fetch',
  'remove',
] as const
export type StoreOperation = (typeof storeOperations)[number]

/**
 * How often a store was asked for what, by steps and by queries. Fields that are added to where the store is asked, since that happens for each
 * record; they are looked at once a second. Owner: the store.
 */
export class OperationCounts {
  puts = 0
  putsIfAbsent = 0
  gets = 0
  deletes = 0
  ranges = 0
  alls = 0
  prefixScans = 0
  fetches = 0
  removes = 0
  /** Looks into the cache before the store, and those that found the key there. */
  cacheReads = 0
  cacheHits = 0

  /** A walk, which Java calls by another name where it is over everything. */
  walked(isBounded: boolean): void {
    if (isBounded) this.ranges++
    else this.alls++
  }

  byOperation(): Readonly<Record<StoreOperation, number>> {
    return {
      put: this.puts,
      'put-if-absent': this.putsIfAbsent,
      get: this.gets,
      delete: this.deletes,
      range: this.ranges,
      all: this.alls,
      'prefix-scan': this.prefixScans,
      fetch: this.fetches,
      remove: this.removes,
    }
  }
}
