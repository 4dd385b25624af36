/**
 * A process that compacts a log of the broker in its own thread, and watches how long its event loop stands still meanwhile: what a client of the
 * broker waits for at worst.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startBroker } from '@millrace/broker'
import { createProducer } from '@millrace/kafka'
import { serveJob } from './clients/client-job.ts'

export interface CompactJob {
  readonly job: 'compact'
  readonly megabytes: number
}

export interface Compacted {
  readonly seconds: number
  readonly megabytesBefore: number
  readonly megabytesAfter: number
  /** ms that the event loop stood still, of samples each ms. */
  readonly p99Ms: number
  readonly maxMs: number
  /** The same in CPU time of the thread, which other processes on the machine do not lengthen: the longest turn of the event loop. */
  readonly maxCpuMs: number
}

const valueBytes = 1_000
/** Each key is written five times. */
const writesPerKey = 5
const recordsPerCall = 1_000
const resolutionMs = 1

async function compact({ megabytes }: CompactJob): Promise<Compacted> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '104857600' }
  const topics = [{ name: 'table', partitions: 1, configs }]
  try {
    await using broker = await startBroker({ dir, worker: false, topics })
    await fill(broker.address, (megabytes * 1_000_000) / valueBytes)
    const delay = monitorEventLoopDelay({ resolution: resolutionMs })
    delay.enable()
    const turns = watchTurns()
    const startedAtMs = performance.now()
    const { bytesBefore, bytesAfter } = await broker.compactNow()
    const seconds = (performance.now() - startedAtMs) / 1_000
    delay.disable()
    return {
      maxCpuMs: turns.end(),
      seconds,
      megabytesBefore: bytesBefore / 1_000_000,
      megabytesAfter: bytesAfter / 1_000_000,
      p99Ms: delay.percentile(99) / 1_000_000 - resolutionMs,
      maxMs: delay.max / 1_000_000 - resolutionMs,
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Looks at the thread's CPU time in every turn of the event loop. */
function watchTurns(): { end(): number } {
  let isOver = false
  let longestMs = 0
  let before = process.threadCpuUsage()
  const look = (): void => {
    const used = process.threadCpuUsage(before)
    before = process.threadCpuUsage()
    longestMs = Math.max(longestMs, (used.user + used.system) / 1_000)
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return {
    end: () => {
      isOver = true
      return longestMs
    },
  }
}

async function fill(address: string, records: number): Promise<void> {
  await using producer = await createProducer({ brokers: [address], clientId: 'bench' })
  const keys = Math.ceil(records / writesPerKey)
  const value = Buffer.alloc(valueBytes, 'v')
  for (let sent = 0; sent < records; sent += recordsPerCall)
    await producer.send(
      Array.from({ length: recordsPerCall }, (_, index) => ({
        topic: 'table',
        // Written in another order each time, as tables are.
        key: Buffer.from(`key ${((sent + index) * 7_919) % keys}`),
        value,
      })),
    )
}

await serveJob({ compact })
