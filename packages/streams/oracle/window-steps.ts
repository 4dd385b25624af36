import {
  hoppingWindows,
  longSerde,
  sessionWindows,
  slidingWindows,
  tumblingWindows,
  untilTimeLimit,
  untilWindowCloses,
  SessionWindowedKStream,
  type Emit,
  type KGroupedStream,
  type Serde,
  type Store,
  type Suppression,
  type TimeWindowedKStream,
} from '@millrace/streams'
import { named, storeOf, type Context, type StepFamily } from './context.ts'
import { aggregators, functionOf, initializers, reducers, text } from './functions.ts'
import type { Step } from './scenario.ts'

type Windowed = TimeWindowedKStream<unknown, unknown> | SessionWindowedKStream<unknown, unknown>

/** Of sessions that become one. */
const mergers: Readonly<Record<string, (left: unknown, right: unknown, key: unknown) => unknown>> =
  {
    concat: (left, right) => text(left) + text(right),
    bar: (left, right) => `${text(left)}|${text(right)}`,
    withKey: (left, right, key) => `${text(left)}<${text(key)}>${text(right)}`,
    sum: (left, right) => (left as number) + (right as number),
    right: (_, right) => right,
  }

/** Aggregations by window, and suppress. java/WindowSteps.java is its twin. */
export const windowSteps: StepFamily = {
  windowedBy: (context, step) => {
    const grouped = context.at(step, 'from') as KGroupedStream<unknown, unknown>
    const emit = step['emit'] as Emit | undefined
    return windowed(grouped, step['windows'] as Windows, emit === undefined ? {} : { emit })
  },
  windowedCount: (context, step) =>
    windowedOf(context, step).count({
      ...named(step),
      ...(step['store'] !== undefined && {
        store: windowStore<number>(step, { value: longSerde }),
      }),
    }),
  windowedReduce: (context, step) =>
    windowedOf(context, step).reduce(functionOf(reducers, step['fn']), {
      ...named(step),
      store: windowStore(step, {}),
    }),
  windowedAggregate: (context, step) => {
    const stream = windowedOf(context, step)
    const options = { ...named(step), store: windowStore<unknown>(step, {}) }
    const initialize = functionOf(initializers, step['init'])
    const aggregator = functionOf(aggregators, step['fn'])
    if (!(stream instanceof SessionWindowedKStream))
      return stream.aggregate(initialize, aggregator, options)
    return stream.aggregate(initialize, aggregator, functionOf(mergers, step['merge']), options)
  },
  suppress: (context, step) => context.table(step).suppress(suppression(step), named(step)),
}

/** `until`: "windowCloses", or the wait in ms; `maxRecords`, `maxBytes`, `whenFull`, `logging` as in ours. */
function suppression(step: Step): Suppression<unknown> {
  const { until } = step
  const limits = step as Parameters<typeof untilTimeLimit>[1]
  return typeof until === 'number'
    ? untilTimeLimit(until, limits)
    : (untilWindowCloses(limits) as Suppression<unknown>)
}

interface Windows {
  readonly kind: 'tumbling' | 'hopping' | 'sliding' | 'session'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly differenceMs: number
  readonly gapMs: number
  readonly graceMs: number
}

function windowed(
  grouped: KGroupedStream<unknown, unknown>,
  windows: Windows,
  options: { readonly emit?: Emit },
): Windowed {
  switch (windows.kind) {
    case 'tumbling':
      return grouped.windowedBy(tumblingWindows(windows), options)
    case 'hopping':
      return grouped.windowedBy(hoppingWindows(windows), options)
    case 'sliding':
      return grouped.windowedBy(slidingWindows(windows), options)
    case 'session':
      return grouped.windowedBy(sessionWindows(windows), options)
  }
}

function windowedOf(context: Context, step: Step): Windowed {
  return context.at(step, 'from') as Windowed
}

/** As `storeOf`, with `retentionMs`. */
function windowStore<V>(step: Step, known: { readonly value?: Serde<unknown> }): Store<unknown, V> {
  const { retentionMs } = Object(step['store']) as { readonly retentionMs?: number }
  const options = Object(storeOf(step, known)) as Store<unknown, V> & object
  return { ...options, ...(retentionMs !== undefined && { retentionMs }) }
}
