/**
 * End to end at an even load: from the time a record was made, which is its timestamp, until a reader of committed records has what came of it.
 * An open loop: a system that falls behind is not waited for.
 */
import { systemClock } from '@millrace/core'
import { createConsumer, createProducer, type ProducerRecord } from '@millrace/kafka'
import type { TopologyName } from './job.ts'
import { cleanUp, inTurns, lagOf, newJob, partitions, type Place } from './place.ts'
import { RunningApp } from './running-app.ts'

const tickMs = 10
const padding = 'x'.repeat(80)
/** Longer latencies count as this. */
const limitMs = 60_000

/** @param perSecond the same for all systems */
export async function runLatency(
  place: Place,
  name: string,
  topology: TopologyName,
  perSecond: number,
): Promise<void> {
  await inTurns(place, `${name}, ${Math.round(perSecond)}/s`, async (system, round) => {
    const applicationId = `latency-${topology}-${Math.round(perSecond)}-${system.name}-${round}`
    const input = `${applicationId}-input`
    await place.admin.ensureTopics([{ name: input, partitions }])
    const job = await newJob(place, topology, input, applicationId)
    const app = new RunningApp(system, job)
    try {
      const counts = await observe(place, app, applicationId, input, job.output, perSecond)
      for (const [metric, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
        ['p99.9', 0.999],
      ] as const)
        place.results.add(name, system.name, metric, 'ms', percentileOf(counts, share))
    } finally {
      await app.end()
      await cleanUp(place, job)
    }
  })
}

/** Records by their latency in ms. */
async function observe(
  place: Place,
  app: RunningApp,
  applicationId: string,
  input: string,
  output: string,
  perSecond: number,
): Promise<Uint32Array> {
  const { broker, sizes } = place
  const brokers = [broker.address]
  const counts = new Uint32Array(limitMs + 1)
  await using producer = await createProducer({ brokers, clientId: 'load', lingerMs: 1 })
  await using reader = await createConsumer({ brokers, clientId: 'reader', maxBatchRecords: 5_000 })
  reader.assign(
    Array.from({ length: partitions }, (_, partition) => ({ topic: output, partition })),
  )
  await producer.send([recordOf(input, 0, Date.now())])
  await app.until('a first commit', async () => {
    const lag = await lagOf(place, applicationId, [input])
    return lag === 0 ? true : undefined
  })
  const fromMs = Date.now() + sizes.latencyMs / 4
  const untilMs = fromMs + sizes.latencyMs
  const reading = (async () => {
    for await (const batch of reader) {
      const nowMs = Date.now()
      for (let index = 0; index < batch.length; index++) {
        const madeMs = batch.timestampMs(index)
        if (madeMs < fromMs || madeMs >= untilMs) continue
        const latencyMs = Math.min(limitMs, Math.max(0, nowMs - madeMs))
        counts[latencyMs] = (counts[latencyMs] ?? 0) + 1
      }
    }
  })()
  await load(producer, input, perSecond, untilMs)
  await app.until('the end of the load', async () =>
    (await lagOf(place, applicationId, [input])) === 0 ? true : undefined,
  )
  // What was committed last is on its way to the reader.
  await systemClock.sleep(500)
  await reader.close()
  await reading
  return counts
}

async function load(
  producer: { send(records: readonly ProducerRecord[]): Promise<unknown> },
  input: string,
  perSecond: number,
  untilMs: number,
): Promise<void> {
  const startMs = Date.now()
  let sent = 0
  const underWay = new Set<Promise<unknown>>()
  for (let nowMs = startMs; nowMs < untilMs; nowMs = Date.now()) {
    const due = Math.floor(((nowMs - startMs) / 1_000) * perSecond)
    const records: ProducerRecord[] = []
    for (; sent < due; sent++) records.push(recordOf(input, sent, nowMs))
    const sending = producer.send(records).finally(() => underWay.delete(sending))
    underWay.add(sending)
    await systemClock.sleep(tickMs)
  }
  await Promise.all(underWay)
}

function recordOf(topic: string, index: number, timestampMs: number): ProducerRecord {
  const key = `k${(Math.imul(index, 0x9e37_79b1) >>> 0) % 100_000}`
  return { topic, key, value: `{"index":${index},"padding":"${padding}"}`, timestampMs }
}

function percentileOf(counts: Uint32Array, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (let ms = 0; ms < counts.length; ms++) {
    seen += counts[ms] as number
    if (seen > total * share) return ms
  }
  return Number.NaN
}
