/**
 * Readers for answers from outside: `unknown` in, typed values out, once, at the edge.
 * Absent and null are the same to them; a wrong type names its path, so that a changed API shows itself.
 */
export class WireReader {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(value: unknown, path = 'answer') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TypeError(`${path} should be an object, got ${nameOf(value)}`)
    }
    this.#value = value as Readonly<Record<string, unknown>>
    this.#path = path
  }

  text(key: string): string {
    return this.textOrNull(key) ?? this.#missing(key, 'text')
  }

  textOrNull(key: string): string | null {
    const value = this.#value[key] ?? null
    if (value === null || typeof value === 'string') return value
    return this.#missing(key, 'text')
  }

  number(key: string): number {
    return this.numberOrNull(key) ?? this.#missing(key, 'a number')
  }

  /** Also takes digits in a string: offsets are sent so, because they are 64 bits wide. */
  numberOrNull(key: string): number | null {
    const value = this.#value[key] ?? null
    if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value
    if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value)
    return this.#missing(key, 'a number')
  }

  flag(key: string): boolean {
    return this.#value[key] === true
  }

  /** A time as epoch milliseconds; fractions of a millisecond that the text carries are kept. */
  timeOrNull(key: string): number | null {
    const value = this.#value[key] ?? null
    if (value === null) return null
    if (typeof value === 'number') return value
    const time = typeof value === 'string' ? parseTime(value) : Number.NaN
    return Number.isNaN(time) ? this.#missing(key, 'a time') : time
  }

  time(key: string): number {
    return this.timeOrNull(key) ?? this.#missing(key, 'a time')
  }

  objectOrNull(key: string): WireReader | null {
    const value = this.#value[key] ?? null
    return value === null ? null : new WireReader(value, `${this.#path}.${key}`)
  }

  list<T>(key: string, read: (item: WireReader) => T): readonly T[] {
    return readList(this.#value[key] ?? [], read, `${this.#path}.${key}`)
  }

  texts(key: string): readonly string[] {
    const value = this.#value[key] ?? []
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
    return this.#missing(key, 'a list of texts')
  }

  /** All that is there, for what has no fixed fields. */
  entries(): readonly (readonly [string, unknown])[] {
    return Object.entries(this.#value)
  }

  #missing(key: string, wanted: string): never {
    throw new TypeError(`${this.#path}.${key} should be ${wanted}, got ${nameOf(this.#value[key])}`)
  }
}

export function readList<T>(
  value: unknown,
  read: (item: WireReader) => T,
  path = 'answer',
): readonly T[] {
  if (!Array.isArray(value)) throw new TypeError(`${path} should be a list, got ${nameOf(value)}`)
  return value.map((item, index) => read(new WireReader(item, `${path}[${index}]`)))
}

/** `Date.parse` cuts after milliseconds; Postgres gives microseconds, which a walk of a few milliseconds needs. */
function parseTime(text: string): number {
  const time = Date.parse(text)
  const fraction = /\.\d{3}(\d{1,6})/.exec(text)?.[1]
  return fraction === undefined ? time : time + Number(`0.${fraction}`)
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : typeof value
}
