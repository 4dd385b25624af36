import {
  hoppingWindows,
  sessionWindows,
  slidingWindows,
  tumblingWindows,
  type CogroupedKStream,
  type KGroupedStream,
} from '@millrace/streams'
import { named, storeOf, type Context, type StepFamily } from './context.ts'
import { functionOf, initializers, text } from './functions.ts'
import type { Step } from './scenario.ts'

type Aggregator = (aggregate: unknown, value: unknown, key: unknown) => unknown

const aggregatorsOfGroups: Readonly<Record<string, Aggregator>> = {
  plus: (aggregate, value) => `${text(aggregate)}+${text(value)}`,
  minus: (aggregate, value) => `${text(aggregate)}-${text(value)}`,
  withKey: (aggregate, _, key) => text(aggregate) + text(key),
  nullOnX: (aggregate, value) => (value === 'x' ? null : text(aggregate) + text(value)),
}

/** Several streams aggregated together. java/CogroupSteps.java is its twin. */
export const cogroupSteps: StepFamily = {
  cogroup: (context, step) => cogrouped(context, step),
  cogroupAggregate(context, step) {
    const from = context.at(step, 'from') as CogroupedKStream<unknown, unknown>
    const initialize = functionOf(initializers, step['init'])
    const options = { ...named(step), store: storeOf(step) }
    const windows = step['windows'] as Windows | undefined
    switch (windows?.kind) {
      case undefined:
        return from.aggregate(initialize, options)
      case 'tumbling':
        return from.windowedBy(tumblingWindows(windows)).aggregate(initialize, options)
      case 'hopping':
        return from.windowedBy(hoppingWindows(windows)).aggregate(initialize, options)
      case 'sliding':
        return from.windowedBy(slidingWindows(windows)).aggregate(initialize, options)
      case 'session':
        return from
          .windowedBy(sessionWindows(windows))
          .aggregate(initialize, (left, right) => `${text(left)}|${text(right)}`, options)
    }
  },
}

interface Windows {
  readonly kind: 'tumbling' | 'hopping' | 'sliding' | 'session'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly differenceMs: number
  readonly gapMs: number
  readonly graceMs: number
}

/** `groups`: of each the id of a grouped stream, `from`, and its function, `fn`. */
function cogrouped(context: Context, step: Step): CogroupedKStream<unknown, unknown> {
  const [first, ...others] = step['groups'] as readonly Step[]
  if (!first) throw new Error('A cogroup without groups.')
  const grouped = (group: Step) => context.at(group, 'from') as KGroupedStream<unknown, unknown>
  const aggregator = (group: Step) => functionOf(aggregatorsOfGroups, group['fn'])
  return others.reduce(
    (all, group) => all.cogroup(grouped(group), aggregator(group)),
    grouped(first).cogroup(aggregator(first)),
  )
}
