/** An application: a topology that runs on a cluster, in as many threads and processes as are started under one application id. */
import { noopMeter, silentLogger, systemClock, toError, type Counter } from '@millrace/core'
import { createAdmin, KafkaError, type KafkaOptions } from '@millrace/kafka'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../topology/topology.ts'
import type { RestoreProgress } from './changelog-restorer.ts'
import { assertMove, type StreamsState } from './app-state.ts'
import {
  badOption,
  runtimeSettings,
  type RuntimeSettings,
  type SettingsGiven,
} from './runtime-options.ts'
import { openStateDirectory, type StateDirectory } from './state-directory.ts'
import {
  StreamThread,
  type ThreadEvents,
  type ThreadHandle,
  type ThreadState,
  type UncaughtDecision,
} from './stream-thread.ts'
import { loadTopology } from './topology-module.ts'
import { externalSourceTopics, planTopics, type TopicPlan } from './topic-plan.ts'
import { WorkerThread } from './worker-thread.ts'

export interface StreamsAppOptions
  extends SettingsGiven, Omit<KafkaOptions, 'clientId'>, ErrorHandling {
  /**
   * A topology, whose threads share this process's event loop; or the URL of a module that has one as its default export, whose threads are
   * workers. `new URL('./topology.ts', import.meta.url)`
   */
  readonly topology: Topology | URL
  /** Default: the application id. */
  readonly clientId?: string
  /** Stream threads of this process, which share `cacheMaxBytes`, 1 to 64. Default 1. */
  readonly threads?: number
  /** Where state is kept. Each process on a machine needs one of its own. Default: `millrace-streams` in the directory for temporary files. */
  readonly stateDir?: string
  readonly onState?: (state: StreamsState, before: StreamsState) => void
  /** Told at the start, after each batch, and at the end of each store that is restored. */
  readonly onRestore?: (progress: RestoreProgress) => void
  /** Decides about an error that ends a stream thread. Default `SHUTDOWN_CLIENT`. */
  readonly onUncaughtError?: (error: Error) => UncaughtDecision
}

/** A stream thread, as of now. */
export interface ThreadDescription {
  readonly index: number
  readonly state: ThreadState
  /** Tasks it has, by id. */
  readonly taskIds: readonly string[]
}

export class StreamsApp implements AsyncDisposable {
  readonly #options: StreamsAppOptions
  readonly #settings: RuntimeSettings
  readonly #kafka: KafkaOptions
  readonly #threads: { handle: ThreadHandle; state: ThreadState; taskIds: readonly string[] }[] = []
  readonly #dropped: Counter
  #state: StreamsState = 'CREATED'
  #directory: StateDirectory | undefined
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  #droppedCount = 0

