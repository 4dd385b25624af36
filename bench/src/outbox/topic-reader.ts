import { createConsumer } from '@millrace/kafka'
import { serveChild } from '../child.ts'
import { brokers, nowMs, topic } from './workload.ts'

/** Looks at the topic from outside, committed records only, the same way for every system: how many, and when each came. */
const arrivals = new Map<string, number>()
let isTiming = false
let count = 0

const idMark = Buffer.from('"eventId":')
const idLength = 36

/** The id inside the value; a database that stores JSON as jsonb moves it and adds a blank. */
function noteArrival(bytes: Buffer | null, atMs: number): void {
  if (bytes === null) return
  const at = bytes.indexOf('"', bytes.indexOf(idMark) + idMark.length) + 1
  const id = bytes.toString('latin1', at, at + idLength)
  if (!arrivals.has(id)) arrivals.set(id, atMs)
}

async function read(): Promise<void> {
  const consumer = await createConsumer({
    brokers,
    clientId: 'bench-reader',
    groupId: `bench-reader-${process.pid}`,
    topics: [topic],
    maxBatchRecords: 5_000,
    maxWaitMs: 100,
  })
  for await (const batch of consumer) {
    const atMs = nowMs()
    count += batch.length
    if (!isTiming) continue
    for (let index = 0; index < batch.length; index++) noteArrival(batch.value(index), atMs)
  }
}

serveChild({
  start: () => {
    read().catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
    return Promise.resolve()
  },
  time: (isOn: boolean) => {
    isTiming = isOn
    arrivals.clear()
    return Promise.resolve()
  },
  progress: () => Promise.resolve({ count }),
  /** Of the ids given: when each came, ms; null for one that did not. */
  arrivals: (ids: readonly string[]) => Promise.resolve(ids.map((id) => arrivals.get(id) ?? null)),
})
