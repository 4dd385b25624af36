/**
 * A count of many keys comes back: without its state, which is restored from the changelog, and after SIGKILL with its state. Both times the
 * clock runs from the start of the process until a record made after it is counted and committed; after SIGKILL from that on.
 */
import { rm } from 'node:fs/promises'
import { createConsumer, createProducer } from '@millrace/kafka'
import type { StreamsJob } from './job.ts'
import { fillTopic } from './fill.ts'
import { cleanUp, inTurns, lagOf, newJob, partitions, type Place } from './place.ts'
import { RunningApp, type System } from './running-app.ts'

/** Both systems wait as long for a member that is dead. Apache Kafka takes no less. */
const sessionTimeoutMs = 6_000
const input = 'recovery'
/** Java with a `group.instance.id`, so that nobody waits for a session: what it can do when its operator knows of it. */
const javaStatic = 'java-static'

export async function runRecovery(place: Place, name: string): Promise<void> {
  const { admin, broker, sizes } = place
  const keys = sizes.restoredKeys
  await admin.ensureTopics([{ name: input, partitions }])
  await fillTopic(broker.address, input, {
    records: keys,
    keys,
    spanMs: sizes.spanMs,
    isEachOnce: true,
  })
  const systems = place.systems.flatMap((system) =>
    system.name === 'java' ? [system, { ...system, name: javaStatic }] : [system],
  )
  await inTurns({ ...place, systems }, name, async (system, round) => {
    const id = `${input}-${system.name}-${round}`
    const instanceId = system.name === javaStatic ? id : ''
    const job = await newJob(place, 'count', input, id, { sessionTimeoutMs, instanceId })
    try {
      await recover(place, name, system, job)
    } finally {
      await cleanUp(place, job)
    }
  })
  await admin.deleteTopics([input])
}

async function recover(place: Place, name: string, system: System, job: StreamsJob): Promise<void> {
  const add = (metric: 'start' | 'start without state' | 'recovery', ms: number): void =>
    place.results.add(name, system.name, metric, 'ms', ms)
  await inApp(system, job, (app) =>
    app.until('drained', async () =>
      (await lagOf(place, job.applicationId, [input])) === 0 ? true : undefined,
    ),
  )
  add('start', await inApp(system, job, (app) => firstOutput(place, app, job, app.startedMs)))
  await rm(job.stateDir, { recursive: true, force: true })
  let app = new RunningApp(system, job)
  try {
    add('start without state', await firstOutput(place, app, job, app.startedMs))
    await app.kill()
    const killedMs = performance.now()
    app = new RunningApp(system, job)
    add('recovery', await firstOutput(place, app, job, killedMs))
  } finally {
    await app.end()
  }
}

async function inApp<T>(
  system: System,
  job: StreamsJob,
  run: (app: RunningApp) => Promise<T>,
): Promise<T> {
  const app = new RunningApp(system, job)
  try {
    return await run(app)
  } finally {
    await app.end()
  }
}

/** ms since `sinceMs` until a record that is sent now has come out, committed, of every partition. */
async function firstOutput(
  { broker }: Place,
  app: RunningApp,
  { output }: StreamsJob,
  sinceMs: number,
): Promise<number> {
  const brokers = [broker.address]
  await using producer = await createProducer({ brokers, clientId: 'probe' })
  await using reader = await createConsumer({ brokers, clientId: 'probe-reader' })
  const every = Array.from({ length: partitions }, (_, partition) => partition)
  const ends = await reader.endOffsets(every.map((partition) => ({ topic: output, partition })))
  reader.assign(ends)
  await producer.send(
    every.map((partition) => ({
      topic: input,
      partition,
      key: `probe-${partition}`,
      value: 'probe',
      timestampMs: Date.now(),
    })),
  )
  const missing = new Set(every)
  const reading = (async () => {
    for await (const batch of reader) {
      for (let index = 0; index < batch.length; index++)
        missing.delete(Number(batch.key(index)?.toString().replace('probe-', '')))
      if (missing.size === 0) return performance.now()
    }
    return undefined
  })()
  let seenMs: number | undefined
  void reading.then((atMs) => (seenMs = atMs))
  // Awaited here: the reader is closed when this returns.
  return await app.until('an output of every partition', async () => seenMs && seenMs - sinceMs)
}
