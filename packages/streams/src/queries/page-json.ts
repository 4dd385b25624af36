/** Requests and pages between instances, as JSON; bytes in base64, offsets as decimal text. */
import { StreamsError } from '../errors.ts'
import { packPage, unpackPage } from './packed-page.ts'
import type {
  Page,
  PageRequest,
  PositionBound,
  RowPlace,
  StorePosition,
  StoreRead,
} from './store-read.ts'

/** Pages of other instances have at most so many bytes as JSON: rows of one page, one over its bounds, and base64. */
export const maxPageJsonBytes = 33_554_432

export function requestJson(applicationId: string, request: PageRequest): string {
  const { read, after, bounds, ...rest } = request
  return JSON.stringify({
    applicationId,
    ...rest,
    read: Object.fromEntries(
      Object.entries(read).map(([name, value]) => [
        name,
        Buffer.isBuffer(value) ? value.toString('base64') : (value as unknown),
      ]),
    ),
    ...(after && { after: { ...after, key: after.key.toString('base64') } }),
    bounds: bounds.map(boundJson),
  })
}

/** @throws StreamsError `MR_STREAMS_BAD_QUERY` where it is no request, or one to another application */
export function readRequestJson(applicationId: string, text: string): PageRequest {
  const told = parsedObject(text)
  if (told['applicationId'] !== applicationId)
    throw bad('applicationId', told['applicationId'], `"${applicationId}", which answers here`)
  const optional = <T>(name: string, read: (told: unknown, name: string) => T): T | undefined =>
    told[name] === undefined ? undefined : read(told[name], name)
  const isolation = told['isolation']
  if (isolation !== 'committed' && isolation !== 'uncommitted')
    throw bad('isolation', isolation, "'committed' or 'uncommitted'")
  if (!Array.isArray(told['bounds'])) throw bad('bounds', told['bounds'], 'a list')
  return {
    store: textOf(told['store'], 'store'),
    partition: optional('partition', numberOf),
    read: readOf(objectOf(told['read'], 'read')),
    after: optional('after', placeOf),
    limit: numberOf(told['limit'], 'limit'),
    isolation,
    bounds: told['bounds'].map(boundOf),
    maxLagRecords: optional('maxLagRecords', numberOf),
    timeoutMs: numberOf(told['timeoutMs'], 'timeoutMs'),
  }
}

export function pageJson(page: Page): string {
  const { bytes, lengths, times, entryCount, isLast, positions } = packPage(page)
  return JSON.stringify({
    bytes: Buffer.from(bytes.buffer).toString('base64'),
    lengths: [...lengths],
    times: [...times],
    entryCount,
    isLast,
    positions: positions.map(positionJson),
  })
}

/** @throws StreamsError `MR_STREAMS_BAD_QUERY` where it is no page */
export function readPageJson(text: string): Page {
  const told = parsedObject(text)
  const numbers = (name: string): readonly number[] => {
    const list = told[name]
    if (Array.isArray(list) && list.every((each) => typeof each === 'number')) return list
    throw bad(name, list, 'a list of numbers')
  }
  const lengths = Uint32Array.from(numbers('lengths'))
  const times = Float64Array.from(numbers('times'))
  const bytes = new Uint8Array(bytesOf(told['bytes'], 'bytes'))
  const sum = lengths.reduce((total, length) => total + length, 0)
  if (sum !== bytes.length || 3 * lengths.length !== 2 * times.length)
    throw bad('lengths', sum, `those of ${bytes.length} bytes and ${times.length / 3} rows`)
  const positions = Array.isArray(told['positions']) ? told['positions'].map(positionOf) : []
  const entryCount = numberOf(told['entryCount'], 'entryCount')
  return unpackPage({
    bytes,
    lengths,
    times,
    entryCount,
    isLast: told['isLast'] === true,
    positions,
  })
}

