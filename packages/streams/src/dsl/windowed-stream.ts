import { windowView } from '../operators/window-view.ts'
import { slidingAggregateOperator } from '../operators/sliding-aggregate.ts'
import { countRecords } from '../operators/aggregate.ts'
import { windowAggregateOperator } from '../operators/window-aggregate.ts'
import { longSerde } from '../serde.ts'
import { timeWindowedSerde, type Windowed } from '../windowed.ts'
import type { SlidingWindows, TimeWindows } from '../windows.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KTable } from './k-table.ts'
import { storeOptions, type Named, type Store } from './options.ts'
import { planStore, type StorePlan } from './store-plan.ts'
import { WindowedTableNode } from './windowed-table-node.ts'
import { addWindowedNode, checkWindowedOptions, type WindowedOptions } from './windowed-node.ts'
import { retentionMs, windowStoreOf } from './windowed-store.ts'

/** Records by key and window of a fixed length, ready to be aggregated. Made by `windowedBy`. */
export class TimeWindowedKStream<K, V> {
  readonly #grouped: KGroupedStream<K, V>
  readonly #windows: TimeWindows | SlidingWindows
  readonly #options: WindowedOptions<K, V>

  constructor(
    grouped: KGroupedStream<K, V>,
    windows: TimeWindows | SlidingWindows,
    options: WindowedOptions<K, V>,
  ) {
    this.#grouped = grouped
    this.#windows = windows
    checkWindowedOptions(options)
    this.#options = options
  }

  /** How many records each window of a key has had. Of tumbling and hopping windows those without a value count too. */
  count(options: Named & { readonly store?: Store<K, number> } = {}): KTable<Windowed<K>, number> {
    const { graph, key } = this.#grouped.parts
    // Java takes a number here for a name it no longer uses.
    if (this.#windows.kind === 'time' && isUnnamed(options.store)) graph.newStoreName(prefix)
    const plan = planStore(graph, prefix, options.store, { key, value: longSerde })
    return this.#aggregate<number>(options, plan, () => 0, countRecords)
  }

  /** The values of a window made one: the first as it is, then `reducer(soFar, next)`. */
  reduce(
    reducer: (reduced: V, value: V, key: K) => V | null,
    options: Named & { readonly store?: Store<K, V> } = {},
  ): KTable<Windowed<K>, V> {
    const { graph, key, value } = this.#grouped.parts
    const plan = planStore(graph, reducePrefix, options.store, { key, value })
    return this.#aggregate<V>(
      options,
      plan,
      () => null,
      (reduced, next, of) => (reduced === null ? next : reducer(reduced, next, of)),
      reducePrefix,
    )
  }

  /** As `reduce`, with a result of another type, which `initialize` begins. Null from the aggregator deletes the window. */
  aggregate<A>(
    initialize: () => A,
    aggregator: (aggregate: A, value: V, key: K) => A | null,
    options: Named & { readonly store?: Store<K, A> } = {},
  ): KTable<Windowed<K>, A> {
    const { graph, key } = this.#grouped.parts
    const plan = planStore(graph, prefix, options.store, { key })
    return this.#aggregate<A>(
      options,
      plan,
      initialize,
      aggregator as (aggregate: A | null, value: V, key: K) => A | null,
    )
  }

  #aggregate<A>(
    options: Named,
    plan: StorePlan<K, A>,
    initialize: () => A | null,
    aggregate: (aggregate: A | null, value: V, key: K) => A | null,
    namePrefix = prefix,
  ): KTable<Windowed<K>, A> {
    const { graph } = this.#grouped.parts
    const { isCompatible } = graph
    const { closeIdleAfterMs } = this.#options
    const windows = this.#windows
    retentionMs(plan, windows)
    const name = graph.nameOr(options.name, namePrefix)
    const step = new WindowedTableNode<K, A>(windowView(plan.name))
    const aggregation = {
      storeName: plan.name,
      initialize,
      aggregate,
      emit: this.#options.emit ?? ('update' as const),
      isCompatible,
      step,
    }
    const { node, sources } = addWindowedNode(this.#grouped, {
      name,
      storeName: plan.name,
      isStoreNamed: plan.isNamed,
      graceMs: windows.graceMs,
      late: this.#options.late,
      make: (outlets) => ({
        supplier:
          windows.kind === 'time'
            ? windowAggregateOperator(windows, { ...aggregation, closeIdleAfterMs, outlets })
            : slidingAggregateOperator(windows, { ...aggregation, closeIdleAfterMs, outlets }),
        store: windowStoreOf(plan, windows, aggregation.emit),
      }),
    })
    const sizeMs = windows.kind === 'time' ? windows.sizeMs : windows.differenceMs
    const key = plan.key && timeWindowedSerde(plan.key, sizeMs)
    return graph.make.table({ graph, node, name, key, value: plan.value, sources, step })
  }
}

/** A store was described but not named. */
export function isUnnamed<K, V>(store: Store<K, V> | undefined): boolean {
  return store !== undefined && storeOptions(store).name === undefined
}

const prefix = 'KSTREAM-AGGREGATE-'
const reducePrefix = 'KSTREAM-REDUCE-'
