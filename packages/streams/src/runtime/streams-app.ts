/** An application: a topology that runs on a cluster, in as many threads and processes as are started under one application id. */
import { assert, noopMeter, silentLogger, systemClock, toError } from '@millrace/core'
import { createAdmin, type KafkaOptions } from '@millrace/kafka'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'
import { clientMetrics, type StreamsMetric } from '../metrics/java-metrics.ts'
import type { Topology } from '../topology/topology.ts'
import { AppQueries, type KeyMetadata, type KeyMetadataOptions } from '../queries/app-queries.ts'
import type { StoreLag } from '../queries/store-lag.ts'
import { readApplicationServer, type InstanceMetadata } from '../queries/group-instances.ts'
import type {
  QueryableStores,
  QueryableStoreType,
  StoreQueryOptions,
} from '../queries/store-type.ts'
import type { RestoreProgress } from './state/changelog-restorer.ts'
import { assertMove, type StreamsState } from './app-state.ts'
import { AppMetrics, stateNumber } from './app-metrics.ts'
import { AppThreads, maxThreads, type ThreadDescription } from './app-threads.ts'
import { prepareTopics } from './app-topics.ts'
import {
  badOption,
  runtimeSettings,
  type RuntimeSettings,
  type SettingsGiven,
} from './runtime-options.ts'
import { callShutdown } from './shutdown-call.ts'
import { StateCleaner } from './state/state-cleaner.ts'
import { StaticMembers } from './assignment/static-members.ts'
import { openStateDirectory, removeState, type StateDirectory } from './state/state-directory.ts'
import {
  StreamThread,
  type ThreadEvents,
  type ThreadHandle,
  type ThreadState,
  type UncaughtDecision,
} from './thread/stream-thread.ts'
import type { ThreadControls } from './thread/thread-controls.ts'
import type { ThreadMetadata } from './thread/thread-metadata.ts'
import type { GroupMembershipOperation } from './thread/thread-session.ts'
import { loadTopology } from './workers/topology-module.ts'
import { CurrentPlan } from './current-plan.ts'
import { applyChanges } from './workers/worker-meter.ts'
import { WorkerThread } from './workers/worker-thread.ts'

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
  /**
   * Names this instance in the group: its threads are static members then (KIP-345), and a process that starts under the name of one that was
   * killed has its tasks, and ends its transactions, at once. If that one lives after all, it ends with `MR_STREAMS_INSTANCE_FENCED`. 1 to 200
   * letters, digits, dots, dashes or underscores, of this instance alone. Default: where `stateDir` is given an id that is kept there, else null:
   * dynamic members, as Java's without `group.instance.id`.
   */
  readonly instanceId?: string | null
  /**
   * `host:port` at which other instances reach this one's query server; the group is told. Default: where `startQueryServer` listens, if it is
   * called before `start`; else queries of other instances do not find what is here.
   */
  readonly applicationServer?: string
  /** How long state of tasks that went to another process is kept on disk, ms. Default 600,000. */
  readonly stateCleanupDelayMs?: number
  readonly onState?: (state: StreamsState, before: StreamsState) => void
  /** Told at the start, after each batch, and at the end of each store that is restored. */
  readonly onRestore?: (progress: RestoreProgress) => void
  /**
   * Decides about an error that ends a stream thread. Default `SHUTDOWN_CLIENT`, which `REPLACE_THREAD` is too for `MR_STREAMS_INSTANCE_FENCED`. `SHUTDOWN_APPLICATION` ends every instance of the application, with
   * state ERROR; those of the others have `MR_STREAMS_SHUTDOWN_REQUESTED` as their `failure`.
   */
  readonly onUncaughtError?: (error: Error) => UncaughtDecision
}

