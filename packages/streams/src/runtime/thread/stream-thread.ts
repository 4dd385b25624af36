/**
 * One stream thread: session after session, until it is closed or something happens that no new session mends. What is lost in between is
 * what was not committed, and is done again.
 */
import { backoffMs, isAbortError, toError } from '@millrace/core'
import { KafkaError } from '@millrace/kafka'
import { StreamsError } from '../../errors.ts'
import type { FiguresOverTime } from '../../metrics/figures.ts'
import { ThreadCounts } from '../../metrics/thread-counts.ts'
import type { InstanceMetadata } from '../../queries/group-instances.ts'
import { silent } from '../../queries/page-questions.ts'
import type { StoreLag } from '../../queries/store-lag.ts'
import type { Page, PageRequest } from '../../queries/store-read.ts'
import type { RestoreProgress } from '../state/changelog-restorer.ts'
import { CurrentPlan } from '../current-plan.ts'
import type { TopicPlan } from '../topic-plan.ts'
import { GlobalTables } from '../state/global-tables.ts'
import type { RunningTask } from '../tasks/running-task.ts'
import type { ThreadControls } from './thread-controls.ts'
import type { MetricChange } from '../workers/worker-meter.ts'
import type { TaskMetadata } from './thread-metadata.ts'
import {
  isInstanceFenced,
  ThreadSession,
  type GroupMembershipOperation,
  type ThreadSessionOptions,
} from './thread-session.ts'

/** Java's names. */
export type ThreadState =
  | 'CREATED'
  | 'STARTING'
  | 'PARTITIONS_REVOKED'
  | 'PARTITIONS_ASSIGNED'
  | 'RUNNING'
  | 'PENDING_SHUTDOWN'
  | 'DEAD'

/** What to do about an error that no new session mends: begin anew nevertheless, or end the application in this process, or in all. */
export type UncaughtDecision = 'REPLACE_THREAD' | 'SHUTDOWN_CLIENT' | 'SHUTDOWN_APPLICATION'

export interface ThreadEvents {
  readonly onState: (state: ThreadState, taskIds: readonly string[]) => void
  readonly onProgress: (progress: RestoreProgress) => void
  readonly onUncaught: (error: Error) => UncaughtDecision | Promise<UncaughtDecision>
  readonly countDropped: (count: number) => void
  readonly onJoining: () => void
  /** The group has told who runs what. */
  readonly onShutdown: () => void
  /** Of a worker, which has a meter of its own. */
  readonly onMetrics: (changes: readonly MetricChange[]) => void
  /** The group has told which topics match the patterns of sources, with their partition counts. */
  readonly onTopics: (matched: ReadonlyMap<string, number>) => void
  readonly onInstances: (instances: readonly InstanceMetadata[], generationId: number) => void
}

/** A stream thread, in this process or in a worker. */
export interface ThreadHandle {
  start(): void
  adjust(controls: ThreadControls): void
  /** Another thread of this process asks to be let into the group. */
  othersJoin(): void
  /** Its tasks as of now. */
  tasks(): Promise<readonly TaskMetadata[]>
  /** How far the stores of its tasks are behind their changelogs. */
  lags(): Promise<readonly StoreLag[]>
  /** What it and its tasks have done; nothing while it has no session with the cluster. */
  figures(): Promise<readonly FiguresOverTime[]>
  /** A page of a store that one of its tasks has. @throws StreamsError */
  page(request: PageRequest): Promise<Page>
  /** Ends it in order; resolves once it has ended, for whatever reason. @param operation of the first call */
  close(operation: GroupMembershipOperation): Promise<void>
  /** Rejects with what ended the thread, where that was no `close`. */
  readonly ended: Promise<void>
}

export type StreamThreadOptions = Omit<
  ThreadSessionOptions,
  | 'controls'
  | 'onProgress'
  | 'onInstances'
  | 'onTopics'
  | 'onShutdown'
  | 'onJoining'
  | 'onTasks'
  | 'onCommitted'
  | 'countDropped'
  | 'globalStores'
  | 'counts'
  | 'plan'
