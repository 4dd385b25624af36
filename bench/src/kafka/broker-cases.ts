/** Brokers against each other under the same Java load tool, each alone on the machine while it is measured. */
import {
  addLatency,
  addThroughput,
  createTopic,
  measureJob,
  present,
  type BenchCase,
  type BenchRun,
} from './bench-run.ts'
import { waitUntilAnswered, waitUntilServed } from './broker-probe.ts'
import { brokersOf, type BenchBroker, type BrokerName, type StartBroker } from './brokers.ts'
import { maxPollRecords, recordSizes, warmPercentiles, type RecordSize } from './client-cases.ts'
import type { ConsumeResult, LatencyResult, ProduceResult } from './clients/client-job.ts'
import type { Compacted, CompactJob } from './compact-in-process.ts'
import { runMeasured, type Program } from './measured-process.ts'
import { writePayloads } from './payloads.ts'
import type { Peer } from './peers.ts'
import type { InProcessStart } from './start-in-process.ts'

const partitions = 4
/** Java's own defaults: what a broker sees of clients that nobody tuned. */
const batching = { batchSizeBytes: 16_384, lingerMs: 5 } as const
const startTimeoutMs = 120_000
const settleMs = 2_000
const compactionTimeoutMs = 600_000

const names = {
  start: 'start broker process',
  idle: 'start broker, idle',
  manyPartitions: 'start broker, 1,000 partitions idle',
  inProcess: 'start broker in process',
  recovery: 'recovery broker after kill -9',
  compaction: 'compaction broker in process',
  transactions: 'produce broker, transactions',
  afterLoad: 'consume broker, memory after load',
} as const

function produceName(size: RecordSize): string {
  return `produce broker ${size.label}`
}

function consumeName(size: RecordSize): string {
  return `consume broker ${size.label}`
}

function javaOf(run: BenchRun): Program | undefined {
  const java = run.peers.clients.get('java')
  return java === undefined || 'absent' in java ? undefined : java.is
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, settleMs))
}

/** Start, idle memory, load by Java's tools, transactions, memory after it. */
export class BrokerLoadCase implements BenchCase {
  static readonly names: readonly string[] = [
    names.start,
    names.idle,
    ...recordSizes.flatMap((size) => [produceName(size), consumeName(size)]),
    names.transactions,
    names.afterLoad,
  ]
  readonly #run: BenchRun
  readonly #brokers: ReadonlyMap<BrokerName, Peer<StartBroker>>

  constructor(run: BenchRun) {
    this.#run = run
    this.#brokers = brokersOf(run.peers)
  }

  async round(round: number): Promise<void> {
    const run = this.#run
    for (const [name, start] of present(run, this.#brokers, round)) {
      run.say(`  ${names.start}: ${name}`)
      await using broker = await start(run.folder)
      await this.#measureStart(broker)
      await settled()
      addMemory(run, names.idle, broker, 'rssMb')
      const java = javaOf(run)
      if (java === undefined) continue
      for (const size of recordSizes.slice(0, run.sizes.recordSizes))
        await this.#load(broker, java, size, round)
      await this.#transact(broker, java, round)
      addMemory(run, names.afterLoad, broker, 'maxRssMb')
    }
  }

  /** The second start on an empty folder: Apache Kafka formats its storage in a step before the first. */
  async #measureStart(broker: BenchBroker): Promise<void> {
    await broker.shutDown()
    const startedAtMs = performance.now()
    const restarted = broker.restart()
    await waitUntilAnswered(broker.port, startTimeoutMs)
    const startMs = performance.now() - startedAtMs
    await restarted
    this.#run.results.add(names.start, broker.name, 'start', 'ms', startMs)
  }