/** @see Kafka Streams `KafkaStreams.CloseOptions` (KIP-812, KIP-1153) */
export interface StreamsCloseOptions {
  /**
   * `LEAVE_GROUP`, the default: others get the tasks at once. `REMAIN_IN_GROUP`: the tasks wait for this instance for `sessionTimeoutMs`, so that a
   * restart that takes less moves nothing; only where it has a name that it comes back under. Java's default is to remain.
   */
  readonly groupMembershipOperation?: GroupMembershipOperation
}

const defaultCleanupDelayMs = 600_000

export class StreamsApp implements AsyncDisposable {
  readonly #options: StreamsAppOptions
  readonly #settings: RuntimeSettings
  readonly #kafka: KafkaOptions
  readonly #threads: AppThreads
  /** @internal */
  readonly queries: AppQueries
  readonly #metrics: AppMetrics
  #state: StreamsState = 'CREATED'
  #directory: StateDirectory | undefined
  #members: StaticMembers | undefined
  #topology: Topology | undefined
  #plan: CurrentPlan | undefined
  #cleaner: StateCleaner | undefined
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  #droppedCount = 0

  /** @throws StreamsError `MR_STREAMS_BAD_OPTION` */
  constructor(options: StreamsAppOptions) {
    const { threads = 1 } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
      throw badOption('threads', threads, `must be an integer from 1 to ${maxThreads}`)
    const { stateCleanupDelayMs: delayMs = defaultCleanupDelayMs } = options
    if (!Number.isInteger(delayMs) || delayMs < 1 || delayMs > 2_147_483_647)
      throw badOption('stateCleanupDelayMs', delayMs, 'must be an integer from 1 to 2147483647')
    const { instanceId } = options
    if (instanceId != null && !/^[a-zA-Z0-9._-]{1,200}$/.test(instanceId))
      throw badOption(
        'instanceId',
        instanceId,
        'must be 1 to 200 letters, digits, dots, dashes or underscores',
      )
    this.#options = options
    this.#settings = runtimeSettings(options)
    this.#kafka = kafkaOptions(options)
    this.#threads = new AppThreads({
      clientId: this.#kafka.clientId,
      cacheMaxBytes: this.#settings.cacheMaxBytes,
      make: (index, controls) => this.#thread(index, controls),
    })
    this.queries = new AppQueries({
      applicationId: options.applicationId,
      state: () => this.#state,
      threads: () => this.#threads.queried,
      clock: options.clock,
    })
    this.queries.applicationServer = checkedApplicationServer(options.applicationServer)
    if (options.topology instanceof URL) refuseFunctions(options)
    this.#metrics = new AppMetrics(options.meter ?? noopMeter, options.applicationId)
  }

  get state(): StreamsState {
    return this.#state
  }

  /** What ended the application, in state ERROR. */
  get failure(): Error | undefined {
    return this.#failure
  }

  get threads(): readonly ThreadDescription[] {
    return this.#threads.all
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
      if (this.#state === 'REBALANCING') this.#end(toError(error))
      throw error
    })
    return this.#starting
  }

  /**
   * Starts one more stream thread, which takes over tasks of the others.
   * @returns its name; undefined where the application is not RUNNING or REBALANCING, as in Java
   * @throws StreamsError `MR_STREAMS_BAD_OPTION` beyond 64 threads
   */
  async addThread(): Promise<string | undefined> {
    const [name] = await this.#threads.add(1, () => this.#isActive)
    return name
  }

  /**
   * Ends the stream thread that was added last: it commits, leaves the group, and its tasks go to others. Without any thread left the
   * application keeps its state and does nothing.
   * @returns its name, once it has ended; undefined where there is none, or the application is not RUNNING or REBALANCING
   */
  removeThread(): Promise<string | undefined> {
    return this.#threads.remove(() => this.#isActive)
  }

  /**
   * No record is processed and no punctuator fires in this process until `resume`. Its threads stay in the group with their tasks, go on
   * fetching until their buffers are full, restoring and committing. Before `start` it begins paused. Idempotent; not kept over restarts.
   * @see KIP-834
   */
  pause(): void {
    this.#threads.setPaused(true)
  }

  /** Goes on after `pause`. Idempotent. */
  resume(): void {
    this.#threads.setPaused(false)
  }

  get isPaused(): boolean {
    return this.#threads.isPaused
  }

  /** The threads with their tasks, where each is in its input, and how far behind. Asks the workers. */
  metadataForLocalThreads(): Promise<readonly ThreadMetadata[]> {
    return this.#threads.metadata()
  }

  /**
   * A store, to be read from outside of processors: the partitions that this instance has, or with `scope: 'application'` all of them. Can be
   * asked for before `start`; its reads throw what they find: StreamsError `MR_STREAMS_UNKNOWN_STORE` where the topology has no such store of
   * that type, `MR_STREAMS_STORE_NOT_READY` where it is not there within `timeoutMs`, `MR_STREAMS_NOT_OWNER` for keys of other instances,
   * `MR_STREAMS_POSITION_NOT_REACHED`, `MR_STREAMS_INSTANCE_UNREACHABLE`, `MR_STREAMS_UNDECODABLE`, `MR_STREAMS_BAD_QUERY`.
   * @see Kafka Streams `KafkaStreams.store`, KIP-796
   */
  store<K, V, Type extends QueryableStoreType>(
    name: string,
    options: StoreQueryOptions<K, V, Type>,
  ): QueryableStores<K, V>[Type] {
    return this.queries.store(name, options)
  }

  /**
   * Which instance has a key, whether there is such a key or not, as the group last told.
   * @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`, `MR_STREAMS_STORE_NOT_READY` before that, `MR_STREAMS_BAD_QUERY`
   * @see Kafka Streams `KafkaStreams.queryMetadataForKey`
   */
  metadataForKey<K>(store: string, key: K, options?: KeyMetadataOptions<K>): KeyMetadata {
    return this.queries.metadataForKey(store, key, options)
  }

  /** Instances that have partitions of a store, or copies. @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`, `MR_STREAMS_STORE_NOT_READY` */
  metadataForStore(store: string): readonly InstanceMetadata[] {
    return this.queries.metadataForStore(store)
  }

  /** Of this instance among all of them; undefined before the start. */
  get processId(): string | undefined {
    return this.queries.processId
  }

  /** All instances, as the group last told; empty before. */
  get allMetadata(): readonly InstanceMetadata[] {
    return this.queries.instances
  }

  /**
   * Removes the state that this application has on disk here; its next start reads the changelogs. Topics and offsets stay: for these
   * there is `resetApplication`.
   * @throws StreamsError `MR_STREAMS_STILL_RUNNING` between `start` and the end of `close`; `MR_STREAMS_STATE_DIRECTORY` where another
   * process uses it
   */
  cleanUp(): void {
    if (this.#state !== 'CREATED' && this.#state !== 'NOT_RUNNING' && this.#state !== 'ERROR')
      throw new StreamsError(
        'MR_STREAMS_STILL_RUNNING',
        `The application is ${this.#state}; its state can be removed before start() and after close().`,
        { state: this.#state },
      )
    removeState(this.#stateDir, this.#settings.applicationId)
  }

  /**
   * How far the stores of this instance are behind their changelogs, copies among them. Asks the stream threads.
   * @see Kafka Streams `KafkaStreams.allLocalStorePartitionLags`, KIP-535
   */
  storeLags(): Promise<readonly StoreLag[]> {
    return this.#threads.lags()
  }

  /**
   * What this instance has done, as Kafka Streams' metrics: of the client, its threads, their tasks, and of these the nodes, stores and caches. Asks
   * the stream threads; one that is joining the group has none. The same as series: `meter`.
   * @see Kafka Streams `KafkaStreams.metrics`
   */
  async metrics(): Promise<readonly StreamsMetric[]> {
    const client = clientMetrics(this.#kafka.clientId, {
      'alive-stream-threads': this.#threads.aliveCount,
      'failed-stream-threads': this.#metrics.failedCount,
      'client-state': stateNumber(this.#state),
    })
    return [...client, ...(await this.#threads.metrics())]
  }

  /** Commits what is done, gives up the tasks and ends. Resolves in state NOT_RUNNING or ERROR. Idempotent: the first call's options count. */
  close({ groupMembershipOperation = 'LEAVE_GROUP' }: StreamsCloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(groupMembershipOperation)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    if (this.#closing) throw new StreamsError('MR_STREAMS_CLOSED', 'The application is closed.')
    const { threads = 1 } = this.#options
    const { applicationId } = this.#settings
    this.#move('REBALANCING')
    this.#directory = openStateDirectory(this.#stateDir, applicationId)
    const { topology } = this.#options
    this.#topology =
      topology instanceof URL ? (await loadTopology(topology.href)).topology : topology
    this.#plan = new CurrentPlan(
      this.#topology,
      applicationId,
      await prepareTopics(this.#topology, applicationId, this.#kafka),
    )
    this.queries.begin(this.#directory.processId, this.#topology, this.#plan)
    this.#cleaner = this.#startCleaner(this.#directory.path)
    this.#members = await this.#staticMembers(this.#directory, threads)
    await this.#threads.add(threads, () => true)
  }

  #thread(index: number, controls: ThreadControls): ThreadHandle {
    const { clock = systemClock, meter = noopMeter } = this.#options
    const settings = this.#settings
    const directory = this.#directory
    const topology = this.#topology
    const plan = this.#plan
    const members = this.#members
    assert(
      directory && topology && plan && members,
      'threads are made once the application has started',
    )
    members.joining(index)
    const identity = {
      index,
      processId: directory.processId,
      instanceId: members.instanceId,
      stateDirectory: directory.path,
      applicationServer: this.queries.applicationServer,
    }
    const events = this.#eventsOf(index)
    if (this.#options.topology instanceof URL) {
      const topologyUrl = this.#options.topology.href
      const { logger: _logger, meter: _meter, clock: _clock, ...kafka } = this.#kafka
      return new WorkerThread(
        { topologyUrl, settings, controls, identity, plan: plan.plain, kafka },
        events,
        this.#logger,
      )
    }
    return new StreamThread({
      settings,
      controls,
      identity,
      topology,
      plan: plan.plain,
      kafka: this.#kafka,
      clock,
      logger: this.#logger,
      meter,
      errorHandling: this.#options,
      events,
    })
  }

  /** The names of the threads in the group; those that a former run left there, and nobody takes over, are out of it. */
  async #staticMembers(directory: StateDirectory, threads: number): Promise<StaticMembers> {
    const { stateDir, instanceId = stateDir === undefined ? null : directory.processId } =
      this.#options
    const members = new StaticMembers(directory.path, instanceId ?? undefined)
    const leftovers = members.leftovers(threads)
    if (leftovers.length > 0) {
      await using admin = await createAdmin(this.#kafka)
      await admin.removeGroupMembers(this.#settings.applicationId, leftovers)
    }
    members.begin(threads)
    return members
  }

  get #stateDir(): string {
    return this.#options.stateDir ?? join(tmpdir(), 'millrace-streams')
  }

  #startCleaner(path: string): StateCleaner {
    const { clock = systemClock, stateCleanupDelayMs = defaultCleanupDelayMs } = this.#options
    return new StateCleaner({
      path,
      delayMs: stateCleanupDelayMs,
      clock,
      logger: this.#logger,
      tasksInUse: async () =>
        this.#state === 'RUNNING' ? await this.#threads.tasksInUse() : undefined,
    })
  }

  get #isActive(): boolean {
    return this.#state === 'RUNNING' || this.#state === 'REBALANCING'
  }

  #eventsOf(index: number): ThreadEvents {
    return {
      onState: (state, taskIds) => {
        this.#threads.told(index, state, taskIds)
        this.#metrics.threads(this.#threads.aliveCount)
        if (state === 'DEAD') this.queries.forget(index)
        this.#follow(state)
      },
      onProgress: (progress) => {
        this.#metrics.restored(progress)
        this.#options.onRestore?.(progress)
      },
      onMetrics: (changes) => applyChanges(this.#options.meter ?? noopMeter, changes),
      onTopics: (matched) => this.#plan?.follow(matched),
      onInstances: (instances, generationId) => this.queries.told(index, instances, generationId),
      onUncaught: (error) => {
        this.#metrics.threadFailed()
        const decision = decisionOf(error, this.#options.onUncaughtError?.(error))
        this.#logger.error('a stream thread ended', { threadIndex: index, decision, error })
        if (decision !== 'REPLACE_THREAD') {
          this.#failure ??= error
          if (decision === 'SHUTDOWN_APPLICATION') void this.#shutDownEverywhere()
          else void this.close()
        }
        return decision
      },
      onJoining: () => this.#threads.joins(index),
      onShutdown: () => {
        this.#failure ??= shutdownRequested(this.#settings.applicationId)
        void this.close()
      },
      countDropped: (count) => {
        this.#droppedCount += count
        this.#metrics.dropped(count)
      },
    }
  }

  /** This process ends too, whether the others heard of it or not. */
  async #shutDownEverywhere(): Promise<void> {
    const { clock = systemClock } = this.#options
    const [plan, directory] = [this.#plan, this.#directory]
    try {
      if (plan && directory && !this.#closing) {
        const { processId } = directory
        const isHeard = await callShutdown({
          kafka: this.#kafka,
          settings: this.#settings,
          plan,
          processId,
          clock,
        })
        if (!isHeard) throw new Error('The group did not deal its tasks out in time.')
      }
    } catch (error) {
      this.#logger.error('the other instances could not be told to end', { error })
    }
    await this.close()
  }

  /** As Kafka Streams' `StreamStateListener`: a thread whose tasks move makes it REBALANCING, until all run again. */
  #follow(state: ThreadState): void {
    const isMoving = state === 'PARTITIONS_REVOKED' || state === 'PARTITIONS_ASSIGNED'
    if (this.#state === 'RUNNING' && isMoving) this.#move('REBALANCING')
    else if (this.#state === 'REBALANCING' && this.#threads.areRunning) this.#move('RUNNING')
  }

  async #close(operation: GroupMembershipOperation): Promise<void> {
    if (this.#starting) await this.#starting.catch(() => {}) // Told to the caller of start.
    if (this.#state === 'ERROR') return
    // What fails while it shuts down is logged by its thread; the next run does it again.
    const failure = this.#failure
    this.#move(failure ? 'PENDING_ERROR' : 'PENDING_SHUTDOWN')
    await this.#threads.close(operation)
    await this.#cleaner?.close()
    this.#directory?.close()
    this.#end(failure)
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
    this.#metrics.state(to)
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

/** Two processes that replace the threads which the other has fenced would never end. */
function decisionOf(error: Error, wanted: UncaughtDecision | undefined): UncaughtDecision {
  const isFenced = error instanceof StreamsError && error.code === 'MR_STREAMS_INSTANCE_FENCED'
  if (wanted === undefined || (wanted === 'REPLACE_THREAD' && isFenced)) return 'SHUTDOWN_CLIENT'
  return wanted
}

/** @throws StreamsError `MR_STREAMS_BAD_OPTION` */
function checkedApplicationServer(given: string | undefined): string | undefined {
  if (given === undefined || readApplicationServer(given) !== undefined) return given
  throw badOption('applicationServer', given, 'must be host:port, as in "10.0.0.7:8080"')
}

function shutdownRequested(applicationId: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_SHUTDOWN_REQUESTED',
    `Another instance of "${applicationId}" met an error for which the application is to end everywhere; what was not committed is undone. Its log has the cause: mend it, then start the instances again.`,
    { applicationId },
  )
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
