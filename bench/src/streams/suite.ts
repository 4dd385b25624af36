/** Streams on one Apache Kafka: ours and Java Kafka Streams, the same topologies, topics and settings, in turn within each round. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createAdmin } from '@millrace/kafka'
import { fetchJars, whyNoJars, type JarSet } from '@millrace/testkit'
import { startApache, startOurs, type BenchBroker } from '../kafka/brokers.ts'
import { warmUp } from '../kafka/warm-up.ts'
import type { Program } from '../kafka/measured-process.ts'
import type { Peer } from '../kafka/peers.ts'
import { Results, type ResultRow, type SuiteRun } from '../result.ts'
import { runDrain, type DrainCase } from './drain-case.ts'
import { topologyNames, type JobSettings, type TopologyName } from './job.ts'
import { runLatency } from './latency-case.ts'
import type { Place, Sizes } from './place.ts'
import { runRecovery } from './recovery-case.ts'
import type { System } from './running-app.ts'

const run = promisify(execFile)

const full: Sizes = {
  rounds: 3,
  warmUpSeconds: 10,
  records: 2_000_000,
  keys: 100_000,
  spanMs: 3_600_000,
  restoredKeys: 1_000_000,
  latencyMs: 20_000,
}
const quick: Sizes = {
  rounds: 1,
  warmUpSeconds: 1,
  records: 100_000,
  keys: 10_000,
  spanMs: 600_000,
  restoredKeys: 50_000,
  latencyMs: 4_000,
}

export const streamsJars: JarSet = {
  name: 'kafka-streams/4.3.0',
  jars: [{ groupId: 'org.apache.kafka', artifactId: 'kafka-streams', version: '4.3.0' }],
}

interface Case {
  readonly name: string
  run(place: Place): Promise<void>
}

/** That of the goals, and what differs from it in one thing; asked for by `--case matrix`. */
const matrixSettings: readonly (readonly [name: string, settings: Partial<JobSettings>])[] = [
  ['exactly-once, 1 s', {}],
  ['exactly-once, 100 ms', { commitIntervalMs: 100 }],
  ['at-least-once, 1 s', { guarantee: 'at_least_once' }],
  ['at-least-once, 100 ms', { guarantee: 'at_least_once', commitIntervalMs: 100 }],
  ['no cache', { cacheBytes: 0 }],
  ['1 thread', { threads: 1 }],
]
/** So many that the runs of all settings come to an end: 72 a round. */
const matrixRecords = 500_000
const latencyTopologies = ['pass-through', 'count'] as const
const latencyLoads = [0.3, 0.7] as const

const cases: readonly Case[] = [
  ...topologyNames.map(drainCase),
  ...latencyTopologies.flatMap((topology) =>
    latencyLoads.map((load) => latencyCase(topology, load)),
  ),
  { name: 'recovery', run: (place) => runRecovery(place, 'recovery') },
]

export async function runStreamsSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const results = new Results('streams')
  const sizes = asked.isQuick ? quick : full
  const isMatrix = asked.caseWord.includes('matrix')
  try {
    const systems = await findSystems(asked, folder)
    await using broker = await startBroker(asked, folder)
    await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
    await warmUp(broker.address, sizes.warmUpSeconds)
    const place: Place = { asked, admin, broker, folder, systems, sizes, results }
    if (isMatrix) await runMatrix(place)
    else for (const each of cases) if (each.name.includes(asked.caseWord)) await each.run(place)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return results.rows()
}

function drainCase(topology: TopologyName): Case {
  return { name: topology, run: (place) => runDrain(place, topology, [goalRun(topology)]) }
}

function goalRun(topology: TopologyName): DrainCase {
  return { name: topology, settings: {} }
}

/** Every topology under every setting, as far as it is asked for. */
async function runMatrix(place: Place): Promise<void> {
  const { asked, sizes } = place
  const records = Math.min(sizes.records, matrixRecords)
  for (const topology of topologyNames) {
    const runs = matrixSettings
      .map(([name, settings]) => ({ name: `matrix ${topology}, ${name}`, settings }))
      .filter(({ name }) => name.includes(asked.caseWord))
    if (runs.length > 0) await runDrain({ ...place, sizes: { ...sizes, records } }, topology, runs)
  }
}

/** At a share of what the slowest system does when it has a backlog; that is measured first where it was not yet. */
function latencyCase(topology: TopologyName, load: number): Case {
  const name = `${topology} latency at ${load * 100} %`
  return {
    name,
    async run(place) {
      const rates = (): readonly number[] =>
        ['steady', 'throughput'].flatMap((metric) =>
          place.results
            .rows()
            .filter((row) => row.case === topology && row.metric === metric)
            .map(({ value }) => value),
        )
      if (rates().length === 0) await runDrain(place, topology, [goalRun(topology)])
      await runLatency(place, name, topology, load * Math.min(...rates()))
    },
  }
}

async function findSystems(asked: SuiteRun, folder: string): Promise<readonly System[]> {
  const file = fileURLToPath(new URL('./millrace.ts', import.meta.url))
  const args = ['--disable-warning=ExperimentalWarning', file]
  // As Java's classes, ours are compiled before the run; the first process does it for all.
  const environment = { NODE_COMPILE_CACHE: join(folder, 'compiled') }
  const program = { command: process.execPath, args }
  const systems: System[] = [{ name: 'millrace', program, environment }]
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
