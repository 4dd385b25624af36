/** The inside of a worker: one stream thread, which talks to its application by messages. */
import { systemClock, type LogFields, type Logger } from '@millrace/core'
import { parentPort, workerData } from 'node:worker_threads'
import { packPage } from '../../queries/packed-page.ts'
import type { PageRequest } from '../../queries/store-read.ts'
import { StreamThread, type UncaughtDecision } from '../thread/stream-thread.ts'
import { loadTopology } from './topology-module.ts'
import {
  sendable,
  sentError,
  type FromWorker,
  type LogLevel,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts'
import { WorkerMeter } from './worker-meter.ts'

const port = parentPort
if (!port) throw new Error('This module is the inside of a worker; start a StreamsApp instead.')
const tell = (message: FromWorker): void => port.postMessage(message)

function workerLogger(own: LogFields): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      tell({ kind: 'log', level, message, fields: sendable({ ...own, ...fields }) })
  return {
    // Not sent: one line per record would cost more than the record.
    debug() {},
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => workerLogger({ ...own, ...fields }),
  }
}

/** Buffers arrive as plain byte arrays, views of one memory. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withBuffers(each)]))
}

async function answer(thread: StreamThread, id: number, request: PageRequest): Promise<void> {
  try {
    const page = packPage(await thread.page(withBuffers(request) as PageRequest))
    const { bytes, lengths, times } = page
    port?.postMessage({ kind: 'page', id, page }, [bytes.buffer, lengths.buffer, times.buffer])
  } catch (error) {
    tell({ kind: 'noPage', id, error: sentError(error) })
  }
}

const meter = new WorkerMeter(systemClock, (changes) => tell({ kind: 'metrics', changes }))

async function run(): Promise<void> {
  const { topologyUrl, settings, controls, identity, plan, kafka } = workerData as WorkerStart
  const logger = workerLogger({ threadIndex: identity.index })
  const { topology, errorHandling } = await loadTopology(topologyUrl)
  let decide: ((decision: UncaughtDecision) => void) | undefined
  const thread = new StreamThread({
    settings,
    controls,
    identity,
    topology,
    plan,
    kafka: { ...kafka, logger, meter },
    clock: systemClock,
    logger,
    meter,
    errorHandling,
    events: {
      onState: (state, taskIds) => tell({ kind: 'state', state, taskIds }),
      onProgress: (progress) => tell({ kind: 'progress', progress }),
      onUncaught: (error) =>
        new Promise((resolve) => {
          decide = resolve
          tell({ kind: 'uncaught', error: sentError(error) })
        }),
      countDropped: (count) => tell({ kind: 'dropped', count }),
      onJoining: () => tell({ kind: 'joining' }),
      onShutdown: () => tell({ kind: 'shutdown' }),
      // They go past the thread, by the worker's meter.
      onMetrics: () => {},
      onTopics: (matched) => tell({ kind: 'topics', matched }),
      onInstances: (instances, generationId) =>
        tell({ kind: 'instances', instances, generationId }),
    },
  })
  port?.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'decision':
        return decide?.(message.decision)
      case 'page':
        return void answer(thread, message.id, message.request)
      case 'lags':
        return void thread.lags().then((lags) => tell({ kind: 'lags', id: message.id, lags }))
      case 'figures':
        return void thread
          .figures()
          .then((figures) => tell({ kind: 'figures', id: message.id, figures }))
      case 'adjust':
        return thread.adjust(message.controls)
      case 'othersJoin':
        return thread.othersJoin()
      case 'tasks':
        return void thread.tasks().then((tasks) => tell({ kind: 'tasks', id: message.id, tasks }))
      case 'close':
        return void thread.close(message.operation)
    }
  })
  thread.start()
  await thread.ended
}

try {
  await run().finally(() => meter.flush())
  tell({ kind: 'ended', error: undefined })
} catch (error) {
  tell({ kind: 'ended', error: sentError(error) })
}
port.close()
