/**
 * One stream thread from joining the group until it ends or has to begin anew: its consumer, its producer and its tasks.
 *
 * What may change tasks runs one piece at a time through `#exclusive`: a round of processing, a commit, partitions coming and going. A round
 * is synchronous, so between two awaits nothing of a task is half done.
 *
 * After a failure everything is closed as it stands, nothing is committed, and the thread begins a new session: stores go back to their last
 * commit, reading to the committed offsets.
 *
 * One file, since all of it moves the same few tasks between the same states; what can be told apart (input order and bounds, restoring,
 * output, assignment) is in files of its own.
 */
import { toError, Wakeup } from '@millrace/core'
import {
  createAdmin,
  createConsumer,
  type ClusterAdmin,
  type Consumer,
  type GroupMetadata,
  type TopicPartition,
} from '@millrace/kafka'
import { setImmediate } from 'node:timers/promises'
import { StreamsError } from '../errors.ts'
import { RecordCache } from '../state/record-cache.ts'
import type { StateStore } from '../state/store.ts'
import type { Topology } from '../topology/topology.ts'
import { ChangelogRestorer, type RestoreProgress } from './changelog-restorer.ts'
import { Exclusive } from './exclusive.ts'
import { InputBounds } from './input-bounds.ts'
import { OutputCollector } from './output-collector.ts'
import type { RunningTask } from './running-task.ts'
import type { RuntimeSettings, ThreadIdentity, ThreadSurroundings } from './runtime-options.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { resetsOf, startPositions } from './start-positions.ts'
import { storedTasks } from './state-directory.ts'
import { taskAssignor, tasksOfShare } from './task-assignor.ts'
import { TaskFactory } from './task-factory.ts'
import { plainOutput, transactionalOutput, type TaskOutput } from './task-output.ts'
import type { TopicPlan } from './topic-plan.ts'

export interface ThreadSessionOptions extends ThreadSurroundings {
  readonly settings: RuntimeSettings
  readonly identity: ThreadIdentity
  readonly topology: Topology
  readonly plan: TopicPlan
  /** Stores that every task may read. */
  readonly globalStores: ReadonlyMap<string, StateStore>
  readonly onProgress: (progress: RestoreProgress) => void
  /** Tasks were given up, or given and are being restored, or all run. */
  readonly onTasks: (state: 'REVOKED' | 'ASSIGNED' | 'RUNNING', taskIds: readonly string[]) => void
  readonly onCommitted: () => void
  readonly countDropped: (count: number) => void
}

/** Longest that records are processed before the event loop has its turn: fetches, acknowledgements and heartbeats wait for it. */
const roundMs = 10
const recordsPerTurn = 256
/** Sent and not acknowledged; above it processing waits. */
const waitingMaxBytes = 16_777_216
/** How often wall-clock punctuators are looked at while nothing comes. */
const idleMs = 50

export class ThreadSession {
  readonly #options: ThreadSessionOptions
  readonly #output: TaskOutput
  readonly #admin: ClusterAdmin
  readonly #consumer: Consumer
  readonly #collector: OutputCollector
  readonly #restorer: ChangelogRestorer
  readonly #purge: RepartitionPurge
  readonly #bounds: InputBounds
  readonly #factory: TaskFactory
  readonly #tasks = new Map<string, RunningTask>()
  readonly #exclusive = new Exclusive()
  readonly #news: Wakeup
  /** The feeder waits here while enough is queued. */
  readonly #room: Wakeup
  #lastCommitMs: number
  /** The member that was given the tasks. */
  #group: GroupMetadata
  #failure: Error | undefined
  #isStopping = false