  /** @throws StreamsError `MR_STREAMS_BAD_OPTION` */
  constructor(options: StreamsAppOptions) {
    const { threads = 1 } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > 64)
      throw badOption('threads', threads, 'must be an integer from 1 to 64')
    this.#options = options
    const settings = runtimeSettings(options)
    this.#settings = {
      ...settings,
      cacheMaxBytes: Math.floor(settings.cacheMaxBytes / threads),
    }
    this.#kafka = kafkaOptions(options)
    if (options.topology instanceof URL) refuseFunctions(options)
    this.#dropped = (options.meter ?? noopMeter).counter({
      name: 'mr_streams_dropped_records_total',
      help: 'Records left out: late, undecodable, without the key that is needed',
      labelNames: ['application'],
    })
  }

  get state(): StreamsState {
    return this.#state
  }

  /** What ended the application, in state ERROR. */
  get failure(): Error | undefined {
    return this.#failure
  }

  get threads(): readonly ThreadDescription[] {
    return this.#threads.map(({ state, taskIds }, index) => ({ index, state, taskIds }))
  }

  /** Records left out by this process, as Java's metric `dropped-records-total` counts them. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /**
   * Makes the internal topics that are missing and starts the threads. Idempotent.
   * @throws StreamsError `MR_STREAMS_MISSING_TOPIC`, `MR_STREAMS_PARTITION_MISMATCH`, `MR_STREAMS_STATE_DIRECTORY`; KafkaError where the
   * cluster does not answer
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#directory?.close()
      this.#end(toError(error))
      throw error
    })
    return this.#starting
  }

  /** Commits what is done, gives up the tasks and ends. Resolves in state NOT_RUNNING or ERROR. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    if (this.#closing) throw new StreamsError('MR_STREAMS_CLOSED', 'The application is closed.')
    const { stateDir = join(tmpdir(), 'millrace-streams'), threads = 1 } = this.#options
    const { applicationId } = this.#settings
    this.#move('REBALANCING')
    this.#directory = openStateDirectory(stateDir, applicationId)
    const topology = await this.#topology()
    const plan = await this.#prepareTopics(topology)
    for (let index = 0; index < threads; index++)
      this.#threads.push({
        handle: this.#thread(index, topology, plan, this.#directory),
        state: 'CREATED',
        taskIds: [],
      })
    for (const { handle } of this.#threads) handle.start()
  }

  async #topology(): Promise<Topology> {
    const { topology } = this.#options
    return topology instanceof URL ? (await loadTopology(topology.href)).topology : topology
  }

  async #prepareTopics(topology: Topology): Promise<TopicPlan> {
    await using admin = await createAdmin(this.#kafka)
    const existing = await admin.describeTopics(externalSourceTopics(topology))
    const plan = planTopics(topology, this.#settings.applicationId, existing)
    const sinks = [...topology.nodes.values()].flatMap((node) =>
      node.kind === 'sink' && typeof node.topic === 'string' && !node.isInternal
        ? [node.topic]
        : [],
    )
    try {
      await admin.ensureTopics(plan.internalTopics)
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'MR_KAFKA_TOPIC_MISMATCH') throw error
      throw new StreamsError(
        'MR_STREAMS_PARTITION_MISMATCH',
        `An internal topic exists with another partition count: ${error.message} The topology or a source topic has changed; reset the application, or go back.`,
        error.details,
        { cause: error },
      )
    }
    const partitionCounts = new Map([
      ...(await admin.describeTopics(sinks)),
      ...plan.partitionCounts,
    ])
    return { ...plan, partitionCounts }
  }

  #thread(
    index: number,
    topology: Topology,
    plan: TopicPlan,
    directory: StateDirectory,
  ): ThreadHandle {
    const { clock = systemClock, meter = noopMeter } = this.#options
    const settings = this.#settings
    const identity = {
      index,
      processId: directory.processId,
      stateDirectory: directory.path,
    }
    const events = this.#eventsOf(index)
    if (this.#options.topology instanceof URL) {
      const topologyUrl = this.#options.topology.href
      const { logger: _logger, meter: _meter, clock: _clock, ...kafka } = this.#kafka
      return new WorkerThread(
        { topologyUrl, settings, identity, plan, kafka },
        events,
        this.#logger,
      )
    }
    return new StreamThread({
      settings,
      identity,
      topology,
      plan,
      kafka: this.#kafka,
      clock,
      logger: this.#logger,
      meter,
      errorHandling: this.#options,
      events,
    })
  }

  #eventsOf(index: number): ThreadEvents {
    return {
      onState: (state, taskIds) => {
        const thread = this.#threads[index]
        if (!thread) return
        thread.state = state
        thread.taskIds = taskIds
        this.#follow()
      },
      onProgress: (progress) => this.#options.onRestore?.(progress),
      onUncaught: (error) => {
        const decision = this.#options.onUncaughtError?.(error) ?? 'SHUTDOWN_CLIENT'
        this.#logger.error('a stream thread ended', { threadIndex: index, decision, error })
        if (decision === 'SHUTDOWN_CLIENT') {
          this.#failure ??= error
          void this.close()
        }
        return decision
      },
      countDropped: (count) => {
        this.#droppedCount += count
        this.#dropped.add(count, { application: this.#settings.applicationId })
      },
    }
  }

  /** RUNNING when all threads are, REBALANCING while one is not. */
  #follow(): void {
    if (this.#state !== 'REBALANCING' && this.#state !== 'RUNNING') return
    const areRunning = this.#threads.every(({ state }) => state === 'RUNNING')
    const state = areRunning ? 'RUNNING' : 'REBALANCING'
    if (state !== this.#state) this.#move(state)
  }

  async #close(): Promise<void> {
    if (this.#state === 'CREATED') return this.#move('NOT_RUNNING')
    if (this.#starting) await this.#starting.catch(() => {}) // Told to the caller of start.
    if (this.#state === 'ERROR') return
    this.#move(this.#failure ? 'PENDING_ERROR' : 'PENDING_SHUTDOWN')
    await Promise.all(this.#threads.map(({ handle }) => handle.close()))
    this.#directory?.close()
    this.#end(this.#failure)
  }

  #end(error: Error | undefined): void {
    this.#failure ??= error
    if (!error) return this.#move('NOT_RUNNING')
    if (this.#state !== 'PENDING_ERROR') this.#move('PENDING_ERROR')
    this.#move('ERROR')
  }

  #move(to: StreamsState): void {
    const before = this.#state
    assertMove(before, to)
    this.#state = to
    this.#logger.info('the application changes its state', {
      applicationId: this.#settings.applicationId,
      before,
      state: to,
    })
    this.#options.onState?.(to, before)
  }

  get #logger() {
    return this.#options.logger ?? silentLogger
  }
}

/** Functions and clocks stay in the thread in which they were made. @throws StreamsError `MR_STREAMS_BAD_OPTION` */
function refuseFunctions(options: StreamsAppOptions): void {
  const functions = [
    'onDeserializationError',
    'onProcessingError',
    'onProductionError',
    'deadLetterTopic',
  ] as const
  for (const name of functions)
    if (options[name] !== undefined)
      throw badOption(
        name,
        options[name],
        'cannot be given to worker threads: export `errorHandling` from the module of the topology instead',
      )
  for (const name of ['mapAddress', 'clock'] as const)
    if (options[name] !== undefined)
      throw badOption(
        name,
        '[given]',
        'cannot be given to worker threads: pass the topology itself instead of a URL',
      )
}

function kafkaOptions(options: StreamsAppOptions): KafkaOptions {
  const { brokers, clientId = options.applicationId } = options
  const { requestTimeoutMs, tls, sasl, mapAddress, logger, meter, clock } = options
  return {
    brokers,
    clientId,
    ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
    ...(tls !== undefined && { tls }),
    ...(sasl && { sasl }),
    ...(mapAddress && { mapAddress }),
    ...(logger && { logger }),
    ...(meter && { meter }),
    ...(clock && { clock }),
  }
}
