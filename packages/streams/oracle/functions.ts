import type { TimestampExtractor, TopicSelector } from '@millrace/streams'

/** Keys and values are of whatever type a scenario gives them. */
type Fn<Result> = (value: unknown, key: unknown) => Result
type Table<F> = Readonly<Record<string, F>>

export const predicates: Table<Fn<boolean>> = {
  all: () => true,
  none: () => false,
  hasKey: (_, key) => key !== null,
  hasValue: (value) => value !== null,
  even: (value) => value !== null && text(value).length % 2 === 0,
  startsWithA: (value) => value !== null && text(value).startsWith('a'),
  keyIsValue: (value, key) => text(key) === text(value),
  throwOnX: (value) => throwOnX(value) === null,
}

export const valueMappers: Table<Fn<unknown>> = {
  same: (value) => value,
  upper: (value) => (value === null ? null : text(value).toUpperCase()),
  append: (value) => (value === null ? null : `${text(value)}!`),
  withKey: (value, key) => `${text(key)}:${text(value)}`,
  toNull: () => null,
  nullOnX: (value) => (isX(value) ? null : value),
  length: (value) => (value === null ? null : text(value).length),
  toText: (value) => text(value),
  throwOnX: (value) => (isX(value) ? throwOnX(value) : value),
}

type Pair = readonly [unknown, unknown]
/** What the types of the DSL forbid, and plain JavaScript may still return. */
const nothing = undefined as unknown

export const mappers: Table<Fn<Pair>> = {
  same: (value, key) => [key, value],
  swap: (value, key) => [value, key],
  upperBoth: (value, key) => [text(key).toUpperCase(), text(value).toUpperCase()],
  nullKey: (value) => [null, value],
  nullValue: (_, key) => [key, null],
  lengthByValue: (value) => [text(value), text(value).length],
  nothingOnX: (value, key) => (isX(value) ? (nothing as Pair) : [key, value]),
}

export const flatMappers: Table<Fn<Iterable<Pair>>> = {
  words: (value) => words(value).map((word) => [word, value]),
  twice: (value, key) => [
    [key, value],
    [value, key],
  ],
  none: () => [],
  nothingOnX: (value, key) => (isX(value) ? (nothing as Pair[]) : [[key, value]]),
}

export const flatValueMappers: Table<Fn<Iterable<unknown>>> = {
  words: (value) => words(value),
  twice: (value, key) => [text(value), text(value) + text(key)],
  withNull: (value) => [null, value],
  none: () => [],
  nothingOnX: (value) => (isX(value) ? (nothing as string[]) : [text(value)]),
}

/** New keys: of selectKey and groupBy. */
export const selectors: Table<Fn<unknown>> = {
  key: (_, key) => key,
  value: (value) => value,
  firstLetter: (value) => (value === null || text(value) === '' ? null : text(value).slice(0, 1)),
  toNull: () => null,
  nullOnX: (value, key) => (isX(value) ? null : key),
  length: (value) => text(value).length,
  throwOnX: (value, key) => (isX(value) ? throwOnX(value) : key),
}

export const actions: Table<Fn<void>> = {
  nothing: () => {},
  throwOnX: (value) => void throwOnX(value),
}

export const reducers: Table<(reduced: unknown, value: unknown) => unknown> = {
  concat: (reduced, value) => text(reduced) + text(value),
  first: (reduced) => reduced,
  last: (_, value) => value,
  toNull: () => null,
  nullOnX: (reduced, value) => (isX(value) ? null : text(reduced) + text(value)),
  throwOnX: (reduced, value) => (isX(value) ? throwOnX(value) : text(reduced) + text(value)),
  sum: (reduced, value) => (reduced as number) + ((value ?? 0) as number),
}

export const initializers: Table<() => unknown> = {
  empty: () => '',
  zero: () => 0,
  toNull: () => null,
}

export const aggregators: Table<(aggregate: unknown, value: unknown, key: unknown) => unknown> = {
  concat: (aggregate, value) => text(aggregate) + text(value),
  withKey: (aggregate, value, key) => `${text(aggregate)}${text(key)}=${text(value)};`,
  count: (aggregate) => (aggregate as number) + 1,
  addLength: (aggregate, value) => (aggregate as number) + text(value).length,
  subtractLength: (aggregate, value) => (aggregate as number) - text(value).length,
  same: (aggregate) => aggregate,
  nullOnX: (aggregate, value) => (isX(value) ? null : text(aggregate) + text(value)),
  throwOnX: (aggregate, value) => (isX(value) ? throwOnX(value) : text(aggregate) + text(value)),
}

/** Of `to` with a function; a description shows their names. */
export const topicSelectors: Table<TopicSelector> = {
  byKey: (_, key) => `out-${text(key)}`,
  throwOnX: (value) => `out-${text(throwOnX(value))}`,
  byTimestamp: (_value, _key, { timestamp }) => `out-${timestamp % 2}`,
}

export const extractors: Table<TimestampExtractor> = {
  constant: () => 7,
  fromValue: ({ valueObject }) => Number(valueObject),
  partitionTime: ({ timestamp }, partitionTime) => (timestamp < 0 ? partitionTime : timestamp),
  negative: () => -1,
  same: ({ timestamp }) => timestamp,
}

/** A function by the name that a step gives. */
export function functionOf<F>(table: Table<F>, name: unknown): F {
  const found = typeof name === 'string' ? table[name] : undefined
  if (!found) throw new Error(`No function is called ${JSON.stringify(name)}.`)
  return found
}

/** As `String.valueOf` in Java, for text, numbers and null. */
export function text(value: unknown): string {
  return value instanceof Object ? JSON.stringify(value) : String(value)
}

function isX(value: unknown): boolean {
  return value === 'x'
}

export function throwOnX(value: unknown): null {
  if (isX(value)) throw new Error('the function was given an x')
  return null
}

function words(value: unknown): string[] {
  return value === null || value === '' ? [] : text(value).split(' ')
}
