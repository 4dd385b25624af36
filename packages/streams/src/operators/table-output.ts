import type { OperatorContext } from '../operator.ts'
import { noHeaders, type Change, type Headers, type RecordContext } from '../record.ts'
import { CachedKeyValueStore } from '../state/cached-key-value-store.ts'
import type { TimestampedKeyValueStore } from '../state/key-value-store.ts'

/** Where an operator that keeps a table puts its updates: into the store, and downstream. */
export interface TableOutput<K, V> {
  /** Whether `put` wants to know what the key had: somebody downstream asked, and no cache finds it out by itself. */
  readonly needsOldValue: boolean
  /**
   * @param recordTimestamp of the record that makes the update; a deletion is stored with it, as in Java
   * @param timestamp of the result
   */
  put(
    key: K,
    newValue: V | null,
    oldValue: V | null,
    recordTimestamp: number,
    timestamp: number,
    headers: Headers,
  ): void
}

/** Behind a cache, updates go downstream when it lets them go; else each at once. Without a store, all go downstream. */
export function tableOutput<K, V>(
  { forward, task }: Pick<OperatorContext, 'forward' | 'task'>,
  store: TimestampedKeyValueStore<K, V> | undefined,
  sendsOldValues: boolean,
): TableOutput<K, V> {
  if (store instanceof CachedKeyValueStore) {
    const cached = store as CachedKeyValueStore<K, V>
    cached.onFlush(
      (key, change, timestamp, headers, source) =>
        task.forwardAs(source, forward, key, change, timestamp, headers),
      sendsOldValues,
    )
    return {
      needsOldValue: false,
      put: (key, newValue, _, recordTimestamp, timestamp, headers) =>
        cached.hold(key, newValue, newValue === null ? recordTimestamp : timestamp, headers),
    }
  }
  store?.onExpired?.((key, value, timestamp) => {
    const change: Change<V> = { newValue: null, oldValue: sendsOldValues ? value : null }
    task.runAs(expiredAt(timestamp), () => forward(key, change, timestamp, noHeaders))
  })
  return {
    needsOldValue: sendsOldValues,
    put(key, newValue, oldValue, recordTimestamp, timestamp, headers) {
      store?.put(key, newValue, newValue === null ? recordTimestamp : timestamp)
      forward(key, { newValue, oldValue } satisfies Change<V>, timestamp, headers)
    },
  }
}

/** No record is under way when an entry's time to live is over. */
function expiredAt(timestamp: number): RecordContext {
  return {
    topic: undefined,
    partition: -1,
    offset: -1,
    timestamp,
    headers: noHeaders,
    rawKey: null,
    rawValue: null,
  }
}
