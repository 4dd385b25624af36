import type { StoreKind, ValueAndTimestamp } from '../state/store.ts'
import type { Serde } from '../serde.ts'
import { StreamsError } from '../errors.ts'
import type { StreamPartitioner } from '../topology/topology.ts'
import { keyValueQuery, type QueryableKeyValueStore } from './key-value-query.ts'
import { sessionQuery, type QueryableSessionStore } from './session-query.ts'
import type { StoreReader, ReadOptions } from './store-reader.ts'
import { windowQuery, type QueryableWindowStore } from './window-query.ts'

/** What a store is read as. `keyValue` and `window` give values; the timestamped ones the timestamp of the record that made it with each. */
export interface QueryableStores<K, V> {
  readonly keyValue: QueryableKeyValueStore<K, V>
  readonly timestampedKeyValue: QueryableKeyValueStore<K, ValueAndTimestamp<V>>
  readonly window: QueryableWindowStore<K, V>
  readonly timestampedWindow: QueryableWindowStore<K, ValueAndTimestamp<V>>
  readonly session: QueryableSessionStore<K, V>
}

export type QueryableStoreType = keyof QueryableStores<unknown, unknown>

/** Which store is read, and how; options of reads are those of all its reads. */
export interface StoreQueryOptions<K, V, Type extends QueryableStoreType> extends ReadOptions {
  readonly type: Type
  /** As the topology writes them. */
  readonly key: Serde<K>
  readonly value: Serde<V>
  /**
   * `instance`: partitions that this instance has; a key of another one is `MR_STREAMS_NOT_OWNER`. `application`: all of them, wherever they
   * are, over the instances' query servers. Default `instance`.
   */
  readonly scope?: 'instance' | 'application'
  /** Where keys are, if neither by the hash of their bytes nor by the partitioner of the repartition step before the store. */
  readonly partitioner?: StreamPartitioner<K, never>
}

const kindsOf: Readonly<Record<QueryableStoreType, readonly StoreKind[]>> = {
  keyValue: ['keyValue', 'timestampedKeyValue'],
  timestampedKeyValue: ['timestampedKeyValue'],
  window: ['window'],
  timestampedWindow: ['window'],
  session: ['session'],
}

/** @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` */
export function checkType(store: string, kind: StoreKind, type: QueryableStoreType): void {
  if (kindsOf[type].includes(kind)) return
  const fitting = Object.entries(kindsOf).flatMap(([each, kinds]) =>
    kinds.includes(kind) ? [`'${each}'`] : [],
  )
  throw new StreamsError(
    'MR_STREAMS_UNKNOWN_STORE',
    `The store "${store}" is of the kind ${kind} and cannot be read as '${type}', but as ${fitting.join(' or ')}.`,
    { store, kind, type },
  )
}

export function queryableStore<K, V, Type extends QueryableStoreType>(
  type: Type,
  reader: StoreReader<K, V>,
): QueryableStores<K, V>[Type] {
  const value = reader.valueOf.bind(reader)
  const timestamped = (row: Parameters<typeof value>[0]): ValueAndTimestamp<V> => ({
    value: reader.valueOf(row),
    timestamp: row.timestamp,
  })
  const make: { [T in QueryableStoreType]: () => QueryableStores<K, V>[T] } = {
    keyValue: () => keyValueQuery(reader, value),
    timestampedKeyValue: () => keyValueQuery(reader, timestamped),
    window: () => windowQuery(reader, value),
    timestampedWindow: () => windowQuery(reader, timestamped),
    session: () => sessionQuery(reader, value),
  }
  return make[type]()
}
