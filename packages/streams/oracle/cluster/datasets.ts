import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { randomInt, seededRandom } from '@millrace/core'

/** A record on its way into a topic. */
export interface InputRecord {
  readonly key: string
  readonly value: string
  readonly timestampMs: number
}

/** What the applications read: two topics of keys in common, each in the order of arrival. */
export interface Dataset {
  readonly name: string
  readonly left: readonly InputRecord[]
  readonly right: readonly InputRecord[]
  /** Of windows, joins and gaps; so chosen that windows hold several records and many records come late for them. */
  readonly sizeMs: number
  readonly graceMs: number
}

/**
 * Real times are whole seconds. Records of the right are half a second later, so that none has the time of one on the left: which of two is
 * taken first depends in Java on how they were fetched.
 */
const apartMs = 500
const folder = new URL('../../../../../shared/data/', import.meta.url)

/** The real data, not kept with the sources; undefined where they are absent. At most `limit` lines of each. */
export function realDatasets(limit = Infinity): readonly Dataset[] | undefined {
  const files = ['stream-trips', 'stream-web'].map((name) => new URL(`${name}.jsonl.gz`, folder))
  if (!files.every((file) => existsSync(file))) return undefined
  const [trips, web] = files.map((file) => lines(file, limit))
  return [tripData((trips ?? []) as Trip[]), webData((web ?? []) as Request[])]
}

interface Trip {
  readonly seq: number
  readonly zone: string
  readonly toZone: string
  readonly at: string
  readonly arrivedAt: string
}

/** Left: trips by the zone they began in, 80 % of them out of order; right: by the zone they ended in, in order. */
function tripData(trips: readonly Trip[]): Dataset {
  return {
    name: 'trips',
    left: trips.map(({ seq, zone, at }) => ({
      key: zone,
      value: `${seq}`,
      timestampMs: Date.parse(at),
    })),
    right: trips.map(({ seq, toZone, arrivedAt }) => ({
      key: toZone,
      value: `${seq}`,
      timestampMs: Date.parse(arrivedAt) + apartMs,
    })),
    sizeMs: 300_000,
    graceMs: 900_000,
  }
}

interface Request {
  readonly seq: number
  readonly client: string
  readonly at: string
  readonly path: string
}

/** By client, 95 % out of order. Left: what a page consists of; right: pages. */
function webData(requests: readonly Request[]): Dataset {
  const isPart = ({ path }: Request): boolean => /\.(?:css|js|png|jpg|gif|ico)$/.test(path)
  const side = (isLeft: boolean): readonly InputRecord[] =>
    requests
      .filter((request) => isPart(request) === isLeft)
      .map(({ seq, client, at }) => ({
        key: client,
        value: `${seq}`,
        timestampMs: Date.parse(at) + (isLeft ? 0 : apartMs),
      }))
  return { name: 'web', left: side(true), right: side(false), sizeMs: 10_000, graceMs: 30_000 }
}

/** As out of order as trips: a record is known when what it tells of is over, 11 minutes later in the middle. The same for each run of a seed. */
export function generatedDataset(count: number, seed: number): Dataset {
  const random = seededRandom(seed)
  const startMs = Date.UTC(2024, 0, 1)
  const side = (isLate: boolean): readonly InputRecord[] =>
    Array.from({ length: count }, (_, index) => {
      const arrivedMs = startMs + index * 40_000 + randomInt(random, 40_000)
      const lateByMs = isLate ? Math.round(-Math.log(1 - random.float()) * 960_000) : 0
      return {
        key: `k${randomInt(random, 40)}`,
        value: `${index}`,
        timestampMs: arrivedMs - lateByMs,
      }
    })
  return {
    name: 'generated',
    left: side(true),
    right: side(false),
    sizeMs: 600_000,
    graceMs: 900_000,
  }
}

function lines(file: URL, limit: number): readonly unknown[] {
  const text = gunzipSync(readFileSync(file)).toString('utf8').trimEnd()
  return text
    .split('\n')
    .slice(0, limit)
    .map((line) => JSON.parse(line) as unknown)
}
