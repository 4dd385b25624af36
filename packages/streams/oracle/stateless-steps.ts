import type { KStream, SourceOptions } from '@millrace/streams'
import { named, serdes, word, type Context, type StepFamily } from './context.ts'
import {
  actions,
  extractors,
  flatMappers,
  flatValueMappers,
  functionOf,
  mappers,
  predicates,
  selectors,
  topicSelectors,
  valueMappers,
} from './functions.ts'
import type { Step } from './scenario.ts'

/** Sources, steps without state, sinks. java/StatelessSteps.java is its twin. */
export const statelessSteps: StepFamily = {
  stream: ({ builder }, step) =>
    builder.stream(
      step['pattern'] === undefined
        ? (step['topic'] as string | readonly string[])
        : new RegExp(word(step, 'pattern') ?? ''),
      sourceOptions(step),
    ),
  filter: (context, step) =>
    context.stream(step).filter(functionOf(predicates, step['fn']), named(step)),
  filterNot: (context, step) =>
    context.stream(step).filterNot(functionOf(predicates, step['fn']), named(step)),
  map: (context, step) => context.stream(step).map(functionOf(mappers, step['fn']), named(step)),
  mapValues: (context, step) =>
    context.stream(step).mapValues(functionOf(valueMappers, step['fn']), named(step)),
  flatMap: (context, step) =>
    context.stream(step).flatMap(functionOf(flatMappers, step['fn']), named(step)),
  flatMapValues: (context, step) =>
    context.stream(step).flatMapValues(functionOf(flatValueMappers, step['fn']), named(step)),
  selectKey: (context, step) =>
    context.stream(step).selectKey(functionOf(selectors, step['fn']), named(step)),
  peek: (context, step) => context.stream(step).peek(functionOf(actions, step['fn']), named(step)),
  forEach: (context, step) =>
    context.stream(step).forEach(functionOf(actions, step['fn']), named(step)),
  merge: (context, step) =>
    context.stream(step).merge(context.at(step, 'other') as KStream<unknown, unknown>, named(step)),
  repartition: (context, step) =>
    context.stream(step).repartition({
      ...named(step),
      ...serdes(step, context.stream(step).parts),
      ...(typeof step['partitions'] === 'number' && { partitions: step['partitions'] }),
    }),
  to: (context, step) => addSink(context, step),
}

/** How a step reads its topic: `key`, `value`, `name`, `extractor`. */
export function sourceOptions(step: Step): SourceOptions<unknown, unknown> {
  return {
    ...serdes(step),
    ...named(step),
    ...(step['extractor'] !== undefined && {
      timestampExtractor: functionOf(extractors, step['extractor']),
    }),
  }
}

function addSink(context: Context, step: Step): void {
  const stream = context.stream(step)
  const topic = step['topic'] ?? functionOf(topicSelectors, step['fn'])
  stream.to(topic as string, { ...serdes(step, stream.parts), ...named(step) })
}
