import { parentPort, workerData } from 'node:worker_threads'
import {
  assert,
  MillraceError,
  toError,
  type LogFields,
  type Logger,
  type Meter,
} from '@millrace/core'
import { startRuntime, type StartedRuntime } from './broker.ts'
import { runOperation } from './control/operations.ts'
import type {
  CountedSample,
  LogLevel,
  WorkerCommand,
  WorkerMessage,
  WorkerOptions,
} from './worker-messages.ts'

/** How often counters are sent to the starting thread. */
const COUNTS_INTERVAL_MS = 1000

assert(parentPort !== null, 'this file runs in a worker thread only')
const port = parentPort
const send = (message: WorkerMessage): void => port.postMessage(message)

const counts = new Map<string, CountedSample>()
let broker: StartedRuntime | undefined

port.on('message', (command: WorkerCommand) => {
  if (command.kind === 'close') void close()
  else void run(command)
})
setInterval(sendCounts, COUNTS_INTERVAL_MS).unref()
await start()

async function start(): Promise<void> {
  try {
    const options = workerData as WorkerOptions
    broker = await startRuntime({ ...options, logger: sendingLogger({}), meter: countingMeter() })
    send({ kind: 'ready', place: broker.place })
  } catch (thrown) {
    send({ kind: 'failed', ...plainError(thrown) })
    port.close()
  }
}

async function run({ id, name, input }: Extract<WorkerCommand, { kind: 'call' }>): Promise<void> {
  try {
    if (broker === undefined) throw new Error('The broker has not started')
    send({ kind: 'returned', id, value: await runOperation(broker.runtime, name, input) })
  } catch (thrown) {
    send({ kind: 'threw', id, ...plainError(thrown) })
  }
}

function plainError(thrown: unknown): { code: string; message: string; details: LogFields } {
  const error = toError(thrown)
  const { code, details } =
    error instanceof MillraceError ? error : { code: 'MR_BROKER_WORKER_DIED', details: {} }
  return { code, message: error.message, details: plain(details) }
}

async function close(): Promise<void> {
  await broker?.close()
  sendCounts()
  send({ kind: 'closed' })
  port.close()
}

function sendCounts(): void {
  if (counts.size === 0) return
  send({ kind: 'counts', counts: [...counts.values()] })
  counts.clear()
}

function sendingLogger(base: LogFields): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void =>
      send({ kind: 'log', level, message, fields: plain({ ...base, ...fields }) })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => sendingLogger({ ...base, ...fields }),
  }
}

/** Errors of our own classes do not survive the structured clone; plain ones do. */
function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? new Error(value.message, { cause: value.stack }) : value,
    ]),
  )
}

/** Counters alone: they are summed here and sent now and then. */
function countingMeter(): Meter {
  return {
    counter: ({ name, help }) => ({
      add: (count, labels = {}) => {
        const key = `${name} ${JSON.stringify(labels)}`
        const sum = (counts.get(key)?.count ?? 0) + count
        counts.set(key, { name, help, labels, count: sum })
      },
    }),
    gauge: () => ({ set: () => {} }),
    histogram: () => ({ observe: () => {} }),
  }
}
