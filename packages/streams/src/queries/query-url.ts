/** Reads of a store as URLs: `/stores/<store>/<read>?…`. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde.ts'
import { keyOfText } from './query-text.ts'
import type { WalkOptions } from './store-reader.ts'
import type { PositionBound, RowPlace, StoreRead } from './store-read.ts'

/** What a URL asks of a store. */
export interface UrlRead {
  readonly read: StoreRead
  /** The key that decides the partition; undefined: all partitions are read. */
  readonly keyBytes: Buffer | undefined
  readonly options: WalkOptions
  readonly scope: 'instance' | 'application'
  readonly after: RowPlace | undefined
  /** Rows. */
  readonly limit: number
}

const everMs = { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER }
const defaultLimit = 100
const maxLimit = 10_000

/** Parameters of every read. */
const common = ['scope', 'limit', 'after', 'isolation', 'timeoutMs', 'maxLagRecords', 'bound']

/** How each read is made of its parameters. */
const reads: Readonly<Record<string, (given: Parameters) => StoreRead>> = {
  count: () => ({ kind: 'count' }),
  get: (given) => ({ kind: 'get', key: given.key() }),
  range: (given) => ({
    kind: 'range',
    from: given.edge('from'),
    to: given.edge('to'),
    isReverse: given.isReverse(),
  }),
  prefix: (given) => ({ kind: 'prefix', prefix: given.prefix() }),
  window: (given) => ({ kind: 'window', key: given.key(), startMs: given.time('startMs') }),
  'windows-of-key': (given) => ({
    kind: 'windowsOfKey',
    key: given.key(),
    fromMs: given.time('fromMs', everMs.least),
    toMs: given.time('toMs', everMs.most),
    isReverse: given.isReverse(),
  }),
  windows: (given) => ({
    kind: 'windows',
    from: given.edge('from'),
    to: given.edge('to'),
    fromMs: given.time('fromMs', everMs.least),
    toMs: given.time('toMs', everMs.most),
    isReverse: given.isReverse(),
  }),
  session: (given) => ({
    kind: 'session',
    key: given.key(),
    startMs: given.time('startMs'),
    endMs: given.time('endMs'),
  }),
  'sessions-of-key': (given) => ({
    kind: 'sessionsOfKey',
    key: given.key(),
    earliestEndMs: given.time('earliestEndMs', everMs.least),
    latestStartMs: given.time('latestStartMs', everMs.most),
    isReverse: given.isReverse(),
  }),
  'ended-sessions': (given) => ({
    kind: 'endedSessions',
    earliestEndMs: given.time('earliestEndMs', everMs.least),
    latestEndMs: given.time('latestEndMs', everMs.most),
  }),
}

/** Names of the reads in URLs. */
export const urlReadNames: readonly string[] = Object.keys(reads)

/** @throws StreamsError `MR_STREAMS_BAD_QUERY` */
export function readUrl(name: string, query: URLSearchParams, key: Serde<unknown>): UrlRead {
  const make = Object.hasOwn(reads, name) ? reads[name] : undefined
  if (!make)
    throw bad(`There is no read "${name}"; there are ${urlReadNames.join(', ')}.`, { read: name })
  const given = new Parameters(query, key)
  const read = make(given)
  const limit = given.integer('limit') ?? defaultLimit
  if (limit < 1 || limit > maxLimit)
    throw bad(`limit is ${limit}; it must be from 1 to ${maxLimit}.`, { limit })
  const result: UrlRead = {
    read,
    keyBytes: 'key' in read ? read.key : undefined,
    limit,
    scope: given.oneOf('scope', ['application', 'instance']) ?? 'application',
    after: given.after(),
    options: given.options(limit),
  }
  given.refuseUnknown()
  return result
}

/** The parameters of one URL, of which it remembers those that were asked for. */
class Parameters {
  readonly #query: URLSearchParams
  readonly #key: Serde<unknown>
  readonly #known = new Set(common)

  constructor(query: URLSearchParams, key: Serde<unknown>) {
    this.#query = query
    this.#key = key
  }

  key(): Buffer {
    return keyOfText(this.#key, this.#needed('key'), 'key')
  }

  edge(name: string): Buffer | null {
    const text = this.#text(name)
    return text === undefined ? null : keyOfText(this.#key, text, name)
  }

  /** Bytes with which keys begin: text in UTF-8, or with `prefixBase64` any. */
  prefix(): Buffer {
    const bytes = this.#text('prefixBase64')
    return bytes === undefined
      ? Buffer.from(this.#needed('prefix'), 'utf8')
      : Buffer.from(bytes, 'base64url')
  }

  time(name: string, fallback?: number): number {
    const given = this.integer(name) ?? fallback
    if (given !== undefined) return given
    throw bad(`${name} is missing.`, { name })
  }

  isReverse(): boolean {
    return this.oneOf('order', ['asc', 'desc']) === 'desc'
  }

  integer(name: string): number | undefined {
    const text = this.#text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value
    throw bad(`${name} is "${text.slice(0, 100)}"; it must be an integer.`, { name })
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.#text(name)
    if (text === undefined) return undefined
    const found = allowed.find((each) => each === text)
    if (found !== undefined) return found
    throw bad(`${name} is "${text.slice(0, 100)}"; it must be ${allowed.join(' or ')}.`, { name })
  }

  after(): RowPlace | undefined {
    const text = this.#text('after')
    return text === undefined ? undefined : placeOfText(text)
  }

  options(limit: number): WalkOptions {
    const timeoutMs = this.integer('timeoutMs')
    const maxLagRecords = this.integer('maxLagRecords')
    const isolation = this.oneOf('isolation', ['committed', 'uncommitted'])
    return {
      isSorted: true,
      pageRows: limit,
      bound: this.#query.getAll('bound').map(boundOfText),
      ...(isolation && { isolation }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(maxLagRecords !== undefined && { maxLagRecords }),
    }
  }

  refuseUnknown(): void {
    for (const name of this.#query.keys())
      if (!this.#known.has(name)) throw bad(`"${name}" is no parameter of this read.`, { name })
  }

  #text(name: string): string | undefined {
    this.#known.add(name)
    return this.#query.get(name) ?? undefined
  }

  #needed(name: string): string {
    const text = this.#text(name)
    if (text !== undefined) return text
    throw bad(`${name} is missing.`, { name })
  }
}

/** Where the next page begins, for `after`. */
export function textOfPlace({ key, startMs, endMs }: RowPlace): string {
  return [key.toString('base64url'), startMs, endMs].join('~')
}

function placeOfText(text: string): RowPlace {
  const [key, startMs, endMs, ...rest] = text.split('~')
  const times = [Number(startMs), Number(endMs)] as const
  if (key !== undefined && times.every(Number.isSafeInteger) && rest.length === 0)
    return { key: Buffer.from(key, 'base64url'), startMs: times[0], endMs: times[1] }
  throw bad('after is none that an answer gave: take it from there as it is.', {})
}

/** `topic/partition@offset` */
function boundOfText(text: string): PositionBound {
  const [, topic, partition, offset] = /^(.+)\/(\d{1,10})@(\d{1,19})$/.exec(text) ?? []
  if (topic !== undefined && partition !== undefined && offset !== undefined)
    return { topic, partition: Number(partition), offset: BigInt(offset) }
  throw bad(`bound is "${text.slice(0, 300)}"; write topic/partition@offset.`, { name: 'bound' })
}

function bad(message: string, details: Readonly<Record<string, unknown>>): StreamsError {
  return new StreamsError('MR_STREAMS_BAD_QUERY', message, details)
}