> & {
  readonly controls: ThreadControls
  readonly plan: TopicPlan
  readonly events: ThreadEvents
}

const pauses = { baseMs: 100, maxMs: 5_000 }

const taskStates = {
  REVOKED: 'PARTITIONS_REVOKED',
  ASSIGNED: 'PARTITIONS_ASSIGNED',
  RUNNING: 'RUNNING',
} as const

export class StreamThread implements ThreadHandle {
  readonly #options: StreamThreadOptions
  readonly #plan: CurrentPlan
  readonly #ended = Promise.withResolvers<void>()
  readonly #closing = new AbortController()
  readonly #counts = new ThreadCounts()
  #session: ThreadSession | undefined
  #globals: GlobalTables | undefined
  #isStarted = false
  #groupMembershipOperation: GroupMembershipOperation = 'LEAVE_GROUP'
  /** Sessions that failed since the last commit, and when the first did. */
  #failures = 0
  #failingSinceMs: number | undefined
  /** The task whose state could not be written, and when, where that is why. */
  #unwritten: { readonly taskId: string; readonly atMs: number } | undefined

  constructor(options: StreamThreadOptions) {
    this.#options = options
    const { topology, settings, plan } = options
    this.#plan = new CurrentPlan(topology, settings.applicationId, plan)
    this.#ended.promise.catch(() => {}) // Told to those who ask.
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#options.events.onState('STARTING', [])
    this.#run().then(
      () => this.#end(),
      (error: unknown) => this.#end(toError(error)),
    )
  }

  adjust(controls: ThreadControls): void {
    Object.assign(this.#options.controls, controls)
    this.#session?.adjusted()
  }

  othersJoin(): void {
    this.#session?.othersJoin()
  }

  async tasks(): Promise<readonly TaskMetadata[]> {
    return this.#session?.metadata() ?? []
  }

  async lags(): Promise<readonly StoreLag[]> {
    return this.#session?.lags() ?? []
  }

  async figures(): Promise<readonly FiguresOverTime[]> {
    return this.#session ? [this.#session.figures()] : []
  }

  async page(request: PageRequest): Promise<Page> {
    if (this.#session) return this.#session.page(request)
    throw silent(request, 'its stream thread is joining the group')
  }

  async close(operation: GroupMembershipOperation): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#groupMembershipOperation = operation
      this.#options.events.onState('PENDING_SHUTDOWN', [])
      this.#closing.abort()
      this.#session?.stop(operation)
      if (!this.#isStarted) this.#end()
    }
    await this.#ended.promise.catch(() => {})
  }

  #end(error?: Error): void {
    this.#options.events.onState('DEAD', [])
    if (error) this.#ended.reject(error)
    else this.#ended.resolve()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing.signal.aborted) {
        try {
          await this.#runSession()
        } catch (error) {
          await this.#afterFailure(toError(error))
        }
      }
    } finally {
      await this.#globals?.[Symbol.asyncDispose]()
    }
  }

  async #runSession(): Promise<void> {
    const { events } = this.#options
    const globals = await this.#globalTables()
    const session = await ThreadSession.open({
      ...this.#options,
      plan: this.#plan,
      counts: this.#counts,
      globalStores: globals?.stores ?? new Map(),
      onProgress: events.onProgress,
      onTasks: (state, taskIds) => {
        if (!this.#closing.signal.aborted) events.onState(taskStates[state], taskIds)
      },
      onCommitted: (tasks) => {
        if (this.#isUnwritten(tasks)) return
        this.#failures = 0
        this.#failingSinceMs = this.#unwritten = undefined
      },
      countDropped: events.countDropped,
      onJoining: events.onJoining,
      onTopics: events.onTopics,
      onInstances: events.onInstances,
      onShutdown: events.onShutdown,
    })
    this.#session = session
    if (this.#closing.signal.aborted) session.stop(this.#groupMembershipOperation)
    try {
      await session.run()
    } finally {
      this.#session = undefined
    }
  }

  /** Commits that leave the disk of the failing task alone do not mend it; that the task is elsewhere does. */
  #isUnwritten(tasks: ReadonlyMap<string, RunningTask>): boolean {
    if (!this.#unwritten) return false
    const { taskId, atMs } = this.#unwritten
    const task = tasks.get(taskId)
    return task !== undefined && (task.environment.writtenAtMs ?? -Infinity) < atMs
  }

  /** Those that are there go on from session to session; after an error of their own they begin anew. */
  async #globalTables(): Promise<GlobalTables | undefined> {
    this.#globals ??= await GlobalTables.open(
      {
        ...this.#options,
        countDropped: this.#options.events.countDropped,
        onFailure: (error) => {
          const failed = this.#globals
          this.#globals = undefined
          void failed?.[Symbol.asyncDispose]()
          this.#session?.abandon(error)
        },
      },
      this.#closing.signal,
    )
    return this.#globals
  }

  /** Returns to try again. @throws what ends the thread */
  async #afterFailure(error: Error): Promise<void> {
    const { clock, logger, settings, identity, events } = this.#options
    // What it did since its last commit is undone, and will be done by others or by the next process.
    if (this.#closing.signal.aborted) {
      logger.warn('a stream thread could not commit before it ended', {
        threadIndex: identity.index,
        error,
      })
      return
    }
    this.#failingSinceMs ??= clock.monotonicMs()
    if (error instanceof StreamsError && error.code === 'MR_STREAMS_STATE_NOT_WRITTEN')
      this.#unwritten = { taskId: String(error.details['taskId']), atMs: clock.now() }
    const failingMs = clock.monotonicMs() - this.#failingSinceMs
    const ending = isInstanceFenced(error)
      ? instanceFenced(error, settings.applicationId)
      : !isPassing(error)
        ? error
        : failingMs > settings.taskTimeoutMs
          ? timedOut(error, Math.round(failingMs))
          : undefined
    if (ending && (await events.onUncaught(ending)) !== 'REPLACE_THREAD') throw ending
    logger.warn('a stream thread begins anew', {
      threadIndex: identity.index,
      attempt: ++this.#failures,
      error,
    })
    events.onState('PARTITIONS_REVOKED', [])
    try {
      await clock.sleep(backoffMs(this.#failures, pauses), this.#closing.signal)
    } catch (error_) {
      if (!isAbortError(error_)) throw error_
    }
  }
}

