import { StreamsError } from '../errors.ts'
import { required, type Serde } from '../serde.ts'
import {
  timestampedKeyValueStoreBuilder,
  type TimestampedKeyValueStore,
} from '../state/key-value-store.ts'
import { CachedKeyValueStore } from '../state/cached-key-value-store.ts'
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

/** @param use `later`: the store may never be needed; whoever comes to need it calls `refuseUnnamed` */
export function planStore<K, V>(
  graph: StreamGraph,
  prefix: string,
  store: Store<K, V> | undefined,
  inherited: { readonly key?: Serde<K> | undefined; readonly value?: Serde<V> | undefined },
  use: 'now' | 'later' = 'now',
): StorePlan<K, V> {
  const options = storeOptions(store)
  const name = options.name ?? graph.newStoreName(prefix)
  const plan = {
    name,
    isNamed: options.name !== undefined,
    options,
    key: options.key ?? inherited.key,
    value: options.value ?? inherited.value,
  }
  if (use === 'now') refuseUnnamed(graph, plan)
  return plan
}

/** The store of a table that is computed from another: it has one only under a name. */
export interface DerivedStorePlan<K, V> {
  /** Undefined: no store. */
  readonly name: string | undefined
  readonly store: StorePlan<K, V> | undefined
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
}

/** Options of a store without a name give its serdes only; they take a number, as Java's `Materialized.with` does. */
export function planDerivedStore<K, V>(
  graph: StreamGraph,
  prefix: string,
  store: Store<K, V> | undefined,
  inherited: { readonly key?: Serde<K> | undefined; readonly value?: Serde<V> | undefined },
): DerivedStorePlan<K, V> {
  if (store === undefined)
    return { name: undefined, store: undefined, key: inherited.key, value: inherited.value }
  const plan = planStore(graph, prefix, store, inherited, 'later')
  const { key, value } = plan
  return plan.isNamed
    ? { name: plan.name, store: plan, key, value }
    : { name: undefined, store: undefined, key, value }
}

/** @throws StreamsError `MR_STREAMS_ANONYMOUS_STATE` where the store has no name of its own and that is not allowed */
export function refuseUnnamed<K, V>(graph: StreamGraph, plan: StorePlan<K, V>): void {
  if (!plan.isNamed) graph.refuseAnonymous('state store', plan.name, 'store')
}

export function keyValueStoreOf<K, V>(
  plan: StorePlan<K, V>,
): StoreBuilder<TimestampedKeyValueStore<K, V>> {
  const { logging, caching } = plan.options
  const options = {
    name: plan.name,
    key: required(plan.key, 'key', plan.name),
    value: required(plan.value, 'value', plan.name),
    isLogged: logging !== false,
    topicConfig: typeof logging === 'object' ? logging : {},
    type: plan.options.type ?? 'persistent',
    ttlMs: checkedTtlMs(plan.name, plan.options.ttlMs),
  } as const
  const builder = timestampedKeyValueStoreBuilder(options)
  // What a cache holds has no place in the order of times.
  if (caching === false || options.ttlMs !== undefined) return builder
  return { ...builder, buildCached: (cache) => new CachedKeyValueStore(options, cache) }
}

/** @throws StreamsError `MR_STREAMS_BAD_OPTION` */
export function checkedTtlMs(name: string, ttlMs: number | undefined): number | undefined {
  if (ttlMs === undefined || (Number.isSafeInteger(ttlMs) && ttlMs >= 1)) return ttlMs
  throw new StreamsError(
    'MR_STREAMS_BAD_OPTION',
    `The entries of "${name}" are to live for ${ttlMs} ms; it must be a whole number of ms, at least 1.`,
    { store: name, ttlMs },
  )
}
