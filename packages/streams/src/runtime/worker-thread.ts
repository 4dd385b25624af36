import { toError, type Logger } from '@millrace/core'
import { Worker } from 'node:worker_threads'
import type { ThreadEvents, ThreadHandle } from './stream-thread.ts'
import {
  receivedError,
  type FromWorker,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts'

/** A stream thread in a worker of its own, where nothing that other threads compute can hold up its heartbeats. */
export class WorkerThread implements ThreadHandle {
  readonly #start: WorkerStart
  readonly #events: ThreadEvents
  readonly #logger: Logger
  readonly #ended = Promise.withResolvers<void>()
  #worker: Worker | undefined
  #isClosing = false
  /** The application was asked about what ends the thread. */
  #hasTold = false

  constructor(start: WorkerStart, events: ThreadEvents, logger: Logger) {
    this.#start = start
    this.#events = events
    this.#logger = logger
    this.#ended.promise.catch(() => {}) // Told to those who ask.
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  start(): void {
    if (this.#worker || this.#isClosing) return
    const worker = new Worker(new URL('worker-main.ts', import.meta.url), {
      workerData: this.#start,
      name: `${this.#start.settings.applicationId}-${this.#start.identity.index}`,
    })
    this.#worker = worker
    worker.on('message', (message: FromWorker) => void this.#receive(message))
    worker.once('error', (error) => void this.#died(toError(error)))
    worker.once('exit', (exitCode) => {
      void this.#died(new Error(`The worker of a stream thread ended with code ${exitCode}.`))
    })
  }

  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      if (this.#worker) this.#tell({ kind: 'close' })
      else this.#ended.resolve()
    }
    await this.#ended.promise.catch(() => {})
  }

  async #receive(message: FromWorker): Promise<void> {
    switch (message.kind) {
      case 'state':
        return this.#events.onState(message.state, message.taskIds)
      case 'progress':
        return this.#events.onProgress(message.progress)
      case 'dropped':
        return this.#events.countDropped(message.count)
      case 'log':
        return this.#logger[message.level](message.message, message.fields)
      case 'uncaught': {
        this.#hasTold = true
        const decision = await this.#events.onUncaught(receivedError(message.error))
        return this.#tell({ kind: 'decision', decision })
      }
      case 'ended':
        this.#worker?.removeAllListeners('exit')
        this.#worker?.removeAllListeners('error')
        if (!message.error) return this.#ended.resolve()
        await this.#failed(receivedError(message.error))
    }
  }

  /** Without a word: out of memory, or `process.exit` in the topology. The thread is gone, whatever is decided. */
  async #died(error: Error): Promise<void> {
    this.#worker?.removeAllListeners('exit')
    this.#worker?.removeAllListeners('error')
    await this.#failed(error)
  }

  async #failed(error: Error): Promise<void> {
    this.#events.onState('DEAD', [])
    this.#ended.reject(error)
    if (!this.#isClosing && !this.#hasTold) await this.#events.onUncaught(error)
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }
}
