import { wordChars, type CharSet } from './char-sets.ts'
import { parsePattern, PatternFault, type Assertion, type Node } from './pattern-parser.ts'

export { PatternFault } from './pattern-parser.ts'

/** One that stands on `next` (and `other`, where it forks). */
type State =
  | { readonly type: 'char'; readonly set: CharSet; readonly next: number }
  | { readonly type: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly type: 'fork'; next: number; readonly other: number }
  | { readonly type: 'match' }

/** States of one pattern, and steps to make them: repeats of nothing have no states. What is larger is refused; Kafka has no bound here. */
const MAX_STATES = 2_000
const MAX_STEPS = 20_000

/**
 * A regular expression of RE2's syntax for names of topics, matched as a whole (KIP-848). A machine of states that are followed all at once
 * (Thompson's): the time is bounded by the pattern's size times the name's length whatever the pattern, for it comes from a client and runs on
 * the broker's one thread.
 */
export class TopicPattern {
  readonly #states: readonly State[]
  readonly #start: number

  /** @throws PatternFault */
  constructor(text: string) {
    const program = new Program()
    this.#start = program.add(parsePattern(text), program.push({ type: 'match' }))
    this.#states = program.states
  }

  matches(name: string): boolean {
    let current = new Set<number>()
    this.#reach(this.#start, name, 0, current)
    for (let at = 0; at < name.length && current.size > 0; at++) {
      const code = name.charCodeAt(at)
      const reached = new Set<number>()
      for (const index of current) {
        const state = this.#states[index]!
        if (state.type === 'char' && state.set[code] === 1)
          this.#reach(state.next, name, at + 1, reached)
      }
      current = reached
    }
    for (const index of current) if (this.#states[index]!.type === 'match') return true
    return false
  }

  /** Adds the state and all that it leads to without a character. */
  #reach(from: number, name: string, at: number, reached: Set<number>): void {
    const open = [from]
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (reached.has(index)) continue
      reached.add(index)
      const state = this.#states[index]!
      if (state.type === 'fork') open.push(state.next, state.other)
      else if (state.type === 'assert' && holds(state.what, name, at)) open.push(state.next)
    }
  }
}

class Program {
  readonly states: State[] = []
  #steps = 0

  push(state: State): number {
    if (this.states.length >= MAX_STATES)
      throw new PatternFault(`expression is larger than ${MAX_STATES} states`)
    return this.states.push(state) - 1
  }

  /** @returns where the node begins; it leads on to `next` */
  add(node: Node, next: number): number {
    if (++this.#steps > MAX_STEPS) throw new PatternFault('expression repeats too much')
    switch (node.type) {
      case 'char':
        return this.push({ type: 'char', set: node.set, next })
      case 'assert':
        return this.push({ type: 'assert', what: node.what, next })
      case 'concat':
        return node.parts.reduceRight((after, part) => this.add(part, after), next)
      case 'either':
        return node.parts
          .map((part) => this.add(part, next))
          .reduce((other, begin) => this.push({ type: 'fork', next: begin, other }))
      case 'repeat':
        return this.#repeat(node, next)
    }
  }

  #repeat(
    {
      part,
      min,
      max,
    }: { readonly part: Node; readonly min: number; readonly max: number | undefined },
    next: number,
  ): number {
    let begin = next
    if (max === undefined) {
      const fork: State = { type: 'fork', next: -1, other: next }
      begin = this.push(fork)
      fork.next = this.add(part, begin)
    } else
      for (let optional = max - min; optional > 0; optional--)
        begin = this.push({ type: 'fork', next: this.add(part, begin), other: next })
    for (let required = min; required > 0; required--) begin = this.add(part, begin)
    return begin
  }
}

function holds(what: Assertion, name: string, at: number): boolean {
  switch (what) {
    case 'begin':
      return at === 0
    case 'end':
      return at === name.length
    case 'wordBoundary':
      return isWord(name, at - 1) !== isWord(name, at)
    case 'noWordBoundary':
      return isWord(name, at - 1) === isWord(name, at)
  }
}

function isWord(name: string, at: number): boolean {
  return wordChars[name.charCodeAt(at)] === 1
}
