import {
  keyValueStore,
  timestampedKeyValueStore,
  windowStore,
  type StoreBuilder,
} from '@millrace/streams'
import { named, namedSerdes, serdes, word, type Context, type StepFamily } from './context.ts'
import { functionOf, predicates } from './functions.ts'
import { fixedKeyProcessors, processors } from './processors.ts'
import type { Step } from './scenario.ts'

/** Processors, their stores, and branches. java/ProcessorSteps.java is its twin. */
export const processorSteps: StepFamily = {
  addStateStore: ({ builder }, step) => builder.addStateStore(storeBuilder(step)),
  addGlobalStore: ({ builder }, step) => {
    const make = functionOf(processors, step['fn'])
    const options = { ...named(step), ...serdes(step) }
    const store = storeBuilder(step['brings'] as Step)
    builder.addGlobalStore(store, word(step, 'topic') ?? '', options, () => make(step))
  },
  process: (context, step) => {
    const make = functionOf(processors, step['fn'])
    return context.stream(step).process(() => make(step), stepOptions(step))
  },
  processValues: (context, step) => {
    const make = functionOf(fixedKeyProcessors, step['fn'])
    return context.stream(step).processValues(() => make(step), stepOptions(step))
  },
  split: (context, step) => split(context, step),
  print: (context, step) => context.stream(step).print({ ...named(step), write: () => {} }),
}

function storeBuilder(step: Step): StoreBuilder {
  const logging = step['logging'] as boolean | undefined
  const maxEntries = step['maxEntries'] as number | undefined
  const options = {
    name: step.name ?? '',
    ...serdes(step),
    ...(logging !== undefined && { logging }),
  }
  const sizeMs = step['sizeMs'] as number | undefined
  if (sizeMs !== undefined) {
    const isLogged = logging ?? true
    const retentionMs = step['retentionMs'] as number
    return windowStore({ name: options.name, ...serdes(step), isLogged, sizeMs, retentionMs })
  }
  return step['timestamped'] === true
    ? timestampedKeyValueStore(options)
    : keyValueStore({ ...options, ...(maxEntries !== undefined && { maxEntries }) })
}

function stepOptions(step: Step) {
  const brings = step['brings'] as Step | undefined
  const stores = brings ? [storeBuilder(brings)] : ((step['stores'] ?? []) as readonly string[])
  return { ...named(step), ...namedSerdes(step), stores }
}

/** `branches`: a list of pairs of name and predicate; each branch gets the step's id, a dot and its name as its id. */
function split(context: Context, step: Step): unknown {
  const given = step['branches'] as readonly (readonly [string, string])[]
  const branches = Object.fromEntries(
    given.map(([name, predicate]) => [name, functionOf(predicates, predicate)]),
  )
  const rest = step['default'] as string | undefined
  const options = { ...named(step), branches }
  const streams: Readonly<Record<string, unknown>> =
    rest === undefined
      ? context.stream(step).split(options)
      : context.stream(step).split({ ...options, default: rest })
  for (const [name, stream] of Object.entries(streams)) context.put(`${step.id}.${name}`, stream)
  return streams
}
