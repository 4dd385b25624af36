/** Rows of a store as its owner reads them for a query: between two records, without leaving anything in it. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde.ts'
import type { ReadonlyKeyValueStore } from '../state/key-value-store.ts'
import type { ReadonlySessionStore } from '../state/session-store.ts'
import type { StateStore, StoreBuilder, StoreKind, ValueAndTimestamp } from '../state/store.ts'
import type { ReadonlyWindowStore } from '../state/window-store.ts'
import type { Windowed } from '../windowed.ts'
import {
  compareRows,
  maxPageBytes,
  type Page,
  type RowPlace,
  type StoreRead,
  type StoreReadKind,
  type StoreRow,
} from './store-read.ts'

/** What queries of a kind of store may ask. */
const readsOfKind: Partial<Record<StoreKind, readonly StoreReadKind[]>> = {
  keyValue: ['count', 'get', 'range', 'prefix'],
  timestampedKeyValue: ['count', 'get', 'range', 'prefix'],
  window: ['count', 'window', 'windowsOfKey', 'windows'],
  session: ['count', 'session', 'sessionsOfKey', 'endedSessions'],
}

/** Whether stores of that kind answer queries at all. */
export function isQueryable(builder: Pick<StoreBuilder, 'kind' | 'serdes'>): boolean {
  return builder.serdes !== undefined && readsOfKind[builder.kind] !== undefined
}

/**
 * The first rows of a read behind `after`, at most `limit` of them.
 * @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` where the store is of another kind, `MR_STREAMS_BAD_QUERY` where a key is none of its
 * serde's
 */
export function readPage(
  store: StateStore,
  builder: StoreBuilder,
  read: StoreRead,
  after: RowPlace | undefined,
  limit: number,
): Omit<Page, 'positions'> {
  const { serdes, kind, name } = builder
  if (!serdes || !readsOfKind[kind]?.includes(read.kind))
    throw new StreamsError(
      'MR_STREAMS_UNKNOWN_STORE',
      `"${name}" is a store of the kind ${kind}, of which "${read.kind}" cannot be asked. ${serdes ? `It answers: ${readsOfKind[kind]?.join(', ') ?? 'no queries'}.` : 'Its builder tells no serdes, which queries need.'}`,
      { store: name, kind, read: read.kind },
    )
  if (read.kind === 'count') {
    const { approximateEntryCount } = store as unknown as AnyKeyValueStore
    return { rows: [], entryCount: approximateEntryCount, isLast: true }
  }
  const rows: StoreRow[] = []
  let sizeBytes = 0
  for (const row of rowsBehind(store, kind, serdes, read, after)) {
    if (after && compareRows(read, row, after) <= 0) continue
    if (rows.length === limit || sizeBytes >= maxPageBytes)
      return { rows, entryCount: 0, isLast: false }
    rows.push(row)
    sizeBytes += row.key.length + row.value.length
  }
  return { rows, entryCount: 0, isLast: true }
}

