/**
 * How tasks come to a stream thread and leave it: given by the group, restored, given up, or lost; and copies of others' tasks, which become
 * tasks, and tasks which become copies. It owns the tasks; whoever calls these methods sees to it that no two run at once, and none beside a
 * round of processing. What goes wrong comes out as an exception.
 *
 * A rebalance leaves alone what stays (KIP-429): `told` by the leader what is to be here, the thread gives up what is not, and gets what is free.
 * What another thread of the process still has open is waited for.
 */
import type { Clock } from '@millrace/core'
import type { Consumer, GroupMetadata, TopicPartition } from '@millrace/kafka'
import { StreamsError } from '../../errors.ts'
import type { ThreadCounts } from '../../metrics/thread-counts.ts'
import type { Topology } from '../../topology/topology.ts'
import type { ChangelogRestorer } from '../state/changelog-restorer.ts'
import { partitionName } from '../partition-name.ts'
import type { RunningTask } from './running-task.ts'
import type { RuntimeSettings, ThreadIdentity } from '../runtime-options.ts'
import { resetsOf, startPositions, type StartPosition } from './start-positions.ts'
import { storedTasks } from '../state/state-directory.ts'
import { tasksOfShare, type MemberState, type MemberTasks } from '../assignment/task-assignor.ts'
import { readTaskPosition } from '../state/task-directory.ts'
import type { TaskFactory } from './task-factory.ts'
import type { CurrentPlan } from '../current-plan.ts'
import type { InternalTopicPlan } from '../topic-plan.ts'

export interface TaskMovesOptions {
  readonly settings: RuntimeSettings
  readonly identity: ThreadIdentity
  readonly clock: Clock
  readonly topology: Topology
  readonly plan: CurrentPlan
  readonly consumer: Consumer
  readonly makeTopics: (topics: readonly InternalTopicPlan[]) => Promise<void>
  readonly factory: TaskFactory
  readonly restorer: ChangelogRestorer
  readonly counts: ThreadCounts
  /** Active tasks were given up, or given and are being restored, or all run. */
  readonly onTasks: (state: 'REVOKED' | 'ASSIGNED' | 'RUNNING', taskIds: readonly string[]) => void
  /** What goes wrong where nobody waits: in a restoration. */
  readonly onFailure: (error: unknown) => void
}

export class TaskMoves {
  readonly #options: TaskMovesOptions
  readonly #tasks: Map<string, RunningTask>
  #target: MemberTasks = { active: [], standby: [], probeInMs: undefined, dealAgain: undefined }
  /** Partitions that the group has given, by task. */
  readonly #owned = new Map<string, TopicPartition[]>()
  /** Something could not be opened yet. */
  #isWaiting = false
  #probeAtMs: number | undefined
  #asks = 0

  /** @param tasks filled and emptied here, read by others */
  constructor(options: TaskMovesOptions, tasks: Map<string, RunningTask>) {
    this.#options = options
    this.#tasks = tasks
  }

