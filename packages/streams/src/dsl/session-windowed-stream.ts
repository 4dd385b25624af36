import { sessionView } from '../operators/window-view.ts'
import { sessionAggregateOperator } from '../operators/session-aggregate.ts'
import { longSerde } from '../serde.ts'
import { sessionWindowedSerde, type Windowed } from '../windowed.ts'
import type { SessionWindows } from '../windows.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KTable } from './k-table.ts'
import type { Named, Store } from './options.ts'
import { planStore, type StorePlan } from './store-plan.ts'
import { WindowedTableNode } from './windowed-table-node.ts'
import { isUnnamed } from './windowed-stream.ts'
import { addWindowedNode, checkWindowedOptions, type WindowedOptions } from './windowed-node.ts'
import { retentionMs, sessionStoreOf } from './windowed-store.ts'

/** Records by key and session, ready to be aggregated. Made by `windowedBy`. */
export class SessionWindowedKStream<K, V> {
  readonly #grouped: KGroupedStream<K, V>
  readonly #windows: SessionWindows
  readonly #options: WindowedOptions<K, V>

  constructor(
    grouped: KGroupedStream<K, V>,
    windows: SessionWindows,
    options: WindowedOptions<K, V>,
  ) {
    this.#grouped = grouped
    this.#windows = windows
    checkWindowedOptions(options)
    this.#options = options
  }

  /** How many records each session of a key has had, those without a value too. */
  count(options: Named & { readonly store?: Store<K, number> } = {}): KTable<Windowed<K>, number> {
    const { graph, key } = this.#grouped.parts
    // Java takes a number here for a name it no longer uses.
    if (isUnnamed(options.store)) graph.newStoreName(prefix)
    const plan = planStore(graph, prefix, options.store, { key, value: longSerde })
    return this.#aggregate<number>(
      options,
      plan,
      () => 0,
      (count) => (count ?? 0) + 1,
      (left, right) => (left ?? 0) + right,
    )
  }

  /** The values of a session made one: the first as it is, then `reducer(soFar, next)`; sessions that merge, too. */
  reduce(
    reducer: (reduced: V, value: V, key: K) => V | null,
    options: Named & { readonly store?: Store<K, V> } = {},
  ): KTable<Windowed<K>, V> {
    const { graph, key, value } = this.#grouped.parts
    const plan = planStore(graph, reducePrefix, options.store, { key, value })
    const reduce = (reduced: V | null, next: V, of: K): V | null =>
      reduced === null ? next : reducer(reduced, next, of)
    return this.#aggregate<V>(options, plan, () => null, reduce, reduce, reducePrefix)
  }

  /**
   * As `reduce`, with a result of another type.
   * @param merge makes one of two sessions' results; its first argument begins as what `initialize` gives
   */
  aggregate<A>(
    initialize: () => A,
    aggregator: (aggregate: A, value: V, key: K) => A | null,
    merge: (left: A, right: A, key: K) => A,
    options: Named & { readonly store?: Store<K, A> } = {},
  ): KTable<Windowed<K>, A> {
    const { graph, key } = this.#grouped.parts
    const plan = planStore(graph, prefix, options.store, { key })
    return this.#aggregate<A>(
      options,
      plan,
      initialize,
      aggregator as (aggregate: A | null, value: V, key: K) => A | null,
      merge as (left: A | null, right: A, key: K) => A | null,
    )
  }

  #aggregate<A>(
    options: Named,
    plan: StorePlan<K, A>,
    initialize: () => A | null,
    aggregate: (aggregate: A | null, value: V, key: K) => A | null,
    merge: (left: A | null, right: A, key: K) => A | null,
    namePrefix = prefix,
  ): KTable<Windowed<K>, A> {
    const { graph } = this.#grouped.parts
    const { isCompatible } = graph
    const { closeIdleAfterMs } = this.#options
    const windows = this.#windows
    const emit = this.#options.emit ?? 'update'
    retentionMs(plan, windows)
    const name = graph.nameOr(options.name, namePrefix)
    const step = new WindowedTableNode<K, A>(sessionView(plan.name))
    const aggregation = {
      storeName: plan.name,
      initialize,
      aggregate,
      merge,
      emit,
      isCompatible,
      step,
    }
    const { node, sources } = addWindowedNode(this.#grouped, {
      name,
      storeName: plan.name,
      isStoreNamed: plan.isNamed,
      graceMs: windows.graceMs + windows.gapMs,
      late: this.#options.late,
      make: (outlets) => ({
        supplier: sessionAggregateOperator(windows, { ...aggregation, closeIdleAfterMs, outlets }),
        store: sessionStoreOf(plan, windows, { emit, isCompatible }),
      }),
    })
    const key = plan.key && sessionWindowedSerde(plan.key)
    return graph.make.table({ graph, node, name, key, value: plan.value, sources, step })
  }
}

const prefix = 'KSTREAM-AGGREGATE-'
const reducePrefix = 'KSTREAM-REDUCE-'
