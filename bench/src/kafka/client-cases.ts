/** Clients against each other on one Apache Kafka: produce, consume, and what a consumer must catch. */
import type { BenchBroker } from './brokers.ts'
import {
  addLatency,
  addThroughput,
  addUsage,
  createTopic,
  deleteTopic,
  measureJob,
  present,
  type BenchCase,
  type BenchRun,
} from './bench-run.ts'
import { startBitFlipProxy } from '@millrace/testkit'
import {
  checkValues,
  type CheckResult,
  type ConsumeJob,
  type ConsumeResult,
  type LatencyResult,
  type ProduceJob,
  type ProduceResult,
} from './clients/client-job.ts'
import type { Program } from './measured-process.ts'
import { percentile } from '../result.ts'
import { writePayloads } from './payloads.ts'
import type { ClientName } from './peers.ts'

const partitions = 4
/** The same for every client. */
const batching = { batchSizeBytes: 131_072, lingerMs: 5 } as const
/** The same for Java, Python and ours. */
export const maxPollRecords = 10_000
const slowClients: readonly ClientName[] = ['platformatic', 'kafkajs']
const abortedPerPartition = 1_000

export const recordSizes = [
  { label: '200B', bytes: 200, share: 1 },
  { label: '1KB', bytes: 1_000, share: 1 / 5 },
] as const
export type RecordSize = (typeof recordSizes)[number]

function recordsFor(run: BenchRun, client: ClientName, most: number): number {
  return Math.ceil(slowClients.includes(client) ? most * run.sizes.slowShare : most)
}

/** Every client sends the same values with acks=all, idempotent, to a topic of its own. */
export class ProduceCase implements BenchCase {
  readonly #run: BenchRun
  readonly #broker: BenchBroker
  readonly #size: RecordSize
  readonly #payloadFile: string

  constructor(run: BenchRun, broker: BenchBroker, size: RecordSize) {
    this.#run = run
    this.#broker = broker
    this.#size = size
    this.#payloadFile = writePayloads(run.folder, size.bytes)
  }