interface Serdes {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** May begin with rows up to and with `after`. */
function rowsBehind(
  store: StateStore,
  kind: StoreKind,
  serdes: Serdes,
  read: Exclude<StoreRead, { kind: 'count' }>,
  after: RowPlace | undefined,
): Iterable<StoreRow> {
  switch (read.kind) {
    case 'get':
    case 'range':
    case 'prefix':
      return keyValueRows(store as unknown as AnyKeyValueStore, kind, serdes, read, after)
    case 'window':
    case 'windowsOfKey':
    case 'windows':
      return windowRows(store as unknown as AnyWindowStore, serdes, read, after)
    case 'session':
    case 'sessionsOfKey':
    case 'endedSessions':
      return sessionRows(store as unknown as AnySessionStore, serdes, read, after)
  }
}

type AnyKeyValueStore = ReadonlyKeyValueStore<unknown, unknown> & {
  /** As `get`, and nothing is put into the cache, whose eviction would send records downstream. */
  peek?(key: unknown): unknown
}
type AnyWindowStore = ReadonlyWindowStore<unknown, ValueAndTimestamp<unknown>>
type AnySessionStore = ReadonlySessionStore<unknown, unknown>

function* keyValueRows(
  store: AnyKeyValueStore,
  kind: StoreKind,
  serdes: Serdes,
  read: Extract<StoreRead, { kind: 'get' | 'range' | 'prefix' }>,
  after: RowPlace | undefined,
): Generator<StoreRow> {
  const row = (key: unknown, kept: unknown): StoreRow => {
    const isTimestamped = kind === 'timestampedKeyValue'
    const value = isTimestamped ? (kept as ValueAndTimestamp<unknown>).value : kept
    return {
      key: serdes.key.serialize(key),
      value: serdes.value.serialize(value),
      timestamp: isTimestamped ? (kept as ValueAndTimestamp<unknown>).timestamp : -1,
      startMs: 0,
      endMs: 0,
    }
  }
  if (read.kind === 'get') {
    const key = decodedKey(serdes, read.key)
    const kept = store.peek ? store.peek(key) : store.get(key)
    if (kept !== undefined) yield row(key, kept)
    return
  }
  if (read.kind === 'prefix') {
    const found = after ? store.range(decodedKey(serdes, after.key)) : store.prefixScan(read.prefix)
    for (const [key, kept] of found) {
      const each = row(key, kept)
      if (!each.key.subarray(0, read.prefix.length).equals(read.prefix)) return
      yield each
    }
    return
  }
  const { isReverse } = read
  const from = decodedBound(serdes, isReverse ? read.from : (after?.key ?? read.from))
  const to = decodedBound(serdes, isReverse ? (after?.key ?? read.to) : read.to)
  const found = isReverse ? store.reverseRange(from, to) : store.range(from, to)
  for (const [key, kept] of found) yield row(key, kept)
}

function* windowRows(
  store: AnyWindowStore,
  serdes: Serdes,
  read: Extract<StoreRead, { kind: 'window' | 'windowsOfKey' | 'windows' }>,
  after: RowPlace | undefined,
): Generator<StoreRow> {
  const row = (
    key: Buffer,
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
    { value, timestamp }: ValueAndTimestamp<unknown>,
  ): StoreRow => ({ key, value: serdes.value.serialize(value), timestamp, startMs, endMs })
  if (read.kind === 'window') {
    const kept = store.fetch(decodedKey(serdes, read.key), read.startMs)
    if (kept) yield row(read.key, { startMs: read.startMs, endMs: 0 }, kept)
    return
  }
  const { isReverse } = read
  const fromMs = isReverse ? read.fromMs : (after?.startMs ?? read.fromMs)
  const toMs = isReverse ? (after?.startMs ?? read.toMs) : read.toMs
  if (read.kind === 'windowsOfKey') {
    const key = decodedKey(serdes, read.key)
    const found = isReverse
      ? store.reverseFetchRange(key, fromMs, toMs)
      : store.fetchRange(key, fromMs, toMs)
    for (const [startMs, kept] of found) yield row(read.key, { startMs, endMs: 0 }, kept)
    return
  }
  const walk = (
    low: Buffer | null,
    high: Buffer | null,
    lowMs: number,
    highMs: number,
  ): Iterable<[Windowed<unknown>, ValueAndTimestamp<unknown>]> => {
    const [from, to] = [decodedBound(serdes, low), decodedBound(serdes, high)]
    return isReverse
      ? store.reverseFetchKeys(from, to, lowMs, highMs)
      : store.fetchKeys(from, to, lowMs, highMs)
  }
  const parts = !after
    ? [walk(read.from, read.to, fromMs, toMs)]
    : isReverse
      ? // The rest of the start that the last page ended in, then the others.
        [
          walk(read.from, after.key, after.startMs, after.startMs),
          walk(read.from, read.to, fromMs, after.startMs - 1),
        ]
      : [
          walk(after.key, read.to, after.startMs, after.startMs),
          walk(read.from, read.to, after.startMs + 1, toMs),
        ]
  for (const found of parts)
    for (const [{ key, window }, kept] of found) yield row(serdes.key.serialize(key), window, kept)
}

function* sessionRows(
  store: AnySessionStore,
  serdes: Serdes,
  read: Extract<StoreRead, { kind: 'session' | 'sessionsOfKey' | 'endedSessions' }>,
  after: RowPlace | undefined,
): Generator<StoreRow> {
  const row = (key: Buffer, window: Windowed<unknown>['window'], value: unknown): StoreRow => ({
    key,
    value: serdes.value.serialize(value),
    timestamp: -1,
    startMs: window.startMs,
    endMs: window.endMs,
  })
  if (read.kind === 'session') {
    const { startMs, endMs } = read
    const value = store.fetchSession(decodedKey(serdes, read.key), startMs, endMs)
    if (value !== undefined) yield row(read.key, { startMs, endMs }, value)
    return
  }
  if (read.kind === 'endedSessions') {
    const earliestEndMs = after?.endMs ?? read.earliestEndMs
    for (const [{ key, window }, value] of store.findEndedSessions(earliestEndMs, read.latestEndMs))
      yield row(serdes.key.serialize(key), window, value)
    return
  }
  const key = decodedKey(serdes, read.key)
  const { isReverse, latestStartMs } = read
  // Backwards there is no upper bound to an end; the sessions of one key are few enough to be passed over.
  const found = isReverse
    ? store.reverseFindSessions(key, read.earliestEndMs, latestStartMs)
    : store.findSessions(key, after?.endMs ?? read.earliestEndMs, latestStartMs)
  for (const [{ window }, value] of found) yield row(read.key, window, value)
}

function decodedBound(serdes: Serdes, key: Buffer | null): unknown {
  return key === null ? undefined : decodedKey(serdes, key)
}

function decodedKey({ key: serde }: Serdes, key: Buffer): unknown {
  try {
    return serde.deserialize(key)
  } catch (error) {
    throw new StreamsError(
      'MR_STREAMS_BAD_QUERY',
      `A key of ${key.length} bytes is none of the store's: ${String(error)} Give the serde of the store's keys.`,
      { sizeBytes: key.length },
      { cause: error },
    )
  }
}
