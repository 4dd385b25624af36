import type { KGroupedStream } from '@millrace/streams'
import {
  named,
  namedSerdes,
  serdes,
  storeOf,
  word,
  type Context,
  type StepFamily,
} from './context.ts'
import { aggregators, functionOf, initializers, reducers, selectors } from './functions.ts'
import type { Step } from './scenario.ts'
import { sourceOptions } from './stateless-steps.ts'
import { serdeOf } from './types.ts'

/** Grouping a stream, aggregating by key, a topic as a table. java/GroupingSteps.java is its twin. */
export const groupingSteps: StepFamily = {
  groupByKey: (context, step) => {
    const stream = context.stream(step)
    return stream.groupByKey({ ...named(step), ...serdes(step, stream.parts) })
  },
  groupBy: (context, step) => {
    const { value } = context.stream(step).parts
    return context
      .stream(step)
      .groupBy(functionOf(selectors, step['fn']), { ...named(step), ...serdes(step, { value }) })
  },
  count: (context, step) => {
    const { key } = grouped(context, step).parts
    return grouped(context, step).count({
      ...named(step),
      // A store without a name takes a number more, as in Java.
      ...(step['store'] !== undefined && {
        store: storeOf(step, { key, value: serdeOf('long') }) as never,
      }),
    })
  },
  reduce: (context, step) =>
    grouped(context, step).reduce(functionOf(reducers, step['fn']), {
      ...named(step),
      store: storeOf(step, grouped(context, step).parts),
    }),
  aggregate: (context, step) => {
    const { key } = grouped(context, step).parts
    return grouped(context, step).aggregate(
      functionOf(initializers, step['init']),
      functionOf(aggregators, step['fn']),
      { ...named(step), store: storeOf(step, { key }) },
    )
  },
  table: ({ builder }, step) => {
    const store = step['store'] === undefined ? undefined : storeOf(step, namedSerdes(step))
    return builder.table(word(step, 'topic') ?? '', sourceOptions(step), store)
  },
  toStream: (context, step) => context.table(step).toStream(named(step)),
}

function grouped(context: Context, step: Step): KGroupedStream<unknown, unknown> {
  return context.at(step, 'from') as KGroupedStream<unknown, unknown>
}
