/** Sets of the characters that topic names can hold: everything else never matches anything. */
export const ALPHABET = 128

/** 1 where the character is in the set. */
export type CharSet = Uint8Array

export function charSet(isIn: (code: number) => boolean): CharSet {
  return Uint8Array.from({ length: ALPHABET }, (_, code) => (isIn(code) ? 1 : 0))
}

export function single(code: number): CharSet {
  return charSet((each) => each === code)
}

export function range(from: number, to: number): CharSet {
  return charSet((code) => code >= from && code <= to)
}

export function negated(set: CharSet): CharSet {
  return set.map((isIn) => 1 - isIn)
}

export function union(sets: readonly CharSet[]): CharSet {
  return charSet((code) => sets.some((set) => set[code] === 1))
}

/** With both cases of every letter in it. */
export function foldCase(set: CharSet): CharSet {
  return charSet((code) => {
    const letter = code | 0x20
    const isLetter = letter >= 0x61 && letter <= 0x7a
    return set[code] === 1 || (isLetter && set[code ^ 0x20] === 1)
  })
}

const digits = range(0x30, 0x39)
const upper = range(0x41, 0x5a)
const lower = range(0x61, 0x7a)
const of = (text: string): CharSet => union(Array.from(text, (each) => single(each.charCodeAt(0))))
export const wordChars = union([digits, upper, lower, of('_')])

/** `.`: everything but a line feed, which no name holds. */
export const anyChar = charSet((code) => code !== 0x0a)

/** `\d` and the like. */
export const perlClasses: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: negated(digits),
  w: wordChars,
  W: negated(wordChars),
  s: of('\t\n\f\r '),
  S: negated(of('\t\n\f\r ')),
}

/** `[:alpha:]` and the like. */
export const posixClasses: Readonly<Record<string, CharSet>> = {
  alnum: union([digits, upper, lower]),
  alpha: union([upper, lower]),
  ascii: range(0, 0x7f),
  blank: of('\t '),
  cntrl: union([range(0, 0x1f), single(0x7f)]),
  digit: digits,
  graph: range(0x21, 0x7e),
  lower,
  print: range(0x20, 0x7e),
  punct: union([range(0x21, 0x2f), range(0x3a, 0x40), range(0x5b, 0x60), range(0x7b, 0x7e)]),
  space: of('\t\n\v\f\r '),
  upper,
  word: wordChars,
  xdigit: union([digits, range(0x41, 0x46), range(0x61, 0x66)]),
}
