import { Worker } from 'node:worker_threads'
import { noopMeter, silentLogger } from '@millrace/core'
import type { Broker } from './running-broker.ts'
import { BrokerError, brokerErrors, type BrokerErrorCode } from './errors.ts'
import type { BrokerOptions } from './options.ts'
import type {
  CountedSample,
  WorkerCommand,
  WorkerMessage,
  WorkerOptions,
} from './worker-messages.ts'

/** Starts the broker in a worker thread; logs and counters come over to the caller's logger and meter. */
export async function startInWorker(options: BrokerOptions): Promise<Broker> {
  const { logger = silentLogger, meter = noopMeter, clock: _, ...workerOptions } = options
  const worker = new Worker(new URL(workerFile(), import.meta.url), {
    workerData: workerOptions satisfies WorkerOptions,
    name: 'millrace-broker',
  })
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  let isClosing = false
  const ready = new Promise<{ host: string; port: number }>((resolve, reject) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'log') logger[message.level](message.message, message.fields)
      else if (message.kind === 'counts') addCounts(meter, message.counts)
      else if (message.kind === 'ready') resolve(message)
      else if (message.kind === 'failed') reject(failure(message))
    })
    worker.once('error', (error) => {
      logger.error('the broker thread died', { error })
      reject(died(error))
    })
    worker.once('exit', () => {
      if (!isClosing) reject(died(undefined))
    })
  })
  const { host, port } = await ready.catch(async (error: unknown) => {
    await exited
    throw error
  })
  const stop = async (): Promise<void> => {
    isClosing = true
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    worker.postMessage('close' satisfies WorkerCommand)
    await exited
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= stop())
  return { host, port, address: `${host}:${port}`, close, [Symbol.asyncDispose]: close }
}

/** The sources run as they are; a published package holds their compiled form beside this file. */
function workerFile(): string {
  return import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
}

function addCounts(
  meter: NonNullable<BrokerOptions['meter']>,
  counts: readonly CountedSample[],
): void {
  for (const { name, help, labels, count } of counts)
    meter.counter({ name, help, labelNames: Object.keys(labels) }).add(count, labels)
}

function failure({
  code,
  message,
  details,
}: Extract<WorkerMessage, { kind: 'failed' }>): BrokerError {
  const known = code in brokerErrors ? (code as BrokerErrorCode) : 'MR_BROKER_WORKER_DIED'
  return new BrokerError(known, message, details)
}

function died(cause: Error | undefined): BrokerError {
  return new BrokerError(
    'MR_BROKER_WORKER_DIED',
    'The thread of the broker ended by itself. What was acknowledged is on disk; start the broker again.',
    {},
    cause === undefined ? {} : { cause },
  )
}
