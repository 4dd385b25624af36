import { backoffMs, systemClock, toError, type Logger } from '@millrace/core'
import { Worker } from 'node:worker_threads'
import type { FiguresOverTime } from '../../metrics/figures.ts'
import { PageQuestions, silent } from '../../queries/page-questions.ts'
import type { StoreLag } from '../../queries/store-lag.ts'
import type { Page, PageRequest } from '../../queries/store-read.ts'
import type { ThreadEvents, ThreadHandle } from '../thread/stream-thread.ts'
import type { ThreadControls } from '../thread/thread-controls.ts'
import type { GroupMembershipOperation } from '../thread/thread-session.ts'
import { releaseTaskLocks } from '../state/task-directory.ts'
import type { TaskMetadata } from '../thread/thread-metadata.ts'
import {
  receivedError,
  type FromWorker,
  type ToWorker,
  type WorkerStart,
} from './worker-messages.ts'

const replacementPauses = { baseMs: 100, maxMs: 5_000 }
/**
 * V8 lets what is young take up to 100 MB in each worker before it looks for garbage. With less it looks more often, at little more cost: what
 * streams make is either gone at once or stays. Measured with 2 workers, 1,000,000 records, 2 to 5 % more CPU at 24 MB than without:
 * 10-second count 610 MB in place of 810, join 475 in place of 610. `--max-semi-space-size`, about a third of it, overrules this.
 */
const maxYoungGenerationSizeMb = 24

/** A stream thread in a worker of its own, where nothing that other threads compute can hold up its heartbeats. */
export class WorkerThread implements ThreadHandle {
  #start: WorkerStart
  readonly #events: ThreadEvents
  readonly #logger: Logger
  readonly #ended = Promise.withResolvers<void>()
  readonly #closing = new AbortController()
  /** Who asked for the tasks, by the number of the question; and who for lags and figures. */
  readonly #askers = new Map<number, (tasks: readonly TaskMetadata[]) => void>()
  readonly #lagAskers = new Map<number, (lags: readonly StoreLag[]) => void>()
  readonly #figureAskers = new Map<number, (figures: readonly FiguresOverTime[]) => void>()
  readonly #pages = new PageQuestions()
  #worker: Worker | undefined
  #isStarted = false
  #questions = 0
  #replacements = 0
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
    if (this.#isStarted || this.#closing.signal.aborted) return
    this.#isStarted = true
    this.#spawn()
  }

  adjust(controls: ThreadControls): void {
    this.#start = { ...this.#start, controls }
    this.#tell({ kind: 'adjust', controls })
  }

  othersJoin(): void {
    this.#tell({ kind: 'othersJoin' })
  }

  tasks(): Promise<readonly TaskMetadata[]> {
    return this.#ask(this.#askers, (id) => ({ kind: 'tasks', id }))
  }

  lags(): Promise<readonly StoreLag[]> {
    return this.#ask(this.#lagAskers, (id) => ({ kind: 'lags', id }))
  }

  figures(): Promise<readonly FiguresOverTime[]> {
    return this.#ask(this.#figureAskers, (id) => ({ kind: 'figures', id }))
  }

  async page(request: PageRequest): Promise<Page> {
    if (!this.#worker) throw silent(request, 'its stream thread is not running')
    return this.#pages.ask(request, (id) => this.#tell({ kind: 'page', id, request }))
  }

  async close(operation: GroupMembershipOperation): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort()
      if (this.#worker) this.#tell({ kind: 'close', operation })
      else this.#end()
    }
    await this.#ended.promise.catch(() => {})
  }

