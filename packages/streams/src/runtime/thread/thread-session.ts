/**
 * One stream thread from joining the group until it ends or has to begin anew: its consumer, its producer and its tasks.
 *
 * What may change tasks runs one piece at a time through `#exclusive`: a round of processing and its commit (`processing-rounds.ts`),
 * partitions coming and going (`task-moves.ts`). A round is synchronous, so between two awaits nothing of a task is half done.
 *
 * After a failure everything is closed as it stands, nothing is committed, and the thread begins a new session: stores go back to their last
 * commit, reading to the committed offsets.
 */
import { toError, Wakeup } from '@millrace/core'
import {
  createAdmin,
  createConsumer,
  KafkaError,
  type ClusterAdmin,
  type Consumer,
  type TopicPartition,
} from '@millrace/kafka'
import { setImmediate } from 'node:timers/promises'
import type { FiguresOverTime } from '../../metrics/figures.ts'
import { SessionMetrics } from '../../metrics/session-metrics.ts'
import type { ThreadCounts } from '../../metrics/thread-counts.ts'
import type { InstanceMetadata } from '../../queries/group-instances.ts'
import { QueryDesk } from '../../queries/query-desk.ts'
import type { StoreLag } from '../../queries/store-lag.ts'
import { StorePlaces } from '../../queries/store-places.ts'
import type { Page, PageRequest } from '../../queries/store-read.ts'
import { RecordCache } from '../../state/record-cache.ts'
import type { StateStore } from '../../state/store.ts'
import type { Topology } from '../../topology/topology.ts'
import { ChangelogRestorer, type RestoreProgress } from '../state/changelog-restorer.ts'
import { makeInternalTopics } from '../app-topics.ts'
import { Exclusive } from './exclusive.ts'
import { InputBounds } from './input-bounds.ts'
import { OutputCollector } from './output-collector.ts'
import { ProcessingRounds } from './processing-rounds.ts'
import type { RunningTask } from '../tasks/running-task.ts'
import type { RuntimeSettings, ThreadIdentity, ThreadSurroundings } from '../runtime-options.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { memberInstanceId } from '../assignment/static-members.ts'
import { taskAssignor, tasksOfShare } from '../assignment/task-assignor.ts'
import { TaskFactory } from '../tasks/task-factory.ts'
import { TaskMoves } from '../tasks/task-moves.ts'
import { plainOutput, transactionalOutput, type TaskOutput } from './task-output.ts'
import type { ThreadControls } from './thread-controls.ts'
import { ThreadMetrics } from './thread-metrics.ts'
import { inputEnds, taskMetadata, type TaskMetadata } from './thread-metadata.ts'
import type { CurrentPlan } from '../current-plan.ts'

/** After word that another thread of this process joins, one after the other. */
const joinLooksMs = [30, 120, 350]

export interface ThreadSessionOptions extends ThreadSurroundings {
  readonly settings: RuntimeSettings
  readonly controls: Readonly<ThreadControls>
  readonly identity: ThreadIdentity
  readonly topology: Topology
  readonly plan: CurrentPlan
  /** Of the thread, through all of its sessions. */
  readonly counts: ThreadCounts
  /** Stores that every task may read. */
  readonly globalStores: ReadonlyMap<string, StateStore>
  readonly onProgress: (progress: RestoreProgress) => void
  /** Tasks were given up, or given and are being restored, or all run. */
  readonly onTasks: (state: 'REVOKED' | 'ASSIGNED' | 'RUNNING', taskIds: readonly string[]) => void
  /** @param tasks the thread's, by id */
  readonly onCommitted: (tasks: ReadonlyMap<string, RunningTask>) => void
  readonly countDropped: (count: number) => void
  /** It asks to be let into the group's next generation. */
  readonly onJoining: () => void
  /** Another instance ended the application everywhere. */
  readonly onShutdown: () => void
  readonly onTopics: (matched: ReadonlyMap<string, number>) => void
  readonly onInstances: (instances: readonly InstanceMetadata[], generationId: number) => void
}

/** What a thread that ends in order does about its place in the group, Java's `CloseOptions.GroupMembershipOperation`. */
export type GroupMembershipOperation = 'LEAVE_GROUP' | 'REMAIN_IN_GROUP'

/** Another process has the place of this thread. */
export function isInstanceFenced(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.code === 'MR_KAFKA_INSTANCE_FENCED'
}

