import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createProducer, type ClusterAdmin, type KafkaOptions } from '@millrace/kafka'
import type { Application } from './applications.ts'
import type { Dataset, InputRecord } from './datasets.ts'
import type { ClusterJob, System } from './job.ts'
import { readTopics, type SeenRecord, type SeenTopics } from './read-topics.ts'
import { startJava, startOurs, type RunningApps } from './run-apps.ts'

/** All applications on one system; or on one until they are stopped in the middle of the input, and then on another. */
export interface Run {
  readonly name: string
  readonly systems: readonly System[]
  /** Java's stores. Default `memory`, whose rules of expiry are ours (trap 5). */
  readonly stores?: 'memory' | 'persistent'
}

/** What a run of an application leaves on the cluster; topics by their names without the application id. */
export interface RunResult {
  readonly records: SeenTopics
  /** What internal topics were made with that is not the broker's default. */
  readonly settings: ReadonlyMap<string, string>
}

export type RunResults = ReadonlyMap<Application, ReadonlyMap<Run, RunResult>>

const partitions = 6
/** The machine may be small and busy. */
const drainTimeoutMs = 400_000
/** Longer than Java looks away after it has looked for windows or waiting rows that have closed: 1 s. */
const throttleMs = 1_100
/** Keys that all runs leave out: their records only let time pass. */
const closerKey = 'closer'
/** Further than any window, gap and grace. */
const closerAfterMs = 100 * 86_400_000

/**
 * Writes the data sets once, and runs all applications on all of them, side by side and exactly once. The input is there before an
 * application starts, so that its order is decided by timestamps alone; after it records come that are far in the future, and close
 * whatever is open.
 * @param legs into how many parts the input is divided; the applications stop after each, and go on with the state that is on the cluster
 */