  /** The member as it is now. @throws StreamsError `MR_STREAMS_TASK_MIGRATED` where it is none */
  group(): GroupMetadata {
    const group = this.#options.consumer.groupMetadata()
    if (group.generationId < 0) throw migrated([...this.#owned.keys()])
    return group
  }

  /** What the leader is told. */
  state(): MemberState {
    const positions = new Map<string, number>()
    const ends = new Map<string, number>()
    const { stateDirectory } = this.#options.identity
    for (const id of storedTasks(stateDirectory)) {
      const position = readTaskPosition(stateDirectory, id)
      if (position !== undefined) positions.set(id, position)
    }
    for (const task of this.#tasks.values()) {
      if (task.changelogs.length === 0) continue
      positions.set(task.id, Math.max(task.positionSum, positions.get(task.id) ?? 0))
      ends.set(task.id, task.endSum)
    }
    return {
      running: this.#inState('RUNNING'),
      awaiting: this.#target.active.filter((id) => !this.#owned.has(id)),
      standby: [...this.#inState('STANDBY'), ...this.#inState('SUSPENDED')],
      positions,
      ends,
      asks: this.#asks,
    }
  }

  /** What is to be here from this generation on; partitions come and go after it. */
  told(target: MemberTasks): void {
    const { probeInMs, dealAgain } = target
    this.#target = target
    if (dealAgain !== undefined) this.#dealAgain(dealAgain)
    this.#probeAtMs =
      probeInMs === undefined ? undefined : this.#options.clock.monotonicMs() + probeInMs
  }

  /** After a commit: these go to others. */
  revoked(partitions: readonly TopicPartition[]): void {
    const gone = new Set(partitions.map(partitionName))
    for (const [id, owned] of this.#owned) {
      const kept = owned.filter((row) => !gone.has(partitionName(row)))
      if (kept.length === owned.length) continue
      const task = this.#tasks.get(id)
      if (kept.length > 0) {
        if (!this.#readsPatterns(id)) throw torn(id)
        this.#owned.set(id, kept)
        task?.narrow(kept)
        continue
      }
      this.#owned.delete(id)
      if (!task?.isActive) continue
      // A copy has nothing of read-only stores: it begins anew, with what is on disk of the others.
      if (this.#target.standby.includes(id) && task.readOnlyStores.length === 0) task.suspend()
      else this.#close(task)
    }
    this.#options.onTasks('REVOKED', [...this.#owned.keys()])
  }

  /** Others may have the tasks already: what was not committed is theirs to do. @throws StreamsError `MR_STREAMS_TASK_MIGRATED` */
  lost(): void {
    if (this.#owned.size > 0) throw migrated([...this.#owned.keys()])
  }

  /** These come in addition. @throws StreamsError `MR_STREAMS_TASK_MIGRATED` where the group has gone on meanwhile */
  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    this.group()
    const added: [RunningTask, TopicPartition][] = []
    for (const row of partitions)
      for (const id of tasksOfShare(this.#options.plan.subtopologies, [row]).keys()) {
        const task = this.#tasks.get(id)
        if (task?.isActive && !this.#readsPatterns(id)) throw torn(id)
        if (task?.isActive) added.push([task, row])
        this.#owned.set(id, [...(this.#owned.get(id) ?? []), row])
      }
    for (const task of this.#tasks.values())
      if (!task.isActive && !this.#isWanted(task.id)) this.#close(task)
    this.#options.onTasks('ASSIGNED', [...this.#owned.keys()])
    await this.#makeTopics()
    await this.#extend(added)
    await this.open()
    this.#tellIfRunning()
  }

  /** Topics of the application's own that nobody needed before the first topic matched a pattern. */
  async #makeTopics(): Promise<void> {
    const { plan, makeTopics } = this.#options
    const { unmade } = plan
    if (unmade.length === 0) return
    await makeTopics(unmade)
    plan.noteMade(unmade)
    if (unmade.some(({ name }) => plan.repartitionTopics.has(name)))
      this.#dealAgain('a repartition topic was made')
  }

  /** Topics that have come to match are read beside what the tasks have. */
  async #extend(added: readonly (readonly [RunningTask, TopicPartition])[]): Promise<void> {
    const positions = await this.#startPositions(added.map(([, row]) => row))
    for (const [task, row] of added)
      task.extend(positions.filter((each) => partitionName(each) === partitionName(row)))
  }

  #readsPatterns(id: string): boolean {
    const [subtopologyId] = id.split('_').map(Number)
    const { subtopologies } = this.#options.plan
    const found = subtopologies.find((each) => each.id === subtopologyId)
    return found !== undefined && found.patterns.length > 0
  }

  /** Whether `open` may find more to do than the last time. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** Opens what is to be here and free. */
  async open(): Promise<void> {
    this.#isWaiting = false
    const copies = this.#target.standby.filter(
      (id) => !this.#owned.has(id) && this.#tasks.get(id)?.state !== 'STANDBY',
    )
    const followers = copies.flatMap((id) => this.#opened(id) ?? [])
    const added = [...this.#owned.keys()]
      .filter((id) => !this.#tasks.get(id)?.isActive)
      .flatMap((id) => this.#opened(id) ?? [])
    await this.#activate(added)
    const { restorer, onFailure } = this.#options
    // Not awaited by the group: restoring may take longer than a rebalance.
    restorer.restore(added).catch(onFailure)
    restorer.follow(followers).catch(onFailure)
  }

  /** Asks the group to deal out again, where the leader wanted it by now: copies may have warmed up. */
  probeIfDue(): void {
    if (this.#probeAtMs === undefined || this.#options.clock.monotonicMs() < this.#probeAtMs) return
    this.#probeAtMs = undefined
    this.#dealAgain('copies that are warming up may have caught up')
  }

  #dealAgain(reason: string): void {
    this.#asks++
    this.#options.consumer.enforceRebalance(reason)
  }

  /** The stores of a task are where they must be: it runs. */
  restored(task: RunningTask): void {
    task.task.initOperators()
    task.state = 'RUNNING'
    this.#tellIfRunning()
  }

  /** All of them end. @param isClean false: what the stores have not committed is dropped, and so is what closing them says */
  closeAll(isClean: boolean): void {
    const errors: unknown[] = []
    this.#options.counts.tasksClosed += this.#tasks.size
    for (const task of this.#tasks.values())
      try {
        task.close(isClean)
      } catch (error) {
        errors.push(error)
      }
    this.#tasks.clear()
    this.#owned.clear()
    if (errors.length > 0) throw errors[0]
  }

  #opened(id: string): RunningTask | undefined {
    const present = this.#tasks.get(id)
    if (present) return present
    const task = this.#options.factory.create(id)
    if (!task) {
      this.#isWaiting = true
      return undefined
    }
    this.#tasks.set(id, task)
    this.#options.counts.tasksCreated++
    return task
  }

  /** Input begins at what the group has committed. */
  async #activate(tasks: readonly RunningTask[]): Promise<void> {
    const positions = await this.#startPositions(
      tasks.flatMap(({ id }) => this.#owned.get(id) ?? []),
    )
    for (const task of tasks) {
      const own = this.#owned.get(task.id) ?? []
      task.activate(
        positions.filter(({ topic, partition }) =>
          own.some((row) => row.topic === topic && row.partition === partition),
        ),
      )
    }
  }

  /** The consumer goes on there too. */
  async #startPositions(partitions: readonly TopicPartition[]): Promise<readonly StartPosition[]> {
    if (partitions.length === 0) return []
    const { topology, settings, consumer, clock } = this.#options
    const resets = resetsOf(topology, settings.applicationId, settings.offsetReset)
    const positions = await startPositions(consumer, partitions, resets, clock.now())
    for (const position of positions) consumer.seek(position)
    return positions
  }

  /** A copy of a task that is to come is what the task will begin with. */
  #isWanted(id: string): boolean {
    const { active, standby } = this.#target
    return this.#owned.has(id) || active.includes(id) || standby.includes(id)
  }

  #close(task: RunningTask): void {
    this.#options.restorer.drop(task)
    this.#tasks.delete(task.id)
    this.#options.counts.tasksClosed++
    task.close(true)
  }

  #inState(state: RunningTask['state']): readonly string[] {
    return [...this.#tasks.values()].filter((task) => task.state === state).map(({ id }) => id)
  }

  #tellIfRunning(): void {
    const running = this.#inState('RUNNING')
    if ([...this.#owned.keys()].every((id) => running.includes(id)))
      this.#options.onTasks('RUNNING', running)
  }
}

/** The leader did not see all topics for a moment, or does not any more. */
function torn(taskId: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_TASK_MIGRATED',
    `Some partitions of task ${taskId} came or went without the others. The thread joins again, to have all of them or none; if this goes on, see whether a source topic was deleted.`,
    { taskIds: [taskId] },
  )
}

function migrated(taskIds: readonly string[]): StreamsError {
  return new StreamsError(
    'MR_STREAMS_TASK_MIGRATED',
    'The group went on without this thread, which was stopped or cut off for longer than sessionTimeoutMs; its tasks are with others. It joins again.',
    { taskIds },
  )
}