/** How often wall-clock punctuators are looked at while nothing comes. */
const idleMs = 50
/** Enough for some tens of ms of work; what lies in memory, and in how many threads, is several times that. */
const fetchMaxBytes = 2_097_152
const maxPartitionFetchBytes = 131_072

export class ThreadSession {
  readonly #options: ThreadSessionOptions
  readonly #output: TaskOutput
  readonly #admin: ClusterAdmin
  readonly #consumer: Consumer
  readonly #collector: OutputCollector
  readonly #restorer: ChangelogRestorer
  readonly #purge: RepartitionPurge
  readonly #bounds: InputBounds
  readonly #moves: TaskMoves
  readonly #rounds: ProcessingRounds
  readonly #desk: QueryDesk
  readonly #threadMetrics: ThreadMetrics
  readonly #metrics: SessionMetrics
  readonly #cache: RecordCache | undefined
  readonly #tasks = new Map<string, RunningTask>()
  readonly #exclusive = new Exclusive()
  readonly #news: Wakeup
  /** The feeder waits here while enough is queued. */
  readonly #room: Wakeup
  #failure: Error | undefined
  #isStopping = false
  /** Other threads of this process join, and this one has begun to look whether the group waits for it. */
  #hasWordOfJoins = false
  #isLooking = false
  #groupMembershipOperation: GroupMembershipOperation = 'LEAVE_GROUP'

  /** @throws KafkaError where the cluster does not answer, or refuses */
  static async open(options: ThreadSessionOptions): Promise<ThreadSession> {
    const { settings, identity, kafka, clock, plan } = options
    const isExact = settings.guarantee === 'exactly_once_v2'
    const output = isExact
      ? await transactionalOutput(
          kafka,
          // By the same name as the member, so that who takes its place ends at once what it left open.
          `${settings.applicationId}-${identity.instanceId ?? identity.processId}-${identity.index}`,
          settings.transactionTimeoutMs,
          clock,
        )
      : await plainOutput(kafka)
    const isolationLevel = isExact ? 'read_committed' : 'read_uncommitted'
    const consumer = await createConsumer({
      ...kafka,
      groupId: settings.applicationId,
      ...(identity.instanceId !== undefined && {
        instanceId: memberInstanceId(identity.instanceId, identity.index),
      }),
      topics: plan.subscription,
      isolationLevel,
      autoOffsetReset: settings.offsetReset,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      metadataMaxAgeMs: settings.metadataMaxAgeMs,
      maxBatchRecords: 1_000,
      maxWaitMs: 100,
      fetchMaxBytes,
      maxPartitionFetchBytes,
      assignors: [
        taskAssignor({
          processId: identity.processId,
          plan,
          rules: settings,
          probingIntervalMs: settings.probingRebalanceIntervalMs,
          state: () => {
            options.onJoining()
            return session.#moves.state()
          },
          onTasks: (tasks) => session.#moves.told(tasks),
          applicationServer: identity.applicationServer,
          onTopics: options.onTopics,
          onInstances: options.onInstances,
          onShutdown: options.onShutdown,
        }),
      ],
      onAssigned: (partitions) => session.#onAssigned(partitions),
      onRevoked: (partitions) => session.#onRevoked(partitions),
      onLost: () => session.#onLost(),
    })
    const changelogReader = await createConsumer({
      ...kafka,
      isolationLevel,
      maxBatchRecords: 5_000,
      fetchMaxBytes,
      maxPartitionFetchBytes,
    })
    const session: ThreadSession = new ThreadSession(options, {
      output,
      admin: await createAdmin(kafka),
      consumer,
      changelogReader,
    })
    return session
  }