function readOf(told: Readonly<Record<string, unknown>>): StoreRead {
  const key = (): Buffer => bytesOf(told['key'], 'key')
  const edge = (name: string): Buffer | null =>
    told[name] === null ? null : bytesOf(told[name], name)
  const time = (name: string): number => numberOf(told[name], name)
  const isReverse = told['isReverse'] === true
  switch (told['kind']) {
    case 'count':
      return { kind: 'count' }
    case 'get':
      return { kind: 'get', key: key() }
    case 'range':
      return { kind: 'range', from: edge('from'), to: edge('to'), isReverse }
    case 'prefix':
      return { kind: 'prefix', prefix: bytesOf(told['prefix'], 'prefix') }
    case 'window':
      return { kind: 'window', key: key(), startMs: time('startMs') }
    case 'windowsOfKey': {
      const [fromMs, toMs] = [time('fromMs'), time('toMs')]
      return { kind: 'windowsOfKey', key: key(), fromMs, toMs, isReverse }
    }
    case 'windows': {
      const [fromMs, toMs] = [time('fromMs'), time('toMs')]
      return { kind: 'windows', from: edge('from'), to: edge('to'), fromMs, toMs, isReverse }
    }
    case 'session':
      return { kind: 'session', key: key(), startMs: time('startMs'), endMs: time('endMs') }
    case 'sessionsOfKey': {
      const [earliestEndMs, latestStartMs] = [time('earliestEndMs'), time('latestStartMs')]
      return { kind: 'sessionsOfKey', key: key(), earliestEndMs, latestStartMs, isReverse }
    }
    case 'endedSessions': {
      const [earliestEndMs, latestEndMs] = [time('earliestEndMs'), time('latestEndMs')]
      return { kind: 'endedSessions', earliestEndMs, latestEndMs }
    }
    default:
      throw bad('read.kind', told['kind'], 'a kind of read')
  }
}

function placeOf(told: unknown): RowPlace {
  const place = objectOf(told, 'after')
  return {
    key: bytesOf(place['key'], 'after.key'),
    startMs: numberOf(place['startMs'], 'after.startMs'),
    endMs: numberOf(place['endMs'], 'after.endMs'),
  }
}

function boundJson({ topic, partition, offset }: PositionBound): object {
  return { topic, partition, offset: String(offset) }
}

function positionJson(position: StorePosition): object {
  return { ...boundJson(position), lagRecords: position.lagRecords }
}

/** Instances that do not tell a lag yet are of a version before. */
function positionOf(told: unknown): StorePosition {
  const { lagRecords } = objectOf(told, 'position')
  const position = boundOf(told)
  return typeof lagRecords === 'number' ? { ...position, lagRecords } : position
}

function boundOf(told: unknown): PositionBound {
  const { topic, partition, offset } = objectOf(told, 'bound')
  if (typeof offset !== 'string' || !/^-?\d{1,19}$/.test(offset))
    throw bad('offset', offset, 'decimal text')
  return {
    topic: textOf(topic, 'topic'),
    partition: numberOf(partition, 'partition'),
    offset: BigInt(offset),
  }
}

function parsedObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text), 'the whole')
  } catch (error) {
    if (error instanceof StreamsError) throw error
    throw bad('the whole', `${text.length} characters`, 'JSON')
  }
}

function objectOf(told: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof told === 'object' && told !== null) return told as Readonly<Record<string, unknown>>
  throw bad(name, told, 'an object')
}

function bytesOf(told: unknown, name: string): Buffer {
  if (typeof told === 'string') return Buffer.from(told, 'base64')
  throw bad(name, told, 'bytes in base64')
}

function textOf(told: unknown, name: string): string {
  if (typeof told === 'string') return told
  throw bad(name, told, 'text')
}

function numberOf(told: unknown, name: string): number {
  if (typeof told === 'number') return told
  throw bad(name, told, 'a number')
}

function bad(name: string, told: unknown, wanted: string): StreamsError {
  const shown = String(told).slice(0, 100)
  return new StreamsError(
    'MR_STREAMS_BAD_QUERY',
    `${name} is ${shown}; it must be ${wanted}. Instances of one application must run versions that know each other.`,
    { name, told: shown },
  )
}
