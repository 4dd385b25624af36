import type { StoreOptions } from './dsl/options.ts'
import type { Serde } from './serde.ts'
import {
  keyValueStoreBuilder,
  timestampedKeyValueStoreBuilder,
  type KeyValueStore,
  type TimestampedKeyValueStore,
} from './state/key-value-store.ts'
import type { StoreBuilder } from './state/store.ts'

/** A store that processors use, which is named and knows how to write its keys and values. */
export type ProcessorStoreOptions<K, V> = Pick<StoreOptions<K, V>, 'type' | 'logging'> & {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/**
 * State by key for processors; their changelog records get the timestamp of the record under way.
 * @see Kafka Streams `Stores.keyValueStoreBuilder`
 */
export function keyValueStore<K, V>(
  options: ProcessorStoreOptions<K, V>,
): StoreBuilder<KeyValueStore<K, V>> {
  return keyValueStoreBuilder(engineOptions(options))
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

function engineOptions<K, V>(options: ProcessorStoreOptions<K, V>) {
  const { name, key, value, logging, type = 'persistent' } = options
  const topicConfig = typeof logging === 'object' ? logging : {}
  return { name, key, value, isLogged: logging !== false, topicConfig, type }
}
