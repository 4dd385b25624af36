/** Streams on one Apache Kafka: ours and Java Kafka Streams, the same topologies, topics and settings, in turn within each round. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock } from '@millrace/core'
import { createAdmin, type Admin } from '@millrace/kafka'
import { exitOf, fetchJars, isRunning, whyNoJars, type JarSet } from '@millrace/testkit'
import { startApache, startOurs, type BenchBroker } from '../kafka/brokers.ts'
import { processUsage, type Program } from '../kafka/measured-process.ts'
import type { Peer } from '../kafka/peers.ts'
import { Results, type ResultRow, type SuiteRun } from '../result.ts'
import { fillTopic } from './fill.ts'
import { topologyNames, type StreamsJob, type TopologyName } from './job.ts'

const run = promisify(execFile)
const partitions = 6
/** A run that takes longer has failed. */
const timeoutMs = 300_000
const pollMs = 20

interface Sizes {
  readonly rounds: number
  readonly records: number
  readonly keys: number
  readonly spanMs: number
}

const full: Sizes = { rounds: 3, records: 2_000_000, keys: 100_000, spanMs: 3_600_000 }
const quick: Sizes = { rounds: 1, records: 100_000, keys: 10_000, spanMs: 600_000 }

export const streamsJars: JarSet = {
  name: 'kafka-streams/4.3.0',
  jars: [{ groupId: 'org.apache.kafka', artifactId: 'kafka-streams', version: '4.3.0' }],
}

