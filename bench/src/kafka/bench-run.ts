/** What the cases of the Kafka suite share: sizes, peers, a folder, and the way to a table row. */
import { createAdmin } from '@millrace/kafka'
import type { Metric, Results, ResultRow } from '../result.ts'
import { runMeasured, type Measured, type ProcessUsage, type Program } from './measured-process.ts'
import type { Peer, Peers } from './peers.ts'

export interface Sizes {
  readonly rounds: number
  /** How many of the record sizes are measured. */
  readonly recordSizes: number
  /** Records of 200 B per run of a fast client; a fifth of them of 1 KB. */
  readonly produceRecords: number
  readonly consumeRecords: number
  /** Part of the records that clients a class slower are given, so that no run takes minutes. */
  readonly slowShare: number
  readonly latencySamples: number
  readonly brokerRecords: number
  readonly recoveryMegabytes: number
  readonly transactions: number
}

export interface BenchRun {
  readonly sizes: Sizes
  readonly peers: Peers
  /** For payloads and the brokers' data; removed after the run. */
  readonly folder: string
  readonly results: Results
  readonly say: (text: string) => void
  /** Printed under the table: what is absent and why, what failed. Said once. */
  readonly note: (text: string) => void
}

/** One kind of work; `prepare` and `close` once per suite, `round` once per round. */
export interface BenchCase extends AsyncDisposable {
  round(round: number): Promise<void>
}

/** Systems in another order each round, so that none is always first. Absent ones are noted and left out. */
export function present<Name extends string, T>(
  run: BenchRun,
  systems: ReadonlyMap<Name, Peer<T>>,
  round: number,
): readonly (readonly [Name, T])[] {
  const here: (readonly [Name, T])[] = []
  for (const [name, peer] of systems) {
    if ('absent' in peer) run.note(`absent: ${name}: ${peer.absent}`)
    else here.push([name, peer.is])
  }
  const first = round % Math.max(1, here.length)
  return [...here.slice(first), ...here.slice(0, first)]
}

const jobTimeoutMs = 180_000

/** A job of a peer that fails is noted and has no row; one of ours ends the suite. */
export async function measureJob<T>(
  run: BenchRun,
  place: { readonly system: string; readonly case: string; readonly mayFail?: boolean },
  program: Program,
  job: object,
): Promise<Measured<T> | undefined> {
  run.say(`  ${place.case}: ${place.system}`)
  try {
    return await runMeasured<T>(program, job, jobTimeoutMs)
  } catch (error) {
    if (place.system === 'millrace' && place.mayFail !== true) throw error
    run.note(`failed: ${place.case}: ${place.system}: ${String(error).slice(0, 600)}`)
    return undefined
  }
}

export interface Flow {
  readonly records: number
  readonly seconds: number
}

/** records/s and MB/s (of values, 10^6). */
export function addThroughput(
  run: BenchRun,
  caseName: string,
  system: string,
  flow: Flow & { readonly recordBytes: number },
): void {
  const perSecond = flow.records / flow.seconds
  run.results.add(caseName, system, 'throughput', 'records/s', perSecond)
  run.results.add(caseName, system, 'bandwidth', 'MB/s', (perSecond * flow.recordBytes) / 1e6)
}

export function addUsage(
  run: BenchRun,
  caseName: string,
  system: string,
  usage: ProcessUsage | undefined,
  records: number,
): void {
  if (usage === undefined) return
  const perMillion = (usage.cpuSeconds / records) * 1e6
  run.results.add(caseName, system, 'cpu', 's/million', perMillion)
  run.results.add(caseName, system, 'rss', 'MB', usage.maxRssMb)
}

export function addLatency(
  run: BenchRun,
  caseName: string,
  system: string,
  latency: { readonly p50: number; readonly p99: number },
): void {
  run.results.add(caseName, system, 'p50', 'ms', latency.p50)
  run.results.add(caseName, system, 'p99', 'ms', latency.p99)
}

export async function createTopic(
  address: string,
  name: string,
  partitions: number,
): Promise<void> {
  await using admin = await createAdmin({ brokers: [address], clientId: 'bench' })
  await admin.ensureTopics([{ name, partitions, configs: { 'retention.ms': '-1' } }])
}

export async function deleteTopic(address: string, name: string): Promise<void> {
  await using admin = await createAdmin({ brokers: [address], clientId: 'bench' })
  await admin.deleteTopics([name])
}

const metricOrder: readonly Metric[] = [
  'throughput',
  'bandwidth',
  'start',
  'start again',
  'recovery',
  'p50',
  'p99',
  'cpu',
  'rss',
  'aborted',
  'damaged',
  'missing',
]

/** The order of the table: cases as they stand in the suite, the figures of one kind together, ours first. */
export function inOrder(
  rows: readonly ResultRow[],
  cases: readonly string[],
): readonly ResultRow[] {
  const keys = (row: ResultRow): readonly number[] => [
    cases.indexOf(row.case),
    metricOrder.indexOf(row.metric),
    row.system === 'millrace' ? 0 : 1,
  ]
  return rows.toSorted((a, b) => {
    const [of, and] = [keys(a), keys(b)]
    const differing = of.findIndex((key, index) => key !== and[index])
    return differing < 0
      ? a.system.localeCompare(b.system)
      : (of[differing] ?? 0) - (and[differing] ?? 0)
  })
}
