import type { StoreOptions } from './dsl/options.ts'
import { checkedTtlMs } from './dsl/store-plan.ts'
import { StreamsError } from './errors.ts'
import type { Serde } from './serde.ts'
import {
  keyValueStoreBuilder,
  timestampedKeyValueStoreBuilder,
  type KeyValueStore,
  type TimestampedKeyValueStore,
} from './state/key-value-store.ts'
import type { PunctuationType } from './operator.ts'
import type { StoreBuilder } from './state/store.ts'
import { timerStoreBuilder, type TimerStore } from './state/timer-store.ts'

/** A store that processors use, which is named and knows how to write its keys and values. */
export type ProcessorStoreOptions<K, V> = Pick<StoreOptions<K, V>, 'type' | 'logging' | 'ttlMs'> & {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** As `ProcessorStoreOptions`. */
export type KeyValueStoreSettings<K, V> = ProcessorStoreOptions<K, V> & {
  /**
   * Keeps so many entries, those read or written last, integer >= 1; others are deleted, in the changelog too. Such a store is in memory, and
   * has no `ttlMs`. Default: all are kept.
   * @see Kafka Streams `Stores.lruMap`
   */
  readonly maxEntries?: number
}

/**
 * State by key for processors; their changelog records get the timestamp of the record under way.
 * @see Kafka Streams `Stores.keyValueStoreBuilder`
 */
export function keyValueStore<K, V>(
  options: KeyValueStoreSettings<K, V>,
): StoreBuilder<KeyValueStore<K, V>> {
  const { maxEntries } = options
  if (maxEntries === undefined) return keyValueStoreBuilder(engineOptions(options))
  refuseBadBound(options, maxEntries)
  return keyValueStoreBuilder({ ...engineOptions(options), type: 'memory', maxEntries })
}

/**
 * As `keyValueStore`, each value with a timestamp that the processor gives.
 * @see Kafka Streams `Stores.timestampedKeyValueStoreBuilder`
 */
export function timestampedKeyValueStore<K, V>(
  options: ProcessorStoreOptions<K, V>,
): StoreBuilder<TimestampedKeyValueStore<K, V>> {
  return timestampedKeyValueStoreBuilder(engineOptions(options))
}

/** Timers that processors use, with a name and a serde for their keys. */
export type TimerStoreSettings<K, P> = Pick<StoreOptions<K, P>, 'type' | 'logging'> & {
  readonly name: string
  readonly key: Serde<K>
  /** Of what timers carry; without it they carry nothing. */
  readonly payload?: Serde<P>
  /** Which clock the times are of: that of the records the task has taken, or the wall clock. */
  readonly clock: PunctuationType
}

/**
 * A store of timers for processors, which use it through `context.timers`. Not in Java.
 * @experimental
 */
export function timerStore<K, P = never>(
  options: TimerStoreSettings<K, P>,
): StoreBuilder<TimerStore<K, P>> {
  const { name, clock, key, payload, logging, type = 'persistent' } = options
  const topicConfig = typeof logging === 'object' ? logging : {}
  const isLogged = logging !== false
  return timerStoreBuilder({ name, clock, key, payload, isLogged, topicConfig, type })
}

function refuseBadBound<K, V>(
  { name, type, ttlMs }: ProcessorStoreOptions<K, V>,
  maxEntries: number,
): void {
  const isWhole = Number.isSafeInteger(maxEntries) && maxEntries >= 1
  if (isWhole && type !== 'persistent' && ttlMs === undefined) return
  throw new StreamsError(
    'MR_STREAMS_BAD_OPTION',
    isWhole
      ? `The store "${name}" has maxEntries, and so is in memory and keeps entries by their use. Leave out ${type === 'persistent' ? 'its type' : 'ttlMs'}, or maxEntries.`
      : `The store "${name}" is to keep ${maxEntries} entries; it must be a whole number, at least 1.`,
    { store: name, maxEntries },
  )
}

function engineOptions<K, V>(options: ProcessorStoreOptions<K, V>) {
  const { name, key, value, logging, type = 'persistent' } = options
  const topicConfig = typeof logging === 'object' ? logging : {}
  const ttlMs = checkedTtlMs(name, options.ttlMs)
  return { name, key, value, isLogged: logging !== false, topicConfig, type, ttlMs }
}