const endsSessionOnly = new Set([
  'MR_KAFKA_FENCED',
  'MR_KAFKA_PRODUCER_FENCED',
  'MR_KAFKA_TRANSACTION_FAILED',
])

/** A new session may do better: a broker was away, the group went on, a transaction was aborted. */
function isPassing(error: Error): boolean {
  if (error instanceof StreamsError) return error.retryable
  if (!(error instanceof KafkaError)) return false
  // A broker that fails in a way it did not foresee, as Apache Kafka does when it is asked to end a transaction just after it was killed,
  // leaves the outcome open: the next session waits for it, and begins where the group and the changelogs then are.
  const isUnforeseen = error.details['errorName'] === 'UNKNOWN_SERVER_ERROR'
  return error.retryable || isUnforeseen || endsSessionOnly.has(error.code)
}

function instanceFenced(cause: KafkaError, applicationId: string): StreamsError {
  const { instanceId } = cause.details
  return new StreamsError(
    'MR_STREAMS_INSTANCE_FENCED',
    `Another process has taken the place of "${String(instanceId)}" in the group of "${applicationId}"; this one ends, and what it did since its last commit is undone. The other was started in its stead, or has a copy of its state directory, or the same instanceId. Where both are to run, give them instanceIds of their own, or delete the file "process-id" in the copy before it starts.`,
    { applicationId, instanceId },
    { cause },
  )
}

function timedOut(cause: Error, failingMs: number): StreamsError {
  return new StreamsError(
    'MR_STREAMS_TASK_TIMEOUT',
    `Nothing could be committed for ${failingMs} ms: ${cause.message} State and outputs are as of the last commit. Check the brokers, or raise taskTimeoutMs.`,
    { failingMs },
    { cause },
  )
}
