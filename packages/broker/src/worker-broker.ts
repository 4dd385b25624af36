import { Worker } from 'node:worker_threads'
import { noopMeter, silentLogger } from '@millrace/core'
import type { Call } from './control/operations.ts'
import { brokerOver, type Broker, type BrokerPlace } from './running-broker.ts'
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
  const { logger = silentLogger, meter = noopMeter, clock, ...others } = options
  const workerOptions: WorkerOptions = clock === 'virtual' ? { ...others, clock } : others
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: workerOptions,
    name: 'millrace-broker',
  })
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  let isClosing = false
  const calls = new PendingCalls(worker)
  const ready = new Promise<BrokerPlace>((resolve, reject) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'log') logger[message.level](message.message, message.fields)
      else if (message.kind === 'counts') addCounts(meter, message.counts)
      else if (message.kind === 'ready') resolve(message.place)
      else if (message.kind === 'failed') reject(failure(message))
      else if (message.kind !== 'closed') calls.settle(message)
    })
    worker.once('error', (error) => {
      logger.error('the broker thread died', { error })
      reject(died(error))
    })
    worker.once('exit', () => {
      if (!isClosing) reject(died(undefined))
      calls.end()
    })
  })
  const place = await ready.catch(async (error: unknown) => {
    await exited
    throw error
  })
  const stop = async (): Promise<void> => {
    isClosing = true
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    worker.postMessage({ kind: 'close' } satisfies WorkerCommand)
    await exited
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= stop())
  return brokerOver(place, calls.call, close)
}

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Operations under way in the worker. */
class PendingCalls {
  readonly #worker: Worker
  readonly #pending = new Map<number, PendingCall>()
  #nextId = 1
  #hasEnded = false

  constructor(worker: Worker) {
    this.#worker = worker
  }

  readonly call = ((name: string, input: unknown): Promise<unknown> =>
    new Promise<unknown>((resolve, reject) => {
      if (this.#hasEnded) return reject(died(undefined))
      const id = this.#nextId++
      this.#pending.set(id, { resolve, reject })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
      this.#worker.postMessage({ kind: 'call', id, name, input } satisfies WorkerCommand)
    })) as Call

  settle(message: Extract<WorkerMessage, { kind: 'returned' | 'threw' }>): void {
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.kind === 'returned') pending?.resolve(message.value)
    else pending?.reject(failure(message))
  }

  /** The thread is gone: nothing under way will be answered. */
  end(): void {
    this.#hasEnded = true
    for (const { reject } of this.#pending.values()) reject(died(undefined))
    this.#pending.clear()
  }
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
}: Extract<WorkerMessage, { kind: 'failed' | 'threw' }>): BrokerError {
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
