import {
  ALPHABET,
  anyChar,
  charSet,
  foldCase,
  negated,
  perlClasses,
  posixClasses,
  range,
  single,
  union,
  type CharSet,
} from './char-sets.ts'

/** What a pattern says, as a tree. */
export type Node =
  | { readonly type: 'char'; readonly set: CharSet }
  | { readonly type: 'assert'; readonly what: Assertion }
  | { readonly type: 'concat'; readonly parts: readonly Node[] }
  | { readonly type: 'either'; readonly parts: readonly Node[] }
  /** `max` undefined: without end. */
  | {
      readonly type: 'repeat'
      readonly part: Node
      readonly min: number
      readonly max: number | undefined
    }

export type Assertion = 'begin' | 'end' | 'wordBoundary' | 'noWordBoundary'

/** The pattern is no regular expression of RE2's syntax. */
export class PatternFault extends Error {}

/** As RE2 has it. */
const MAX_REPEAT = 1000
/** Bounds of our own: characters of a pattern, and groups within groups. */
const MAX_LENGTH = 4_096
const MAX_DEPTH = 200

const controls: Readonly<Record<string, number>> = {
  a: 0x07,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
}
const assertions: Readonly<Record<string, Assertion>> = {
  A: 'begin',
  z: 'end',
  b: 'wordBoundary',
  B: 'noWordBoundary',
}

/** @throws PatternFault */
export function parsePattern(text: string): Node {
  return new Parser(text).parse()
}

/**
 * Recursive descent over RE2's syntax (Kafka: RE2/J): no back-references and no look-around, which is what lets any pattern be matched in time
 * linear to the name. Left out: Unicode classes (`\pL`), since topic names are ASCII.
 */