  private constructor(
    options: ThreadSessionOptions,
    clients: {
      readonly output: TaskOutput
      readonly admin: ClusterAdmin
      readonly consumer: Consumer
      readonly changelogReader: Consumer
    },
  ) {
    const { clock, plan, settings } = options
    this.#options = options
    this.#output = clients.output
    this.#admin = clients.admin
    this.#consumer = clients.consumer
    this.#news = new Wakeup(clock)
    this.#room = new Wakeup(clock)
    this.#collector = new OutputCollector({
      send: (columns) => this.#output.send(columns),
      partitionCounts: () => plan.partitionCounts,
      nowMs: () => clock.now(),
      tracked: new Set(plan.subtopologies.flatMap(({ changelogs }) => [...changelogs.values()])),
    })
    this.#bounds = new InputBounds({
      consumer: clients.consumer,
      tasks: () => this.#tasks.values(),
      bufferedRecords: settings.bufferedRecords,
      bufferedBytes: settings.bufferedBytes,
    })
    this.#purge = new RepartitionPurge({
      admin: clients.admin,
      clock,
      logger: options.logger,
      topics: plan.repartitionTopics,
      intervalMs: settings.repartitionPurgeIntervalMs,
    })
    this.#restorer = new ChangelogRestorer({
      consumer: clients.changelogReader,
      admin: clients.admin,
      clock,
      logger: options.logger,
      onProgress: options.onProgress,
      onRestored: (task) => this.#onRestored(task),
      onFailure: (error) => this.#fail(error),
    })
    const { cacheMaxBytes } = options.controls
    this.#cache = cacheMaxBytes > 0 ? new RecordCache(cacheMaxBytes) : undefined
    const factory = new TaskFactory({
      ...options,
      collector: this.#collector,
      cache: this.#cache,
      lagOf: (queue) => this.#lagOf(queue),
      onWake: () => this.#news.signal(),
    })
    this.#moves = new TaskMoves(
      {
        ...options,
        consumer: clients.consumer,
        makeTopics: (topics) => makeInternalTopics(clients.admin, topics),
        factory,
        restorer: this.#restorer,
        onFailure: (error) => this.#fail(error),
      },
      this.#tasks,
    )
    this.#threadMetrics = new ThreadMetrics(
      options.meter,
      settings,
      options.identity,
      options.counts,
    )
    this.#metrics = new SessionMetrics({
      ...options,
      applicationId: settings.applicationId,
      threadNumber: options.identity.index + 1,
      tasks: this.#tasks,
      inputLags: () => {
        const endOf = inputEnds(clients.consumer)
        return (task) =>
          taskMetadata(task, endOf).partitions.reduce(
            (sum, { lagRecords }) => sum + (lagRecords ?? 0),
            0,
          )
      },
    })
    this.#rounds = new ProcessingRounds({
      ...options,
      metrics: this.#threadMetrics,
      consumer: clients.consumer,
      output: clients.output,
      collector: this.#collector,
      bounds: this.#bounds,
      purge: this.#purge,
      tasks: this.#tasks,
      group: () => {
        if (this.#failure) throw this.#failure
        return this.#moves.group()
      },
      onProcessed: () => this.#room.signal(),
      isCommitWanted: () => this.#desk.wantsCommit,
    })
    const places = new StorePlaces(options.topology, plan, settings.applicationId)
    this.#desk = new QueryDesk({
      ...options,
      tasks: this.#tasks,
      taskIdOf: (store, partition) => places.taskIdOf(store, partition),
      isCommitted: () =>
        this.#collector.count === 0 &&
        ![...this.#tasks.values()].some(({ needsCommit }) => needsCommit),
      onWaiting: () => this.#news.signal(),
      inputLags: () => {
        const endOf = inputEnds(this.#consumer)
        return (queue) => {
          const end = endOf(queue)
          return end === null ? undefined : Number(end - queue.nextOffset)
        }
      },
    })
  }

  /** The tasks, as of now. */
  get tasks(): ReadonlyMap<string, RunningTask> {
    return this.#tasks
  }

  /** A page of a store that one of the tasks has. @throws StreamsError */
  page(request: PageRequest): Promise<Page> {
    return this.#desk.page(request)
  }

  /** How far the stores of its tasks are behind their changelogs. */
  lags(): readonly StoreLag[] {
    return this.#desk.lags()
  }

  /** What it and its tasks have done. */
  figures(): FiguresOverTime {
    return this.#metrics.figures()
  }

  /** Runs until `stop`, with a last commit then. @throws what ended it; nothing after the last commit has happened then */
  async run(): Promise<void> {
    const feeding = this.#feed().catch((error: unknown) => this.#fail(error))
    try {
      while (!this.#isStopping && !this.#failure) {
        const hasWorked = await this.#exclusive.run(() => this.#round())
        if (this.#rounds.isOutputFull) await this.#rounds.waitForOutput()
        else if (!hasWorked) await this.#news.wait(idleMs)
      }
    } catch (error) {
      this.#fail(error)
    }
    await this.#close(feeding)
    if (this.#failure) throw this.#failure
  }

  /** The controls have changed. */
  adjusted(): void {
    if (this.#cache) this.#cache.maxBytes = this.#options.controls.cacheMaxBytes
    this.#news.signal()
  }

  /**
   * Another thread of this process asks to be let into the group, which waits for all members to ask too; they learn of it by a heartbeat, so
   * one is sent as soon as the request may be there.
   */
  othersJoin(): void {
    this.#hasWordOfJoins = true
    if (!this.#isLooking) void this.#lookForJoins()
  }

  /** The tasks with their places in the input. */
  metadata(): readonly TaskMetadata[] {
    const endOf = inputEnds(this.#consumer)
    return [...this.#tasks.values()].map((task) => taskMetadata(task, endOf))
  }

  stop(operation: GroupMembershipOperation): void {
    this.#groupMembershipOperation = operation
    this.#isStopping = true
    this.#news.signal()
  }

  /** Ends it as a failure: nothing more is committed. */
  abandon(error: Error): void {
    this.#fail(error)
  }

  /** However many join at once, as they do at a start. */
  async #lookForJoins(): Promise<void> {
    this.#isLooking = true
    while (this.#hasWordOfJoins) {
      this.#hasWordOfJoins = false
      for (const inMs of joinLooksMs) {
        await this.#options.clock.sleep(inMs)
        if (!this.#isStopping) this.#consumer.heartbeatNow()
      }
    }
    this.#isLooking = false
  }

  async #close(feeding: Promise<void>): Promise<void> {
    this.#room.signal()
    this.#desk.close()
    try {
      // A member that leaves in order is asked for its partitions first, and commits then.
      const groupMembershipOperation = this.#groupMembershipOperation
      await this.#consumer
        .close({ groupMembershipOperation })
        .catch((error: unknown) => this.#fail(error))
      await feeding
      await this.#restorer.close()
    } catch (error) {
      this.#fail(error)
    } finally {
      try {
        this.#metrics.report()
        this.#moves.closeAll(this.#failure === undefined)
      } catch (error) {
        this.#fail(error)
      }
      this.#metrics.close()
      await this.#output[Symbol.asyncDispose]()
      await this.#purge.close()
      await this.#admin.close()
    }
  }

  /** Batches from the consumer into the tasks' queues. */
  async #feed(): Promise<void> {
    for await (const batch of this.#consumer) {
      const task = this.#taskOf(batch)
      task?.add(batch)
      this.#threadMetrics.polled(batch.length)
      this.#news.signal()
      while (this.#bounds.isFull() && !this.#isStopping && !this.#failure)
        await this.#room.wait(idleMs)
    }
    if (!this.#isStopping && !this.#failure) throw new Error('The consumer ended by itself.')
  }

  async #round(): Promise<boolean> {
    // A batch that the consumer has handed out must be in its queue: in between, its partition would pass for one that is read to its end,
    // and a task that waits for it would go on without (trap 3). Handing over takes microtasks only.
    await setImmediate()
    if (this.#failure) return false
    this.#moves.probeIfDue()
    if (this.#moves.isWaiting) await this.#moves.open()
    const hasWorked = await this.#rounds.round()
    this.#desk.serve()
    this.#metrics.tick()
    return hasWorked
  }

  async #onRevoked(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#change(async () => {
      await this.#rounds.commit()
      this.#bounds.forget(partitions)
      this.#metrics.report()
      this.#moves.revoked(partitions)
    })
  }

  async #onLost(): Promise<void> {
    // At once: a commit under way must not pass for one of a member.
    try {
      this.#moves.lost()
    } catch (error) {
      this.#fail(error)
    }
  }

  async #onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#change(() => {
      // Copies that go elsewhere are closed first.
      this.#metrics.report()
      return this.#moves.assigned(partitions)
    })
  }

  #onRestored(task: RunningTask): void {
    try {
      this.#moves.restored(task)
      this.#news.signal()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Between two rounds of processing. */
  async #change(run: () => Promise<void>): Promise<void> {
    await this.#exclusive.run(async () => {
      if (this.#failure) return
      try {
        await run()
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  #taskOf({ topic, partition }: TopicPartition): RunningTask | undefined {
    const { subtopologies } = this.#options.plan
    for (const [id] of tasksOfShare(subtopologies, [{ topic, partition }]))
      return this.#tasks.get(id)
    return undefined
  }

  #lagOf({ topic, partition }: TopicPartition): number | null {
    const isOwned = this.#consumer
      .assignment()
      .some((row) => row.topic === topic && row.partition === partition)
    return isOwned ? this.#consumer.lagRecords({ topic, partition }) : null
  }

  #fail(error: unknown): void {
    // Whatever broke first, broke by this: to begin anew would take the place back.
    if (!this.#failure || isInstanceFenced(error)) this.#failure = toError(error)
    this.#news.signal()
    this.#room.signal()
  }
}
