/** A filled topic, from the start of an application until its group has committed the end of all it reads. */
import type { JobSettings, StreamsJob, TopologyName } from './job.ts'
import {
  cleanUp,
  filledInput,
  inTurns,
  lagOf,
  newJob,
  partitions,
  type Place,
  type Topic,
} from './place.ts'
import { RunningApp, type System } from './running-app.ts'

/** One way to run a topology. */
export interface DrainCase {
  readonly name: string
  readonly settings: Partial<JobSettings>
}

/** @param runs one after the other, on topics that are filled once */
export async function runDrain(
  place: Place,
  topology: TopologyName,
  runs: readonly DrainCase[],
): Promise<void> {
  const topics = await filledInput(place, topology)
  const input = topics[0]?.name as string
  for (const [index, { name, settings }] of runs.entries())
    await inTurns(place, name, async (system, round) => {
      const applicationId = `${input}-${index}-${system.name}-${round}`
      const job = await newJob(place, topology, input, applicationId, settings)
      try {
        await drain(place, name, system, job, topics)
      } finally {
        await cleanUp(place, job)
      }
    })
  await place.admin.deleteTopics(topics.map((topic) => topic.name))
}

async function drain(
  place: Place,
  name: string,
  system: System,
  job: StreamsJob,
  topics: readonly Topic[],
): Promise<void> {
  const records = topics.reduce((sum, topic) => sum + topic.records, 0)
  const app = new RunningApp(system, job)
  try {
    const first = await app.until('a first commit', async () => {
      const left = await leftOf(place, job, topics)
      const count = records - left
      return count > 0 ? { count, atMs: performance.now(), usage: app.usage() } : undefined
    })
    const endMs = await app.until('drained', () => drainedAt(place, job, topics))
    const usage = app.usage()
    const add = (metric: Parameters<Place['results']['add']>[2], unit: string, value: number) =>
      place.results.add(name, system.name, metric, unit, value)
    add('throughput', 'records/s', (records / (endMs - app.startedMs)) * 1_000)
    add('start', 'ms', first.atMs - app.startedMs)
    const isSteady = endMs - first.atMs > 2 * job.commitIntervalMs
    const rest = records - first.count
    if (isSteady) add('steady', 'records/s', (rest / (endMs - first.atMs)) * 1_000)
    if (!usage || !first.usage) return
    add('cpu', 's/million', (usage.cpuSeconds / records) * 1e6)
    const restCpu = usage.cpuSeconds - first.usage.cpuSeconds
    if (isSteady) add('cpu steady', 's/million', (restCpu / rest) * 1e6)
    add('rss', 'MB', usage.maxRssMb)
    add('rss anonymous', 'MB', app.maxAnonymousMb)
  } finally {
    await app.end()
  }
}

async function drainedAt(
  place: Place,
  job: StreamsJob,
  topics: readonly Topic[],
): Promise<number | undefined> {
  if ((await leftOf(place, job, topics)) > 0) return undefined
  const nowMs = performance.now()
  if (job.topology !== 'repartition count') return nowMs
  // A repartition topic ends with the markers of its last transactions, which nobody commits as read.
  const internal = `${job.applicationId}-by-tail-repartition`
  return (await lagOf(place, job.applicationId, [internal])) <= 2 * partitions ? nowMs : undefined
}

function leftOf(place: Place, job: StreamsJob, topics: readonly Topic[]): Promise<number> {
  const names = topics.map(({ name }) => name)
  return lagOf(place, job.applicationId, names)
}