  #spawn(): void {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: this.#start,
      name: `${this.#start.settings.applicationId}-${this.#start.identity.index}`,
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    this.#worker = worker
    worker.on('message', (message: FromWorker) => void this.#receive(message))
    worker.once('error', (error) => void this.#failed(toError(error)))
    worker.once('exit', (exitCode) => {
      void this.#failed(new Error(`The worker of a stream thread ended with code ${exitCode}.`))
    })
  }

  async #receive(message: FromWorker): Promise<void> {
    switch (message.kind) {
      case 'state':
        if (message.state === 'RUNNING') this.#replacements = 0
        return this.#events.onState(message.state, message.taskIds)
      case 'progress':
        return this.#events.onProgress(message.progress)
      case 'dropped':
        return this.#events.countDropped(message.count)
      case 'page':
        return this.#pages.answered(message.id, message.page)
      case 'noPage':
        return this.#pages.failed(message.id, receivedError(message.error))
      case 'metrics':
        return this.#events.onMetrics(message.changes)
      case 'joining':
        return this.#events.onJoining()
      case 'shutdown':
        return this.#events.onShutdown()
      case 'topics':
        return this.#events.onTopics(message.matched)
      case 'instances':
        return this.#events.onInstances(message.instances, message.generationId)
      case 'lags':
        this.#lagAskers.get(message.id)?.(message.lags)
        this.#lagAskers.delete(message.id)
        return
      case 'figures':
        this.#figureAskers.get(message.id)?.(message.figures)
        this.#figureAskers.delete(message.id)
        return
      case 'tasks':
        this.#askers.get(message.id)?.(message.tasks)
        this.#askers.delete(message.id)
        return
      case 'log':
        return this.#logger[message.level](message.message, message.fields)
      case 'uncaught': {
        const decision = await this.#events.onUncaught(receivedError(message.error))
        this.#hasTold = decision !== 'REPLACE_THREAD'
        return this.#tell({ kind: 'decision', decision })
      }
      case 'ended':
        if (message.error) return this.#failed(receivedError(message.error))
        this.#forgetWorker()
        this.#end()
    }
  }

  /**
   * The worker is gone: by an error that the application was asked about, or without a word (out of memory, `process.exit` in the
   * topology), which it is asked about now.
   */
  async #failed(cause: Error): Promise<void> {
    if (!this.#worker) return
    this.#forgetWorker()
    const isAsked = !this.#hasTold && !this.#closing.signal.aborted
    const decision = isAsked ? await this.#events.onUncaught(cause) : 'SHUTDOWN_CLIENT'
    if (decision !== 'REPLACE_THREAD' || this.#closing.signal.aborted) return this.#end(cause)
    this.#logger.warn('a worker is replaced', { attempt: ++this.#replacements, error: cause })
    this.#events.onState('PARTITIONS_REVOKED', [])
    const pauseMs = backoffMs(this.#replacements, replacementPauses)
    await systemClock.sleep(pauseMs, this.#closing.signal).catch(() => {}) // Closed meanwhile.
    if (!this.#closing.signal.aborted) this.#spawn()
  }

  #forgetWorker(): void {
    this.#worker?.removeAllListeners()
    this.#worker?.on('error', () => {}) // Told already.
    this.#worker = undefined
    // What it had open is free for the other threads, however it ended.
    const { stateDirectory, index } = this.#start.identity
    releaseTaskLocks(stateDirectory, index)
    this.#pages.forget()
    for (const askers of [this.#askers, this.#lagAskers, this.#figureAskers]) {
      for (const answer of askers.values()) answer([])
      askers.clear()
    }
  }

  #end(error?: Error): void {
    this.#events.onState('DEAD', [])
    if (error) this.#ended.reject(error)
    else this.#ended.resolve()
  }

  /** Without a worker there is nothing to be told. */
  #ask<T>(
    askers: Map<number, (answer: readonly T[]) => void>,
    question: (id: number) => ToWorker,
  ): Promise<readonly T[]> {
    if (!this.#worker) return Promise.resolve([])
    const id = this.#questions++
    const { promise, resolve } = Promise.withResolvers<readonly T[]>()
    askers.set(id, resolve)
    this.#tell(question(id))
    return promise
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }
}
