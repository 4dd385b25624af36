/** What every client of the suite is asked, in whatever language, and what it answers; one job per process. */
import { readFileSync } from 'node:fs'

/** Send `records` values of the payload file, null keys, with `acks=all` and idempotence. */
export interface ProduceJob extends JobBase {
  /** By `produce-objects` ours is given an object per record, where by `produce` it is given columns. */
  readonly job: 'produce' | 'produce-objects'
  readonly records: number
  readonly recordBytes: number
  /** One value per line. */
  readonly payloadFile: string
  readonly partitions: number
  readonly batchSizeBytes: number
  readonly lingerMs: number
}

/** Read `records` as a new group from the beginning, `read_committed`, no commits. */
export interface ConsumeJob extends JobBase {
  /** By `consume-objects` ours makes an object of every record, where by `consume` it looks at columns. */
  readonly job: 'consume' | 'consume-objects'
  readonly group: string
  readonly records: number
  /** Most records handed out at once, where the client has such an option. */
  readonly maxPollRecords: number
}

/** Read `records` good records of the check topic, and tell what came that must not. */
export interface CheckJob extends JobBase {
  readonly job: 'check'
  readonly group: string
  readonly records: number
}

/** `ack`: one send after the other; `delivery`: one record after the other, from send until the consumer beside has it. */
export interface LatencyJob extends JobBase {
  readonly job: 'ack' | 'delivery'
  readonly group: string
  readonly count: number
  readonly recordBytes: number
}

interface JobBase {
  readonly brokers: string
  readonly topic: string
}

export interface ProduceResult {
  readonly records: number
  readonly seconds: number
}

export interface ConsumeResult {
  readonly records: number
  readonly bytes: number
  /** From the assignment to the last record. */
  readonly seconds: number
}

export interface CheckResult {
  readonly records: number
  readonly aborted: number
  readonly damaged: number
  /** Why it stopped, when the client refused to go on. */
  readonly error?: string
}

export interface LatencyResult {
  readonly samplesMs: readonly number[]
}

/** What stands in the check topic; a value that is neither was damaged on the way. */
export const checkValues = { committed: 'm'.repeat(200), aborted: 'a'.repeat(200) } as const
/** How long a reader of the check topic waits for more, ms: what should not come has come by then. */
export const checkPatienceMs = 2_000
/** The same before the first record: joining is not what is looked at. */
export const firstPatienceMs = 30_000

/** Counts what a client hands out of the check topic. */
export class CheckCount {
  records = 0
  aborted = 0
  damaged = 0
  add(value: Uint8Array | null): void {
    const text = value === null ? '' : Buffer.from(value).toString('latin1')
    if (text === checkValues.committed) this.records++
    else if (text === checkValues.aborted) this.aborted++
    else this.damaged++
  }
  get result(): CheckResult {
    return { records: this.records, aborted: this.aborted, damaged: this.damaged }
  }
}

export function readPayloads(file: string): readonly Buffer[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line))
}

/** The client's side: does the job of the command line, prints its result, stays until the parent has read its account. */
export async function serveJob(
  work: Readonly<Record<string, (job: never) => Promise<unknown>>>,
): Promise<void> {
  const job = JSON.parse(process.argv[2] ?? '') as { readonly job: string }
  const act = work[job.job]
  if (act === undefined) throw new Error(`This client has no job "${job.job}".`)
  const result = await act(job as never)
  process.stdout.write(`${JSON.stringify({ result })}\n`)
  process.stdin.resume()
  process.stdin.once('end', () => process.exit(0))
}

/** Seconds since `startedAtMs` on the monotonic clock. */
export function secondsSince(startedAtMs: number): number {
  return (performance.now() - startedAtMs) / 1000
}
