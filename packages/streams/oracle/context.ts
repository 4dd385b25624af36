import {
  stringSerde,
  StreamsBuilder,
  type KStream,
  type KTable,
  type Serde,
  type Store,
  type StreamGraphOptions,
} from '@millrace/streams'
import type { Step } from './scenario.ts'
import { serdeOf } from './types.ts'

/** Adds a step and returns what it makes; undefined where it ends a stream. */
export type AddStep = (context: Context, step: Step) => unknown

/** The operations of a family by name; twin of a class of Java's that implements `Steps`. */
export type StepFamily = Readonly<Record<string, AddStep>>

/** A topology under construction: what the steps so far made, by their ids. Keys and values are of whatever type they are. */
export class Context {
  readonly builder: StreamsBuilder
  readonly #made = new Map<string, unknown>()

  /** @param options with which the topology is built; default: exactly as Java's */
  constructor(options: StreamGraphOptions = { compat: 'java' }) {
    this.builder = new StreamsBuilder({ ...options, allowAnonymousState: true })
  }

  put(id: string, made: unknown): void {
    this.#made.set(id, made)
  }

  /** What another step made: the one that a field of this step names, such as `from` or `other`. */
  at(step: Step, field: string): unknown {
    const made = this.#made.get(word(step, field) ?? '')
    if (made === undefined) throw new Error(`There is no ${field} before ${JSON.stringify(step)}.`)
    return made
  }

  stream(step: Step): KStream<unknown, unknown> {
    return this.at(step, 'from') as KStream<unknown, unknown>
  }

  table(step: Step): KTable<unknown, unknown> {
    return this.at(step, 'from') as KTable<unknown, unknown>
  }
}

/** A field of a step that holds a word; undefined where the step has none. */
export function word(step: Step, field: string): string | undefined {
  const found = step[field]
  if (found === undefined || typeof found === 'string') return found
  throw new Error(`${field} has to be a word in ${JSON.stringify(step)}.`)
}

export function named(step: Step): { readonly name?: string } {
  return step.name === undefined ? {} : { name: step.name }
}

/** The serdes that a step names, and only those: the rest is left to the DSL. */
export function namedSerdes(step: Step): {
  readonly key?: Serde<unknown>
  readonly value?: Serde<unknown>
} {
  const [key, value] = [word(step, 'key'), word(step, 'value')]
  return {
    ...(key !== undefined && { key: serdeOf(key) }),
    ...(value !== undefined && { value: serdeOf(value) }),
  }
}

/** The serdes of a step: those it names, else what is known, else text, which is the oracle's default in Java. */
export function serdes(
  step: Step,
  known: {
    readonly key?: Serde<unknown> | undefined
    readonly value?: Serde<unknown> | undefined
  } = {},
): { readonly key: Serde<unknown>; readonly value: Serde<unknown> } {
  const given = namedSerdes(step)
  return {
    key: given.key ?? known.key ?? stringSerde,
    value: given.value ?? known.value ?? stringSerde,
  }
}

/**
 * What `store` of a step says: a name, or `{ name, key, value, logging }`. Serdes that neither it nor `known` has are those of text.
 */
export function storeOf(
  step: Step,
  known: {
    readonly key?: Serde<unknown> | undefined
    readonly value?: Serde<unknown> | undefined
  } = {},
): Store<unknown, unknown> {
  const store = step['store'] ?? {}
  const options = (typeof store === 'string' ? { name: store } : store) as Step
  return {
    ...named(options),
    ...serdes(options, known),
    ...(options['logging'] !== undefined && { logging: Boolean(options['logging']) }),
  }
}
