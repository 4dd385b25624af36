import type { Serde } from '../serde.ts'
import type { OffsetReset, StreamPartitioner } from '../topology/topology.ts'
import type { TimestampExtractor } from '../record.ts'
import type { StoreBuilder } from '../state/store.ts'

/** The name of the step in the topology; without one it is made from its kind and place. */
export interface Named {
  readonly name?: string
}

/** Of a step that uses stores. */
export interface ConnectedStores extends Named {
  /** Stores of the topology by name, or builders of stores that are added with the step. */
  readonly stores?: readonly (string | StoreBuilder)[] | undefined
}

/** How a topic is read. */
export interface SourceOptions<K, V> extends Named {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Default: the record's own timestamp. */
  readonly timestampExtractor?: TimestampExtractor
  /** Default `earliest`. */
  readonly offsetReset?: OffsetReset
}

/** How a topic is written. Serdes are those the stream was read with where nothing changed them. */
export interface SinkOptions<K, V> extends Named {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
  readonly partitioner?: StreamPartitioner<K, V>
}

/** A topic that a stream is sent through. */
export interface RepartitionOptions<K, V> extends SinkOptions<K, V> {
  /** How many it has, > 0. Default: as many as the largest of the topics that the stream comes from. */
  readonly partitions?: number
}

/** How records reach their group. `name` names the repartition topic, if one is needed: `<applicationId>-<name>-repartition`. */
export interface GroupedOptions<K, V> extends Named {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/** The store behind a table. */
export interface StoreOptions<K, V> {
  /** Its name: that of its changelog topic, of queries, and what it is found again by after the topology changed. */
  readonly name?: string
  readonly key?: Serde<K>
  readonly value?: Serde<V>
  /**
   * `memory` is restored from its changelog at each start; `persistent` (the default in an app) from where it stopped. Key-value stores are
   * on disk then; windows and sessions are in memory, with a journal on disk.
   */
  readonly type?: 'memory' | 'persistent'
  /** false: no changelog, and nothing to restore from. An object gives the changelog topic settings of Kafka's. Default true. */
  readonly logging?: boolean | Readonly<Record<string, string>>
  /**
   * Whether updates of a key between two commits are passed on as one, where the thread has caches. Default true; those of windows that are sent on
   * close are never held back.
   */
  readonly caching?: boolean
  /**
   * How long an entry lives from its timestamp on, ms, integer >= 1; of key-value stores only. Once the stream time of the task (the largest timestamp it
   * has taken) is that far, the entry is not read any more; it is then deleted, also in the changelog, and steps behind the table are told. Such a
   * store has no cache. Default: for good. Not in Java.
   * @experimental
   */
  readonly ttlMs?: number
  /** How long windows are kept, ms of stream time; of windowed stores only. Default: as long as they can change. */
  readonly retentionMs?: number
}

/** A store's name, or its options. */
export type Store<K, V> = string | StoreOptions<K, V>

export function storeOptions<K, V>(store: Store<K, V> | undefined): StoreOptions<K, V> {
  return typeof store === 'string' ? { name: store } : (store ?? {})
}
