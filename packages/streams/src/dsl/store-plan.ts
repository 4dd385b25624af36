import { required, type Serde } from '../serde.ts'
import {
  inMemoryTimestampedKeyValueStore,
  type TimestampedKeyValueStore,
} from '../state/key-value-store.ts'
import type { StoreBuilder } from '../state/store.ts'
import { storeOptions, type Store, type StoreOptions } from './options.ts'
import type { StreamGraph } from './stream-graph.ts'

/** A store that a step of the DSL will have: its name, which takes a number of the graph's, and what it is made of. */
export interface StorePlan<K, V> {
  readonly name: string
  /** Whether the name was given, so that queries and others may count on it. */
  readonly isNamed: boolean
  readonly options: StoreOptions<K, V>
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
}

export function planStore<K, V>(
  graph: StreamGraph,
  prefix: string,
  store: Store<K, V> | undefined,
  inherited: { readonly key?: Serde<K> | undefined; readonly value?: Serde<V> | undefined },
): StorePlan<K, V> {
  const options = storeOptions(store)
  const name = options.name ?? graph.newStoreName(prefix)
  if (options.name === undefined) graph.refuseAnonymous('state store', name, 'store')
  return {
    name,
    isNamed: options.name !== undefined,
    options,
    key: options.key ?? inherited.key,
    value: options.value ?? inherited.value,
  }
}

export function keyValueStoreOf<K, V>(
  plan: StorePlan<K, V>,
): StoreBuilder<TimestampedKeyValueStore<K, V>> {
  const { logging } = plan.options
  return inMemoryTimestampedKeyValueStore({
    name: plan.name,
    key: required(plan.key, 'key', plan.name),
    value: required(plan.value, 'value', plan.name),
    isLogged: logging !== false,
    topicConfig: typeof logging === 'object' ? logging : {},
  })
}