  async #load(broker: BenchBroker, java: Program, size: RecordSize, round: number): Promise<void> {
    const run = this.#run
    const records = Math.ceil(run.sizes.brokerRecords * size.share)
    const topic = `load-${size.label}-${round}`
    await createTopic(broker.address, topic, partitions)
    const produced = await this.#account(broker, produceName(size), records, () =>
      measureJob<ProduceResult>(run, { system: broker.name, case: produceName(size) }, java, {
        job: 'produce',
        brokers: broker.address,
        topic,
        records,
        payloadFile: writePayloads(run.folder, size.bytes),
        ...batching,
      }),
    )
    if (produced === undefined) return
    const name = produceName(size)
    addThroughput(run, name, broker.name, { ...produced.result, recordBytes: size.bytes })
    const consumed = await this.#account(broker, consumeName(size), records, () =>
      measureJob<ConsumeResult>(run, { system: broker.name, case: consumeName(size) }, java, {
        job: 'consume',
        brokers: broker.address,
        topic,
        group: topic,
        records,
        maxPollRecords,
      }),
    )
    if (consumed === undefined) return
    const flow = { ...consumed.result, recordBytes: size.bytes }
    addThroughput(run, consumeName(size), broker.name, flow)
  }

  /** The broker's own CPU for the work. */
  async #account<T>(
    broker: BenchBroker,
    caseName: string,
    records: number,
    work: () => Promise<T>,
  ): Promise<T> {
    const before = broker.usage()?.cpuSeconds
    const result = await work()
    const after = broker.usage()?.cpuSeconds
    if (before !== undefined && after !== undefined && result !== undefined) {
      const perMillion = ((after - before) / records) * 1e6
      this.#run.results.add(caseName, broker.name, 'cpu', 's/million', perMillion)
    }
    return result
  }

  /** Two partitions and a group's offset each, one after the other. */
  async #transact(broker: BenchBroker, java: Program, round: number): Promise<void> {
    const run = this.#run
    const topic = `transactions-${round}`
    await createTopic(broker.address, topic, 2)
    const place = { system: broker.name, case: names.transactions, mayFail: true }
    const measured = await measureJob<LatencyResult>(run, place, java, {
      job: 'transactions',
      brokers: broker.address,
      topic,
      transactionalId: topic,
      count: run.sizes.transactions,
      warmUp: Math.ceil(run.sizes.transactions / 5),
    })
    if (measured === undefined) return
    const { samplesMs } = measured.result
    const seconds = samplesMs.reduce((sum, ms) => sum + ms, 0) / 1_000
    const perSecond = samplesMs.length / seconds
    run.results.add(names.transactions, broker.name, 'throughput', 'transactions/s', perSecond)
    addLatency(run, names.transactions, broker.name, warmPercentiles(samplesMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function addMemory(
  run: BenchRun,
  caseName: string,
  broker: BenchBroker,
  which: 'rssMb' | 'maxRssMb',
): void {
  const usage = broker.usage()
  if (usage !== undefined) run.results.add(caseName, broker.name, 'rss', 'MB', usage[which])
}

/** Ours alone: the others do not run inside a Node process. */
export class InProcessCase implements BenchCase {
  static readonly names: readonly string[] = [names.inProcess]
  readonly #run: BenchRun

  constructor(run: BenchRun) {
    this.#run = run
  }

  async round(): Promise<void> {
    const file = new URL('./start-in-process.ts', import.meta.url).pathname
    const program = { command: process.execPath, args: [file] }
    const { result } = await runMeasured<InProcessStart>(program, { job: 'start' }, startTimeoutMs)
    const { results } = this.#run
    results.add(names.inProcess, 'millrace', 'start', 'ms', result.importMs + result.firstMs)
    results.add(names.inProcess, 'millrace', 'start again', 'ms', result.nextMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Ours alone, whose compaction runs in the thread that answers clients: how long that stands still. */
export class CompactionCase implements BenchCase {
  static readonly names: readonly string[] = [names.compaction]
  readonly #run: BenchRun

  constructor(run: BenchRun) {
    this.#run = run
  }

  async round(): Promise<void> {
    const { results, sizes, say } = this.#run
    say(`  ${names.compaction}`)
    const file = new URL('./compact-in-process.ts', import.meta.url).pathname
    const program = { command: process.execPath, args: [file] }
    const job: CompactJob = { job: 'compact', megabytes: sizes.recoveryMegabytes }
    const { result } = await runMeasured<Compacted>(program, job, compactionTimeoutMs)
    const { megabytesBefore, seconds, p99Ms, maxMs, maxCpuMs } = result
    results.add(names.compaction, 'millrace', 'bandwidth', 'MB/s', megabytesBefore / seconds)
    results.add(names.compaction, 'millrace', 'p99', 'ms', p99Ms)
    results.add(names.compaction, 'millrace', 'max', 'ms', maxMs)
    results.add(names.compaction, 'millrace', 'cpu', 'ms at most in a turn', maxCpuMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Memory with 1,000 partitions, nobody connected. */
export class ManyPartitionsCase implements BenchCase {
  static readonly names: readonly string[] = [names.manyPartitions]
  readonly #run: BenchRun

  constructor(run: BenchRun) {
    this.#run = run
  }

  async round(round: number): Promise<void> {
    const run = this.#run
    for (const [name, start] of present(run, brokersOf(run.peers), round)) {
      run.say(`  ${names.manyPartitions}: ${name}`)
      await using broker = await start(run.folder)
      await createTopic(broker.address, 'thousand', 1_000)
      await settled()
      addMemory(run, names.manyPartitions, broker, 'rssMb')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Each broker is filled once, killed by SIGKILL, started on what it had, and killed again in each round. */
export class RecoveryCase implements BenchCase {
  static readonly names: readonly string[] = [names.recovery]
  readonly #run: BenchRun
  readonly #filled = new Map<BrokerName, Peer<BenchBroker>>()
  readonly #topic = 'recovery'

  private constructor(run: BenchRun) {
    this.#run = run
  }

  static async prepare(run: BenchRun): Promise<RecoveryCase> {
    const prepared = new RecoveryCase(run)
    const java = javaOf(run)
    for (const [name, peer] of brokersOf(run.peers)) {
      if ('absent' in peer) prepared.#filled.set(name, peer)
      else if (java !== undefined) await prepared.#fill(name, peer.is, java)
    }
    return prepared
  }

  async #fill(name: BrokerName, start: StartBroker, java: Program): Promise<void> {
    const run = this.#run
    const broker = await start(run.folder)
    const place = { system: name, case: `${names.recovery}, filling` }
    await createTopic(broker.address, this.#topic, partitions)
    const filled = await measureJob(run, place, java, {
      job: 'produce',
      brokers: broker.address,
      topic: this.#topic,
      records: run.sizes.recoveryMegabytes * 1_000,
      payloadFile: writePayloads(run.folder, 1_000),
      ...batching,
    })
    await broker.kill()
    this.#filled.set(name, filled === undefined ? { absent: 'filling failed' } : { is: broker })
  }

  async round(round: number): Promise<void> {
    for (const [name, broker] of present(this.#run, this.#filled, round)) {
      this.#run.say(`  ${names.recovery}: ${name}`)
      const startedAtMs = performance.now()
      const restarted = broker.restart()
      await waitUntilServed(broker.port, this.#topic, { partitions, timeoutMs: startTimeoutMs })
      const seconds = (performance.now() - startedAtMs) / 1_000
      await restarted
      await broker.kill()
      this.#run.results.add(names.recovery, name, 'recovery', 's', seconds)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#filled.values()) if ('is' in peer) await peer.is[Symbol.asyncDispose]()
  }
}