  async round(round: number): Promise<void> {
    for (const [system, program] of present(this.#run, this.#run.peers.clients, round)) {
      await this.#send(system, program, { round, client: system, job: 'produce' })
      if (system === 'millrace')
        await this.#send(`${system}-objects`, program, {
          round,
          client: system,
          job: 'produce-objects',
        })
    }
  }

  async #send(
    system: string,
    program: Program,
    how: { readonly round: number; readonly client: ClientName; readonly job: ProduceJob['job'] },
  ): Promise<void> {
    const run = this.#run
    const name = `produce ${this.#size.label}`
    const records = recordsFor(run, how.client, run.sizes.produceRecords * this.#size.share)
    const topic = `produce-${this.#size.label}-${system}-${how.round}`
    await createTopic(this.#broker.address, topic, partitions)
    const job: ProduceJob = {
      job: how.job,
      brokers: this.#broker.address,
      topic,
      records,
      recordBytes: this.#size.bytes,
      payloadFile: this.#payloadFile,
      partitions,
      ...batching,
    }
    const measured = await measureJob<ProduceResult>(run, { system, case: name }, program, job)
    await deleteTopic(this.#broker.address, topic)
    if (measured === undefined) return
    addThroughput(run, name, system, { ...measured.result, recordBytes: this.#size.bytes })
    addUsage(run, name, system, measured.usage, records)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/**
 * Every client reads the same topic from the beginning, `read_committed`, CRC checked where it can. In its middle, and before the end of
 * what slow clients read, stands an aborted transaction on every partition.
 */
export class ConsumeCase implements BenchCase {
  readonly #run: BenchRun
  readonly #broker: BenchBroker
  readonly #size: RecordSize
  readonly #topic: string

  private constructor(run: BenchRun, broker: BenchBroker, size: RecordSize) {
    this.#run = run
    this.#broker = broker
    this.#size = size
    this.#topic = `consume-${size.label}`
  }

  static async prepare(run: BenchRun, broker: BenchBroker, size: RecordSize): Promise<ConsumeCase> {
    const prepared = new ConsumeCase(run, broker, size)
    await prepared.#fill()
    return prepared
  }

  async #fill(): Promise<void> {
    const run = this.#run
    const address = this.#broker.address
    const total = run.sizes.consumeRecords * this.#size.share
    const early = Math.ceil((total * run.sizes.slowShare) / 2)
    const payloadFile = writePayloads(run.folder, this.#size.bytes)
    await createTopic(address, this.#topic, partitions)
    for (const records of [early, Math.ceil(total - early) + partitions]) {
      const job = { job: 'produce', brokers: address, topic: this.#topic, records }
      await this.#withJava({ ...job, payloadFile, ...batching })
      if (records !== early) continue
      const abort = { job: 'abort', brokers: address, topic: this.#topic, partitions }
      await this.#withJava({ ...abort, records: abortedPerPartition })
    }
  }

  async #withJava(job: object): Promise<void> {
    const java = this.#run.peers.clients.get('java')
    if (java === undefined || 'absent' in java) throw new Error('topics are filled with Java')
    const place = { system: 'java', case: `consume ${this.#size.label}, filling` }
    if ((await measureJob(this.#run, place, java.is, job)) === undefined)
      throw new Error(`${this.#topic} could not be filled`)
  }

  async round(round: number): Promise<void> {
    for (const [system, program] of present(this.#run, this.#run.peers.clients, round)) {
      await this.#read(system, program, { round, client: system, job: 'consume' })
      if (system === 'millrace')
        await this.#read(`${system}-objects`, program, {
          round,
          client: system,
          job: 'consume-objects',
        })
    }
  }

  async #read(
    system: string,
    program: Program,
    how: { readonly round: number; readonly client: ClientName; readonly job: ConsumeJob['job'] },
  ): Promise<void> {
    const run = this.#run
    const name = `consume ${this.#size.label}`
    const job: ConsumeJob = {
      job: how.job,
      brokers: this.#broker.address,
      topic: this.#topic,
      group: `${this.#topic}-${system}-${how.round}`,
      records: recordsFor(run, how.client, run.sizes.consumeRecords * this.#size.share),
      maxPollRecords,
    }
    const measured = await measureJob<ConsumeResult>(run, { system, case: name }, program, job)
    if (measured === undefined) return
    addThroughput(run, name, system, { ...measured.result, recordBytes: this.#size.bytes })
    addUsage(run, name, system, measured.usage, measured.result.records)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await deleteTopic(this.#broker.address, this.#topic)
  }
}

const perRange = 100

/**
 * What no figure may be bought with: a topic with three aborted ranges of one producer around two committed ones, read through a proxy that
 * flips one bit of a value. Counted are records delivered that must not be. Ours must deliver none, and all good ones, or the suite fails.
 */
export class CheckCase implements BenchCase {
  readonly #run: BenchRun
  readonly #broker: BenchBroker
  readonly #topic = 'consume-checks'

  constructor(run: BenchRun, broker: BenchBroker) {
    this.#run = run
    this.#broker = broker
  }

  /** Once is enough, and all at once: nothing is timed. */
  async round(round: number): Promise<void> {
    if (round > 1) return
    const run = this.#run
    const java = run.peers.clients.get('java')
    if (java === undefined || 'absent' in java) return
    await createTopic(this.#broker.address, this.#topic, 1)
    const fill = { job: 'fill-checks', brokers: this.#broker.address, topic: this.#topic, perRange }
    await measureJob(run, { system: 'java', case: 'consume checks, filling' }, java.is, fill)
    const systems = present(run, run.peers.clients, 0)
    await Promise.all(systems.map(([system, program]) => this.#check(system, program)))
  }

  async #check(system: ClientName, program: Program): Promise<void> {
    const run = this.#run
    const name = 'consume checks'
    await using proxy = await startBitFlipProxy(this.#broker.port, checkValues.committed)
    const measured = await measureJob<CheckResult>(run, { system, case: name }, program, {
      job: 'check',
      brokers: proxy.address,
      topic: this.#topic,
      group: `checks-${system}`,
      records: 2 * perRange,
    })
    if (measured === undefined) return
    const { aborted, damaged, records, error } = measured.result
    const isWhole = aborted === 0 && damaged === 0 && records === 2 * perRange
    if (system === 'millrace' && !(isWhole && proxy.flippedBits === 1))
      throw new Error(
        `Ours failed the checks (${proxy.flippedBits} bits flipped): ${JSON.stringify(measured.result)}`,
      )
    if (proxy.flippedBits !== 1)
      return run.note(`failed: ${name}: ${system} read nothing within its patience`)
    run.results.add(name, system, 'aborted', 'delivered', aborted)
    run.results.add(name, system, 'damaged', 'delivered', damaged)
    run.results.add(name, system, 'missing', 'records', 2 * perRange - records)
    if (error !== undefined) run.note(`${name}: ${system} said: ${error.slice(0, 300)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await deleteTopic(this.#broker.address, this.#topic)
  }
}

const latencies = [
  {
    job: 'ack',
    name: 'produce latency, one acked send',
    systems: ['millrace', 'java', 'platformatic', 'kafkajs'],
  },
  { job: 'delivery', name: 'consume latency, from its send', systems: ['millrace', 'java'] },
] as const
/** Part of the samples that only warm up. */
const warmUpShare = 0.2

/** One record after the other, no linger, on one partition. */
export class LatencyCase implements BenchCase {
  static readonly names: readonly string[] = latencies.map(({ name }) => name)
  readonly #run: BenchRun
  readonly #broker: BenchBroker

  constructor(run: BenchRun, broker: BenchBroker) {
    this.#run = run
    this.#broker = broker
  }

  async round(round: number): Promise<void> {
    const run = this.#run
    for (const { job, name, systems } of latencies) {
      for (const [system, program] of present(run, run.peers.clients, round)) {
        if (!(systems as readonly string[]).includes(system)) continue
        const topic = `latency-${job}-${system}-${round}`
        await createTopic(this.#broker.address, topic, 1)
        const measured = await measureJob<LatencyResult>(run, { system, case: name }, program, {
          job,
          brokers: this.#broker.address,
          topic,
          group: topic,
          count: run.sizes.latencySamples,
          recordBytes: 200,
        })
        await deleteTopic(this.#broker.address, topic)
        if (measured !== undefined)
          addLatency(run, name, system, warmPercentiles(measured.result.samplesMs))
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export function warmPercentiles(samplesMs: readonly number[]): { p50: number; p99: number } {
  const warm = samplesMs.slice(Math.floor(samplesMs.length * warmUpShare))
  return { p50: percentile(warm, 0.5), p99: percentile(warm, 0.99) }
}