class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #ignoresCase = false

  constructor(text: string) {
    this.#text = text
  }

  parse(): Node {
    if (this.#text.length > MAX_LENGTH)
      throw new PatternFault(`expression is longer than ${MAX_LENGTH} characters`)
    const node = this.#either()
    if (this.#at < this.#text.length) throw this.#fault('unexpected )', ')')
    return node
  }

  #either(): Node {
    const parts = [this.#concat()]
    while (this.#take('|')) parts.push(this.#concat())
    return parts.length === 1 ? parts[0]! : { type: 'either', parts }
  }

  #concat(): Node {
    const parts: Node[] = []
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) {
      if (this.#take('\\Q')) {
        const quoted = this.#quoted()
        const last = quoted.at(-1)
        if (last !== undefined) parts.push(...quoted.slice(0, -1), this.#repeated(last))
      } else {
        const part = this.#atom()
        if (part !== undefined) parts.push(this.#repeated(part))
      }
    }
    return { type: 'concat', parts }
  }

  /** Up to `\E`, or the end. */
  #quoted(): readonly Node[] {
    const end = this.#text.indexOf('\\E', this.#at)
    const quoted = this.#text.slice(this.#at, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#text.length : end + 2
    return Array.from(quoted, (each) => this.#literal(each.codePointAt(0)!))
  }

  #repeated(part: Node): Node {
    const from = this.#at
    const bounds = this.#repeat()
    if (bounds === undefined) return part
    this.#take('?') // Which of several matches is found makes no difference here.
    const after = this.#at
    if (this.#repeat() !== undefined)
      throw this.#fault(
        'invalid nested repetition operator',
        this.#text.slice(from, Math.max(this.#at, after)),
      )
    return { type: 'repeat', part, ...bounds }
  }

  #repeat(): { min: number; max: number | undefined } | undefined {
    if (this.#take('*')) return { min: 0, max: undefined }
    if (this.#take('+')) return { min: 1, max: undefined }
    if (this.#take('?')) return { min: 0, max: 1 }
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at))
    if (counted === null) return undefined // `{` stands for itself.
    const min = Number(counted[1])
    const max = counted[2] === undefined ? min : counted[3] === '' ? undefined : Number(counted[3])
    if (min > MAX_REPEAT || (max !== undefined && (max > MAX_REPEAT || max < min)))
      throw this.#fault('invalid repeat count', counted[0])
    this.#at += counted[0].length
    return { min, max }
  }

  /** Undefined for what matches nothing by itself, such as flags. */
  #atom(): Node | undefined {
    const char = this.#next()
    switch (char) {
      case '(':
        return this.#group()
      case '[':
        return { type: 'char', set: this.#class() }
      case '.':
        return { type: 'char', set: anyChar }
      case '^':
        return { type: 'assert', what: 'begin' }
      case '$':
        return { type: 'assert', what: 'end' }
      case '*':
      case '+':
      case '?':
        throw this.#fault('missing argument to repetition operator', char)
      case '\\':
        return this.#escape()
      default:
        return this.#literal(char.codePointAt(0)!)
    }
  }

  #group(): Node | undefined {
    const outer = this.#ignoresCase
    if (this.#take('?') && !this.#names()) {
      const isGroup = this.#flags()
      if (!isGroup) return undefined // They hold until the group around ends.
    }
    if (++this.#depth > MAX_DEPTH) throw this.#fault('expression nests too deeply', '(')
    const node = this.#either()
    this.#depth--
    this.#ignoresCase = outer
    if (!this.#take(')')) throw this.#fault('missing closing )', this.#text)
    return node
  }

  /** `?P<name>` or `?<name>`. */
  #names(): boolean {
    const name = /^P?<(\w+)>/.exec(this.#text.slice(this.#at))
    if (name === null) return false
    this.#at += name[0].length
    return true
  }

  /** `i`, `m`, `s`, `U`, `-`; of these only `i` matters for names. @returns whether a group follows */
  #flags(): boolean {
    let isOn = true
    for (;;) {
      const char = this.#next()
      if (char === 'i') this.#ignoresCase = isOn
      else if (char === '-' && isOn) isOn = false
      else if (char === ':') return true
      else if (char === ')') return false
      else if (!'msU'.includes(char)) throw this.#fault('invalid or unsupported Perl syntax', '(?')
    }
  }

  #escape(): Node {
    const char = this.#text[this.#at]
    if (char !== undefined && Object.hasOwn(assertions, char)) {
      this.#at++
      return { type: 'assert', what: assertions[char]! }
    }
    return { type: 'char', set: this.#folded(this.#escapedSet()) }
  }

  /** What follows a backslash, in a class and outside. */
  #escapedSet(): CharSet {
    const char = this.#next('trailing backslash at end of expression')
    if (Object.hasOwn(perlClasses, char)) return perlClasses[char]!
    if (Object.hasOwn(controls, char)) return single(controls[char]!)
    if (/[0-7]/.test(char) && (char === '0' || /^[0-7]/.test(this.#text.slice(this.#at)))) {
      const more = /^[0-7]{0,2}/.exec(this.#text.slice(this.#at))![0]
      this.#at += more.length
      return codeSet(Number.parseInt(char + more, 8))
    }
    if (char === 'x') {
      const hex = /^(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(this.#text.slice(this.#at))
      if (hex === null) throw this.#fault('invalid escape sequence', '\\x')
      this.#at += hex[0].length
      return codeSet(Number.parseInt(hex[1] ?? hex[2]!, 16))
    }
    if (/[A-Za-z0-9]/.test(char)) throw this.#fault('invalid escape sequence', `\\${char}`)
    return codeSet(char.codePointAt(0)!)
  }

  /** After `[`. */
  #class(): CharSet {
    const from = this.#at - 1
    const isNegated = this.#take('^')
    const sets: CharSet[] = []
    for (let isFirst = true; isFirst || !this.#sees(']'); isFirst = false) {
      if (this.#at >= this.#text.length)
        throw this.#fault('missing closing ]', this.#text.slice(from))
      sets.push(this.#posixClass() ?? this.#classRange())
    }
    this.#at++
    const set = this.#folded(union(sets))
    return isNegated ? negated(set) : set
  }

  #posixClass(): CharSet | undefined {
    const named = /^\[:(\^?)(\w+):\]/.exec(this.#text.slice(this.#at))
    if (named === null) return undefined
    const set = Object.hasOwn(posixClasses, named[2]!) ? posixClasses[named[2]!] : undefined
    if (set === undefined) throw this.#fault('invalid character class range', named[0])
    this.#at += named[0].length
    return named[1] === '^' ? negated(set) : set
  }

  #classRange(): CharSet {
    const start = this.#at
    const low = this.#classChar()
    const isRange = this.#sees('-') && this.#text[this.#at + 1] !== ']'
    if (!isRange || this.#at + 1 >= this.#text.length) return low.set
    this.#at++
    const high = this.#classChar()
    if (low.code === undefined || high.code === undefined || high.code < low.code)
      throw this.#fault('invalid character class range', this.#text.slice(start, this.#at))
    return range(low.code, high.code)
  }

  /** `code` is undefined for what stands for several characters. */
  #classChar(): { readonly set: CharSet; readonly code: number | undefined } {
    const char = this.#next('missing closing ]')
    if (char !== '\\') {
      const code = char.codePointAt(0)!
      return { set: codeSet(code), code }
    }
    const isPerl = Object.hasOwn(perlClasses, this.#text[this.#at] ?? '')
    const set = this.#escapedSet()
    return { set, code: isPerl ? undefined : set.indexOf(1) }
  }

  #literal(code: number): Node {
    return { type: 'char', set: this.#folded(codeSet(code)) }
  }

  #folded(set: CharSet): CharSet {
    return this.#ignoresCase ? foldCase(set) : set
  }

  #sees(text: string): boolean {
    return this.#text.startsWith(text, this.#at)
  }

  #take(text: string): boolean {
    if (!this.#sees(text)) return false
    this.#at += text.length
    return true
  }

  #next(what = 'missing closing )'): string {
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) throw this.#fault(what, this.#text)
    const char = String.fromCodePoint(code)
    this.#at += char.length
    return char
  }

  #fault(what: string, where: string): PatternFault {
    return new PatternFault(`${what}: \`${where}\``)
  }
}

/** Empty for a character that no name holds. */
function codeSet(code: number): CharSet {
  return code < ALPHABET ? single(code) : charSet(() => false)
}