export async function runOnCluster(
  kafka: KafkaOptions,
  applications: readonly Application[],
  runs: readonly Run[],
  legs: number,
): Promise<RunResults> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-cluster-'))
  await using admin = await createAdmin(kafka)
  try {
    const jobs = new Map(
      runs.map((run, index) => [
        run,
        applications.map((each) => jobOf(each, run, index, kafka, directory)),
      ]),
    )
    await createTopics(admin, applications, [...jobs.values()].flat())
    const datasets = [...new Set(applications.map(({ dataset }) => dataset))]
    for (let leg = 0; leg < legs; leg++) {
      for (const dataset of datasets) await write(kafka, partOf(dataset, leg, legs))
      const running = await start(runs, jobs, leg, directory)
      try {
        await drained(admin, kafka, applications, [...jobs.values()], running)
        if (leg === legs - 1) {
          await systemClock.sleep(throttleMs)
          for (const dataset of datasets) await writeClosers(kafka, dataset)
          await drained(admin, kafka, applications, [...jobs.values()], running)
        }
        for (const apps of running) await apps.close()
      } finally {
        for (const apps of running) await apps.kill()
      }
    }
    return await results(admin, kafka, applications, jobs)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

type Jobs = ReadonlyMap<Run, readonly ClusterJob[]>

function jobOf(
  application: Application,
  { stores = 'memory' }: Run,
  run: number,
  kafka: KafkaOptions,
  directory: string,
): ClusterJob {
  const applicationId = `${application.name}-${run}`
  const [broker = ''] = kafka.brokers
  return {
    applicationId,
    broker,
    stateDir: join(directory, applicationId),
    steps: application.steps({
      ...inputsOf(application.dataset),
      output: (name) => outputTopic(applicationId, name),
    }),
    // A second one that joins later takes tasks over, whose operators then begin with no time seen: in Java as in ours.
    threads: 1,
    commitIntervalMs: 200,
    maxTaskIdleMs: application.maxTaskIdleMs,
    cacheMaxBytes: 0,
    stores,
  }
}

function inputsOf({ name }: Dataset): { readonly left: string; readonly right: string } {
  return { left: `${name}-left`, right: `${name}-right` }
}

function outputTopic(applicationId: string, name: string): string {
  return `${applicationId}-out-${name}`
}

async function createTopics(
  admin: ClusterAdmin,
  applications: readonly Application[],
  jobs: readonly ClusterJob[],
): Promise<void> {
  const inputs = applications.flatMap(({ dataset }) => Object.values(inputsOf(dataset)))
  const outputs = jobs.flatMap(({ steps }) =>
    steps.filter(({ op }) => op === 'to').map(({ topic }) => String(topic)),
  )
  // The records are years old: by default Kafka would delete them.
  const configs = { 'retention.ms': '-1' }
  await admin.ensureTopics(
    [...new Set(inputs), ...outputs].map((name) => ({ name, partitions, configs })),
  )
}

/** The records of one leg. */
function partOf(dataset: Dataset, leg: number, legs: number): Dataset {
  const part = (records: readonly InputRecord[]): readonly InputRecord[] =>
    records.slice(
      Math.floor((records.length * leg) / legs),
      Math.floor((records.length * (leg + 1)) / legs),
    )
  return { ...dataset, left: part(dataset.left), right: part(dataset.right) }
}

async function write(kafka: KafkaOptions, dataset: Dataset): Promise<void> {
  await using producer = await createProducer(kafka)
  const { left, right } = inputsOf(dataset)
  for (const [topic, records] of [
    [left, dataset.left],
    [right, dataset.right],
  ] as const)
    await producer.sendColumns({
      topic,
      keys: records.map(({ key }) => key),
      values: records.map(({ value }) => value),
      timestampsMs: records.map(({ timestampMs }) => timestampMs),
    })
}

/** One to each partition, far in the future. */
async function writeClosers(kafka: KafkaOptions, dataset: Dataset): Promise<void> {
  await using producer = await createProducer(kafka)
  const lastMs = [...dataset.left, ...dataset.right].reduce(
    (last, { timestampMs }) => Math.max(last, timestampMs),
    0,
  )
  const values = Array.from({ length: partitions }, () => 'x')
  for (const topic of Object.values(inputsOf(dataset)))
    await producer.sendColumns({
      topic,
      keys: values.map(() => closerKey),
      values,
      timestampsMs: lastMs + closerAfterMs,
      partitions: values.map((_, partition) => partition),
    })
}

/** The runs of one leg: all of Java's in one JVM, all of ours in this process. */
async function start(
  runs: readonly Run[],
  jobs: Jobs,
  leg: number,
  directory: string,
): Promise<readonly RunningApps[]> {
  const of = (system: System): readonly ClusterJob[] =>
    runs.filter(({ systems }) => systems[leg] === system).flatMap((run) => jobs.get(run) ?? [])
  const running: RunningApps[] = []
  // State in a directory is of one system.
  const inOwn = (system: System): readonly ClusterJob[] =>
    of(system).map((job) => ({ ...job, stateDir: join(job.stateDir, system) }))
  if (of('java').length > 0) running.push(await startJava(inOwn('java'), directory))
  if (of('millrace').length > 0) running.push(await startOurs(inOwn('millrace')))
  return running
}

/** Until each group has committed the end of all that it reads. */
async function drained(
  admin: ClusterAdmin,
  kafka: KafkaOptions,
  applications: readonly Application[],
  jobs: readonly (readonly ClusterJob[])[],
  running: readonly RunningApps[],
): Promise<void> {
  for (const [index, { name, dataset }] of applications.entries())
    for (const job of jobs.map((each) => each[index] as ClusterJob)) {
      const { left, right } = inputsOf(dataset)
      const reads = new Set(job.steps.filter(({ op }) => op === 'stream').map(({ topic }) => topic))
      const inputs = [left, right].filter((topic) => reads.has(topic))
      await eventually(
        `${name} as ${job.applicationId} has read its input`,
        async () => {
          for (const apps of running) apps.check()
          const lags = await admin.groupLag(job.applicationId, inputs)
          return lags.length > 0 && lags.every(({ lagRecords }) => lagRecords === 0)
        },
        { timeoutMs: drainTimeoutMs, everyMs: 200 },
      )
      await repartitionDrained(admin, kafka, job, running)
    }
}

/** Its topics end with markers, which nobody has to commit as read: what counts is the last record. */
async function repartitionDrained(
  admin: ClusterAdmin,
  kafka: KafkaOptions,
  { applicationId }: ClusterJob,
  running: readonly RunningApps[],
): Promise<void> {
  const topics = (await admin.listTopics()).filter(
    (topic) => topic.startsWith(`${applicationId}-`) && topic.endsWith('-repartition'),
  )
  for (const [topic, records] of await readTopics(kafka, admin, topics))
    await eventually(
      `${applicationId} has read ${topic}`,
      async () => {
        for (const apps of running) apps.check()
        const lags = await admin.groupLag(applicationId, [topic])
        return lags.every(({ partition, committedOffset }) =>
          records
            .filter((record) => record.partition === partition)
            .every(({ offset }) => offset < (committedOffset ?? 0n)),
        )
      },
      { timeoutMs: drainTimeoutMs, everyMs: 200 },
    )
}

async function results(
  admin: ClusterAdmin,
  kafka: KafkaOptions,
  applications: readonly Application[],
  jobs: Jobs,
): Promise<RunResults> {
  const all = await admin.listTopics()
  const found = new Map<Application, Map<Run, RunResult>>()
  for (const [index, application] of applications.entries()) {
    const ofRuns = new Map<Run, RunResult>()
    for (const [run, list] of jobs) {
      const prefix = `${list[index]?.applicationId}-`
      const topics = all.filter((topic) => topic.startsWith(prefix))
      const read = await readTopics(kafka, admin, topics)
      const short = (topic: string): string => topic.slice(prefix.length)
      const settings = new Map<string, string>()
      for (const topic of topics.filter((topic) => !short(topic).startsWith('out-')))
        settings.set(short(topic), await settingsOf(admin, topic))
      const records = [...read].map(([topic, rows]) => [short(topic), ofData(rows)] as const)
      ofRuns.set(run, { records: new Map(records), settings })
    }
    found.set(application, ofRuns)
  }
  return found
}

async function settingsOf(admin: ClusterAdmin, topic: string): Promise<string> {
  const entries = await admin.describeConfigs({ type: 'topic', name: topic })
  return entries
    .filter(({ isDefault }) => !isDefault)
    .map(({ name, value }) => `${name}=${value}`)
    .toSorted()
    .join(', ')
}

const closerKeys = [closerKey, Buffer.from(closerKey).toString('hex')]

function ofData(records: readonly SeenRecord[]): readonly SeenRecord[] {
  return records.filter(({ key }) => !closerKeys.some((closer) => key?.includes(closer)))
}
