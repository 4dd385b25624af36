import { randomInt, type Random } from '@millrace/core'
import type { InputRecord, Scenario, Step } from '../scenario.ts'

/** What keys and values are, so that steps fit each other; `windowed` keys are only passed on. */
export type Type = 'string' | 'long' | 'windowed'

export type Kind =
  | 'stream'
  | 'grouped'
  | 'table'
  | 'groupedTable'
  | 'windowed'
  | 'sessions'
  | 'globalTable'

/** What a step made. */
export interface Thing {
  readonly id: string
  readonly kind: Kind
  readonly key: Type
  readonly value: Type
  /** Of a windowed table whose windows may be awaited. */
  readonly closes?: boolean
}

/** Adds steps to a draft; does nothing where none fits. */
export type Move = (draft: Draft) => void

/** A random scenario in the making. */
export class Draft {
  /** How likely it is that a function is one that throws; more so where the topology goes on after errors. */
  readonly throwingChance: number
  readonly #goesOn: boolean
  readonly #random: Random
  readonly #steps: Step[] = []
  readonly #things: Thing[] = []
  readonly #topics = new Map<string, { readonly key: Type; readonly value: Type }>()
  #names = 0

  constructor(random: Random) {
    this.#random = random
    this.#goesOn = this.chance(0.15)
    this.throwingChance = this.#goesOn ? 0.2 : 0.02
  }

  chance(probability: number): boolean {
    return this.#random.float() < probability
  }

  /** An integer from `from` up to and without `end`. */
  int(from: number, end: number): number {
    return from + randomInt(this.#random, end - from)
  }

  one<T>(items: readonly T[]): T {
    return items[randomInt(this.#random, items.length)] as T
  }

  /** A name of its own, in half of the cases. */
  maybeName(prefix: string): { readonly name?: string } {
    return this.chance(0.5) ? { name: this.newName(prefix) } : {}
  }

  newName(prefix: string): string {
    return `${prefix}${this.#names++}`
  }

  /** A topic to read: a new one, or now and then one of the same types that is read already. */
  topic(prefix: string, key: Type, value: Type): string {
    const known = [...this.#topics].filter(
      ([name, types]) => name.startsWith(prefix) && types.key === key && types.value === value,
    )
    if (prefix === 's' && known.length > 0 && this.chance(0.2)) return this.one(known)[0]
    const name = `${prefix}${this.#topics.size}`
    this.#topics.set(name, { key, value })
    return name
  }

  /** One of the things of a kind, the newest more often; undefined without one. */
  pick(kind: Kind, fits: (thing: Thing) => boolean = () => true): Thing | undefined {
    const fitting = this.#things.filter((thing) => thing.kind === kind && fits(thing))
    if (fitting.length === 0) return undefined
    return this.chance(0.5) ? fitting.at(-1) : this.one(fitting)
  }

  /** Whether there is such a step. */
  has(fits: (step: Step) => boolean): boolean {
    return this.#steps.some(fits)
  }

  /** Adds a step, and what it makes. */
  add(step: Step, made?: Omit<Thing, 'id'>): string {
    const id = `n${this.#steps.length}`
    this.#steps.push(made ? { id, ...step } : step)
    if (made) this.#things.push({ id, ...made })
    return id
  }

  /** What a step made under an id of its own. */
  addThing(thing: Thing): void {
    this.#things.push(thing)
  }

  scenario(name: string): Scenario {
    this.#addSinks()
    const config = this.#config()
    return {
      name,
      steps: this.#steps,
      input: this.#input(),
      ...(Object.keys(config).length > 0 && { config }),
    }
  }

  #config(): Readonly<Record<string, string | number>> {
    // Windowed stores have no cache here; see GAPS.md.
    const mayCache = !this.#steps.some(({ op }) => op === 'windowedBy')
    return {
      ...(mayCache && this.chance(0.2) && { 'statestore.cache.max.bytes': 10_485_760 }),
      ...(this.#goesOn && {
        'processing.exception.handler':
          'org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler',
      }),
    }
  }

  /** Nearly all that nothing reads is written to a topic, so that it can be compared. */
  #addSinks(): void {
    const read = new Set(this.#steps.flatMap((step) => [step.from, step['other']]))
    for (const thing of this.#things.slice()) {
      if (read.has(thing.id) || this.chance(0.1)) continue
      if (thing.kind === 'table') {
        const { key, value } = thing
        const id = this.add({ op: 'toStream', from: thing.id }, { kind: 'stream', key, value })
        this.add(sink({ ...thing, id }, `out${this.int(0, 3)}`))
      } else if (thing.kind === 'stream') this.add(sink(thing, `out${this.int(0, 3)}`))
    }
  }

  #input(): Scenario['input'] {
    const topics = [...this.#topics.entries()]
    let now = this.int(0, 40)
    return Array.from({ length: this.int(3, 25) }, () => {
      if (this.chance(0.03)) return { advanceMs: this.int(1, 2000) }
      now += this.chance(0.05) ? this.int(20, 200) : this.int(0, 7)
      const late = this.chance(0.3) ? this.int(0, 30) : 0
      const [topic, types] = this.one(topics)
      return {
        topic,
        key: this.#datum(types.key, ['a', 'b', 'a', 'c', 'ab'], 0.05),
        value: this.#datum(types.value, values, 0.12),
        ts: Math.max(0, now - late),
        ...(this.chance(0.2) && { headers: [['h', this.one(['1', '', null])] as const] }),
      } satisfies InputRecord
    })
  }

  #datum(type: Type, texts: readonly string[], nullChance: number): string | number | null {
    if (this.chance(nullChance)) return null
    return type === 'long' ? this.one([0, 1, 2, 1, -3, 7]) : this.one(texts)
  }
}

const values = ['a', 'ab', 'b a', 'abc', 'ba', 'b', 'bc d', 'aa', '', 'c', 'x']

function sink({ id, key, value }: Thing, topic: string): Step {
  return { op: 'to', from: id, topic, ...(key !== 'windowed' && { key }), value }
}
