import { aggregateOperator } from '../operators/aggregate.ts'
import { sessionAggregateOperator } from '../operators/session-aggregate.ts'
import { slidingAggregateOperator } from '../operators/sliding-aggregate.ts'
import { windowAggregateOperator } from '../operators/window-aggregate.ts'
import { sessionView, windowView } from '../operators/window-view.ts'
import { sessionWindowedSerde, timeWindowedSerde, type Windowed } from '../windowed.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import {
  checkSameBuilder,
  cogroupTable,
  type Cogroup,
  type CogroupAggregator,
} from './cogroup-table.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KTable } from './k-table.ts'
import type { Named, Store } from './options.ts'
import { keyValueStoreOf, planStore } from './store-plan.ts'
import { TableNode } from './table-node.ts'
import { WindowedTableNode } from './windowed-table-node.ts'
import { retentionMs, sessionStoreOf, windowStoreOf } from './windowed-store.ts'

/** The name of the steps, and the store of the result. */
export interface CogroupOptions<K, A> extends Named {
  readonly store?: Store<K, A>
}

/**
 * Streams of one key whose records are aggregated into one value, each with a function of its own: one store and one lookup where joining
 * several aggregations would take one of each.
 */
export class CogroupedKStream<K, A> {
  readonly #cogroup: Cogroup<K, A>

  /** @internal */
  constructor(cogroup: Cogroup<K, A>) {
    this.#cogroup = cogroup
  }

  /** Adds a stream; one that is there already gets another function. */
  cogroup<V>(
    grouped: KGroupedStream<K, V>,
    aggregator: (aggregate: A, value: V, key: K) => A | null,
  ): CogroupedKStream<K, A> {
    const { graph, groups } = this.#cogroup
    checkSameBuilder(graph, grouped.parts.graph)
    const more = new Map(groups).set(
      grouped as KGroupedStream<K, unknown>,
      aggregator as CogroupAggregator<K, A>,
    )
    return new CogroupedKStream({ graph, groups: more, repartitions: new Map() })
  }

  /** The value of each key, which `initialize` begins; null from an aggregator deletes it. */
  aggregate(initialize: () => A, options: CogroupOptions<K, A> = {}): KTable<K, A> {
    const plan = planStore(this.#cogroup.graph, prefix, options.store, keyOf(this.#cogroup))
    const step = new TableNode<K, A>(true, plan.name)
    return cogroupTable(
      this.#cogroup,
      {
        plan,
        store: () => keyValueStoreOf(plan),
        supplier: (aggregator) => aggregateOperator(plan.name, initialize, aggregator, step),
        key: plan.key,
        step,
      },
      options,
    )
  }

  /** Aggregates by key and window; each change of a window is sent. */
  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedCogroupedKStream<K, A>
  windowedBy(windows: SessionWindows): SessionWindowedCogroupedKStream<K, A>
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
  ): TimeWindowedCogroupedKStream<K, A> | SessionWindowedCogroupedKStream<K, A> {
    return windows.kind === 'session'
      ? new SessionWindowedCogroupedKStream(this.#cogroup, windows)
      : new TimeWindowedCogroupedKStream(this.#cogroup, windows)
  }
}

/** Streams that are aggregated together by key and window of a fixed length. */
export class TimeWindowedCogroupedKStream<K, A> {
  readonly #cogroup: Cogroup<K, A>
  readonly #windows: TimeWindows | SlidingWindows

  /** @internal */
  constructor(cogroup: Cogroup<K, A>, windows: TimeWindows | SlidingWindows) {
    this.#cogroup = cogroup
    this.#windows = windows
  }

  /** The value of each window, which `initialize` begins; null from an aggregator deletes it. */
  aggregate(initialize: () => A, options: CogroupOptions<K, A> = {}): KTable<Windowed<K>, A> {
    const { graph } = this.#cogroup
    const windows = this.#windows
    const plan = planStore(graph, prefix, options.store, keyOf(this.#cogroup))
    retentionMs(plan, windows)
    const step = new WindowedTableNode<K, A>(windowView(plan.name))
    const sizeMs = windows.kind === 'time' ? windows.sizeMs : windows.differenceMs
    return cogroupTable(
      this.#cogroup,
      {
        plan,
        store: () => windowStoreOf(plan, windows, 'update'),
        supplier(aggregate) {
          const { isCompatible } = graph
          const storeName = plan.name
          const parts = {
            storeName,
            initialize,
            aggregate,
            emit: 'update',
            isCompatible,
            step,
          } as const
          return windows.kind === 'time'
            ? windowAggregateOperator(windows, parts)
            : slidingAggregateOperator(windows, parts)
        },
        key: plan.key && timeWindowedSerde(plan.key, sizeMs),
        step,
        graceMs: windows.graceMs,
      },
      options,
    )
  }
}

/** Streams that are aggregated together by key and session. */
export class SessionWindowedCogroupedKStream<K, A> {
  readonly #cogroup: Cogroup<K, A>
  readonly #windows: SessionWindows

  /** @internal */
  constructor(cogroup: Cogroup<K, A>, windows: SessionWindows) {
    this.#cogroup = cogroup
    this.#windows = windows
  }

  /**
   * The value of each session, which `initialize` begins.
   * @param merge makes one of two sessions' values; its first argument begins as what `initialize` gives
   */
  aggregate(
    initialize: () => A,
    merge: (left: A, right: A, key: K) => A,
    options: CogroupOptions<K, A> = {},
  ): KTable<Windowed<K>, A> {
    const { graph } = this.#cogroup
    const { isCompatible } = graph
    const windows = this.#windows
    const plan = planStore(graph, prefix, options.store, keyOf(this.#cogroup))
    retentionMs(plan, windows)
    const step = new WindowedTableNode<K, A>(sessionView(plan.name))
    return cogroupTable(
      this.#cogroup,
      {
        plan,
        store: () => sessionStoreOf(plan, windows, { emit: 'update', isCompatible }),
        supplier: (aggregate) =>
          sessionAggregateOperator(windows, {
            storeName: plan.name,
            initialize,
            aggregate,
            merge: merge as (left: A | null, right: A, key: K) => A | null,
            emit: 'update',
            isCompatible,
            step,
          }),
        key: plan.key && sessionWindowedSerde(plan.key),
        step,
        graceMs: windows.graceMs + windows.gapMs,
      },
      options,
    )
  }
}

/** The key's serde, of the first stream that has one. */
function keyOf<K, A>({ groups }: Cogroup<K, A>) {
  return { key: [...groups.keys()].find(({ parts }) => parts.key)?.parts.key }
}

const prefix = 'COGROUPKSTREAM-AGGREGATE-'