export async function runStreamsSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const sizes = asked.isQuick ? quick : full
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const results = new Results('streams')
  const systems = await findSystems(asked, folder)
  await using broker = await startBroker(asked, folder)
  await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
  try {
    for (const topology of topologyNames.filter((name) => name.includes(asked.caseWord))) {
      const topics = await fill(admin, broker, topology, sizes, asked)
      for (let round = 1; round <= (asked.rounds ?? sizes.rounds); round++)
        for (const system of round % 2 === 0 ? systems.toReversed() : systems) {
          asked.say(`round ${round}, ${topology}: ${system.name}`)
          const place = { admin, broker, folder, topics, name: `${system.name}-${round}` }
          try {
            await drain(topology, system, place, results)
          } catch (error) {
            if (system.name === 'millrace') throw error
            asked.note(`failed: ${system.name}: ${String(error).slice(0, 400)}`)
          }
        }
      await admin.deleteTopics(topics.map(({ name }) => name))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return results.rows()
}

interface System {
  readonly name: string
  readonly program: Program
}

interface Topic {
  readonly name: string
  readonly records: number
}

interface Place {
  readonly admin: Admin
  readonly broker: BenchBroker
  readonly folder: string
  readonly topics: readonly Topic[]
  readonly name: string
}

async function findSystems(asked: SuiteRun, folder: string): Promise<readonly System[]> {
  const file = fileURLToPath(new URL('./millrace.ts', import.meta.url))
  const args = ['--disable-warning=ExperimentalWarning', file]
  const systems: System[] = [{ name: 'millrace', program: { command: process.execPath, args } }]
  const java = await javaPeer(folder)
  if ('absent' in java) asked.note(`absent: java: ${java.absent}`)
  else systems.push({ name: 'java', program: java.is })
  return systems.filter(({ name }) => name.includes(asked.systemWord))
}

async function javaPeer(folder: string): Promise<Peer<Program>> {
  const reason = await whyNoJars(streamsJars)
  if (reason !== undefined) return { absent: reason }
  const libs = join(await fetchJars(streamsJars), '*')
  const source = fileURLToPath(new URL('./java/StreamsPeer.java', import.meta.url))
  await run('javac', ['-cp', libs, '-d', folder, source])
  return { is: { command: 'java', args: ['-cp', `${libs}:${folder}`, 'StreamsPeer'] } }
}

async function startBroker(asked: SuiteRun, folder: string): Promise<BenchBroker> {
  try {
    return await startApache()
  } catch (error) {
    asked.note(`Apache Kafka is absent (${String(error)}); the broker is ours`)
    return startOurs(folder)
  }
}

async function fill(
  admin: Admin,
  broker: BenchBroker,
  topology: TopologyName,
  sizes: Sizes,
  asked: SuiteRun,
): Promise<readonly Topic[]> {
  const isJoin = topology === 'join'
  const input = topology.replaceAll(' ', '-')
  const names = isJoin ? [input, `${input}-right`] : [input]
  const records = isJoin ? sizes.records / 2 : sizes.records
  await admin.ensureTopics(names.map((name) => ({ name, partitions })))
  for (const name of names) {
    asked.say(`${topology}: filling ${name}`)
    await fillTopic(broker.address, name, { ...sizes, records })
  }
  return names.map((name) => ({ name, records }))
}

/** From the start of the process until the group has committed the end of all it reads. */
async function drain(
  topology: TopologyName,
  system: System,
  place: Place,
  results: Results,
): Promise<void> {
  const { admin, topics, broker, name, folder } = place
  const applicationId = `${topics[0]?.name}-${name}`
  const output = `${applicationId}-output`
  await admin.ensureTopics([{ name: output, partitions }])
  const job: StreamsJob = {
    topology,
    applicationId,
    brokers: broker.address,
    input: topics[0]?.name ?? '',
    output,
    stateDir: join(folder, `state-${applicationId}`),
    guarantee: 'exactly_once_v2',
    commitIntervalMs: 1_000,
    cacheBytes: 10_000_000,
    threads: 2,
  }
  const startedMs = performance.now()
  const child = spawn(system.program.command, [...system.program.args, JSON.stringify(job)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  try {
    const internal =
      topology === 'repartition count' ? `${applicationId}-by-tail-repartition` : undefined
    const { firstMs, endMs, firstCount } = await untilDrained(place, applicationId, internal, child)
    const usage = processUsage(child.pid ?? 0)
    const records = topics.reduce((sum, topic) => sum + topic.records, 0)
    results.add(
      topology,
      system.name,
      'throughput',
      'records/s',
      (records / (endMs - startedMs)) * 1_000,
    )
    results.add(topology, system.name, 'start', 'ms', firstMs - startedMs)
    if (endMs - firstMs > 2 * job.commitIntervalMs)
      results.add(
        topology,
        system.name,
        'steady',
        'records/s',
        ((records - firstCount) / (endMs - firstMs)) * 1_000,
      )
    if (usage) {
      results.add(topology, system.name, 'cpu', 's/million', (usage.cpuSeconds / records) * 1e6)
      results.add(topology, system.name, 'rss', 'MB', usage.maxRssMb)
    }
  } finally {
    await end(child)
    const made = (await admin.listTopics()).filter((topic) => topic.startsWith(applicationId))
    await admin.deleteTopics(made)
  }
}

/** `firstMs`: when the first commit was seen, and how many records it and all before it held. */
async function untilDrained(
  place: Place,
  groupId: string,
  internal: string | undefined,
  child: ChildProcess,
): Promise<{ readonly firstMs: number; readonly firstCount: number; readonly endMs: number }> {
  const { admin, topics } = place
  const names = topics.map((topic) => topic.name)
  const total = topics.reduce((sum, topic) => sum + topic.records, 0)
  const giveUpMs = performance.now() + timeoutMs
  let first: { readonly firstMs: number; readonly firstCount: number } | undefined
  while (performance.now() < giveUpMs) {
    if (child.exitCode !== null) throw new Error(`the application ended with ${child.exitCode}`)
    const left = lagOf(await admin.groupLag(groupId, names))
    const nowMs = performance.now()
    if (left < total) first ??= { firstMs: nowMs, firstCount: total - left }
    // A repartition topic ends with the markers of its last transactions, which nobody commits as read.
    const rest =
      left > 0 || internal === undefined ? 0 : await internalLag(admin, groupId, internal)
    if (left === 0 && rest <= 2 * partitions && first) return { ...first, endMs: nowMs }
    await systemClock.sleep(pollMs)
  }
  throw new Error(`not drained in ${timeoutMs} ms`)
}

async function internalLag(admin: Admin, groupId: string, topic: string): Promise<number> {
  return lagOf(await admin.groupLag(groupId, [topic]))
}

function lagOf(lags: readonly { readonly lagRecords: number }[]): number {
  return lags.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
}

/** In order, or after 15 s by force. */
async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return
  child.stdin?.end()
  await exitOf(child, 15_000).catch(() => {}) // What it measured is told already.
}