  /** @throws KafkaError where the cluster does not answer, or refuses */
  static async open(options: ThreadSessionOptions): Promise<ThreadSession> {
    const { settings, identity, kafka, clock, plan } = options
    const isExact = settings.guarantee === 'exactly_once_v2'
    const output = isExact
      ? await transactionalOutput(
          kafka,
          `${settings.applicationId}-${identity.processId}-${identity.index}`,
          settings.transactionTimeoutMs,
          clock,
        )
      : await plainOutput(kafka)
    const isolationLevel = isExact ? 'read_committed' : 'read_uncommitted'
    const consumer = await createConsumer({
      ...kafka,
      groupId: settings.applicationId,
      topics: [...new Set(plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics))],
      isolationLevel,
      autoOffsetReset: settings.offsetReset,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      maxBatchRecords: 1_000,
      maxWaitMs: 100,
      assignors: [
        taskAssignor({
          processId: identity.processId,
          subtopologies: plan.subtopologies,
          running: () => [...session.#tasks.keys()],
          // How far each goes is not known without opening it; that there is some is enough to prefer this process.
          stored: () => new Map(storedTasks(identity.stateDirectory).map((id) => [id, 0])),
        }),
      ],
      onAssigned: (partitions) => session.#onAssigned(partitions),
      onRevoked: () => session.#onRevoked(),
      onLost: () => session.#onLost(),
    })
    const changelogReader = await createConsumer({
      ...kafka,
      isolationLevel,
      maxBatchRecords: 5_000,
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
    this.#lastCommitMs = clock.monotonicMs()
    this.#group = { groupId: settings.applicationId }
    this.#collector = new OutputCollector({
      send: (columns) => this.#output.send(columns),
      partitionCounts: plan.partitionCounts,
      nowMs: () => clock.now(),
      tracked: new Set(plan.subtopologies.flatMap(({ changelogs }) => [...changelogs.values()])),
    })
    this.#bounds = new InputBounds({
      consumer: clients.consumer,
      tasks: () => this.#tasks.values(),
      bufferedRecords: settings.bufferedRecords,
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
    this.#factory = new TaskFactory({
      ...options,
      collector: this.#collector,
      cache: settings.cacheMaxBytes > 0 ? new RecordCache(settings.cacheMaxBytes) : undefined,
      lagOf: (queue) => this.#lagOf(queue),
    })
  }

  /** The tasks, as of now. */
  get tasks(): ReadonlyMap<string, RunningTask> {
    return this.#tasks
  }

  /** Runs until `stop`, with a last commit then. @throws what ended it; nothing after the last commit has happened then */
  async run(): Promise<void> {
    const feeding = this.#feed().catch((error: unknown) => this.#fail(error))
    try {
      while (!this.#isStopping && !this.#failure) {
        const hasWorked = await this.#exclusive.run(() => this.#round())
        if (this.#collector.waitingBytes > waitingMaxBytes)
          await this.#collector.waitForRoom(waitingMaxBytes / 2)
        else if (hasWorked) await setImmediate()
        else await this.#news.wait(idleMs)
      }
    } catch (error) {
      this.#fail(error)
    }
    await this.#close(feeding)
    if (this.#failure) throw this.#failure
  }

  stop(): void {
    this.#isStopping = true
    this.#news.signal()
  }

  /** Ends it as a failure: nothing more is committed. */
  abandon(error: Error): void {
    this.#fail(error)
  }

  async #close(feeding: Promise<void>): Promise<void> {
    this.#room.signal()
    try {
      // A member that leaves in order is asked for its partitions first, and commits then.
      await this.#consumer.close()
      await feeding
      await this.#restorer.close()
    } catch (error) {
      this.#fail(error)
    } finally {
      for (const task of this.#tasks.values()) this.#closeTask(task, this.#failure === undefined)
      this.#tasks.clear()
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
      this.#news.signal()
      while (this.#bounds.isFull() && !this.#isStopping && !this.#failure)
        await this.#room.wait(idleMs)
    }
    if (!this.#isStopping && !this.#failure) throw new Error('The consumer ended by itself.')
  }

  /** Processes what is there for a while, and commits when it is time. Returns whether there was something. */
  async #round(): Promise<boolean> {
    if (this.#failure) return false
    const { clock, settings } = this.#options
    const hasWorked = this.#process()
    this.#collector.handOver()
    this.#collector.throwIfFailed()
    this.#bounds.resumeDrained()
    this.#room.signal()
    const isDue = clock.monotonicMs() - this.#lastCommitMs >= settings.commitIntervalMs
    if (isDue || this.#wantsCommit()) await this.#commit()
    return hasWorked
  }

  /** A processor asked for it, or too much state waits in memory. */
  #wantsCommit(): boolean {
    let waitingBytes = 0
    for (const { task, environment } of this.#tasks.values()) {
      if (task.wantsCommit) return true
      waitingBytes += environment.bufferedBytes
    }
    return waitingBytes > this.#options.settings.stateBufferBytes
  }

  #process(): boolean {
    const { clock } = this.#options
    const running = this.#running()
    const untilMs = clock.monotonicMs() + roundMs
    let hasWorked = false
    for (const task of running) if (task.task.punctuateWallClock()) hasWorked = true
    for (let isBusy = true; isBusy && clock.monotonicMs() < untilMs;) {
      isBusy = false
      for (const task of running) {
        if (task.process(recordsPerTurn, clock.monotonicMs()) === 0) continue
        isBusy = hasWorked = true
        if (task.task.wantsCommit) return true
      }
      if (this.#collector.waitingBytes > waitingMaxBytes) break
    }
    return hasWorked
  }

  /** Trap 37: what stores hold back goes out, all of it is acknowledged, then the offsets, then the state on disk. */
  async #commit(): Promise<void> {
    const { clock } = this.#options
    const running = this.#running()
    this.#lastCommitMs = clock.monotonicMs()
    const hasTaken = running.some(({ needsCommit }) => needsCommit)
    for (const { task } of running) task.flush()
    if (!hasTaken && this.#collector.count === 0) return
    await this.#collector.flush()
    // Also those that did not move: an offset is what the broker refuses to members that have lost their place (trap 38).
    const offsets = running.flatMap((task) => task.offsetsToCommit())
    // Lost while the brokers took the records.
    if (this.#failure) throw this.#failure
    await this.#output.commit(offsets, { consumer: this.#consumer, group: this.#group })
    for (const task of running)
      task.committed(({ topic, partition }) => this.#collector.endOf(topic, partition))
    this.#lastCommitMs = clock.monotonicMs()
    this.#purge.committed(offsets)
    this.#options.onCommitted()
  }

  #running(): readonly RunningTask[] {
    return [...this.#tasks.values()].filter(({ state }) => state === 'RUNNING')
  }

  /** Everything is given up before a rebalance; the tasks are kept for the case that they come back. */
  async #onRevoked(): Promise<void> {
    await this.#exclusive.run(async () => {
      if (this.#failure) return
      try {
        await this.#commit()
        this.#bounds.forget()
        for (const task of this.#tasks.values()) {
          if (task.state === 'RESTORING') {
            this.#restorer.drop(task)
            this.#closeTask(task, true)
            this.#tasks.delete(task.id)
          } else {
            task.state = 'SUSPENDED'
            task.begin([])
          }
        }
        this.#options.onTasks('REVOKED', [])
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  /** Others may have the tasks already: what was not committed is theirs to do. */
  async #onLost(): Promise<void> {
    if (this.#tasks.size === 0) return
    this.#fail(migrated([...this.#tasks.keys()]))
  }

  async #onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#exclusive.run(async () => {
      if (this.#failure) return
      try {
        await this.#takeOver(partitions)
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  async #takeOver(partitions: readonly TopicPartition[]): Promise<void> {
    const { plan, topology, settings } = this.#options
    const group = this.#consumer.groupMetadata()
    if (group.generationId < 0) throw migrated([...this.#tasks.keys()])
    this.#group = group
    const assigned = tasksOfShare(plan.subtopologies, partitions)
    for (const task of this.#tasks.values())
      if (!assigned.has(task.id)) {
        this.#closeTask(task, true)
        this.#tasks.delete(task.id)
      }
    this.#options.onTasks('ASSIGNED', [...assigned.keys()])
    const resets = resetsOf(topology, settings.applicationId, settings.offsetReset)
    const positions = await startPositions(this.#consumer, partitions, resets)
    for (const position of positions) this.#consumer.seek(position)
    const added: RunningTask[] = []
    for (const [id, { subtopology, partition }] of assigned) {
      const own = positions.filter(
        (row) =>
          row.partition === partition &&
          plan.subtopologies
            .find((each) => each.id === subtopology)
            ?.sourceTopics.includes(row.topic),
      )
      const present = this.#tasks.get(id)
      if (present) {
        present.begin(own)
        present.state = 'RUNNING'
        continue
      }
      const task = this.#factory.create(subtopology, partition, own)
      this.#tasks.set(id, task)
      added.push(task)
    }
    // Not awaited by the group: restoring may take longer than a rebalance.
    this.#restorer.begin(added).catch((error: unknown) => this.#fail(error))
    if (added.length === 0) this.#tellIfRunning()
  }

  #onRestored(task: RunningTask): void {
    try {
      task.task.initOperators()
      task.state = 'RUNNING'
      this.#tellIfRunning()
      this.#news.signal()
    } catch (error) {
      this.#fail(error)
    }
  }

  #tellIfRunning(): void {
    const tasks = [...this.#tasks.values()]
    if (tasks.every(({ state }) => state === 'RUNNING'))
      this.#options.onTasks('RUNNING', [...this.#tasks.keys()])
  }

  #closeTask(task: RunningTask, isClean: boolean): void {
    try {
      task.close(isClean)
    } catch (error) {
      this.#fail(error)
    }
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
    this.#failure ??= toError(error)
    this.#news.signal()
    this.#room.signal()
  }
}

function migrated(taskIds: readonly string[]): StreamsError {
  return new StreamsError(
    'MR_STREAMS_TASK_MIGRATED',
    'The group went on without this thread, which was stopped or cut off for longer than sessionTimeoutMs; its tasks are with others. It joins again.',
    { taskIds },
  )
}
