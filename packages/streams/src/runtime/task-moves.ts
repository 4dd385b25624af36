/**
 * How tasks come to a stream thread and leave it: given by the group, restored, given up, or lost. It owns the tasks; whoever calls these
 * methods sees to it that no two run at once, and none beside a round of processing. What goes wrong comes out as an exception.
 */
import type { Consumer, GroupMetadata, TopicPartition } from '@millrace/kafka'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../topology/topology.ts'
import type { ChangelogRestorer } from './changelog-restorer.ts'
import type { RunningTask } from './running-task.ts'
import type { RuntimeSettings } from './runtime-options.ts'
import { resetsOf, startPositions } from './start-positions.ts'
import { tasksOfShare } from './task-assignor.ts'
import type { TaskFactory } from './task-factory.ts'
import type { TopicPlan } from './topic-plan.ts'

export interface TaskMovesOptions {
  readonly settings: RuntimeSettings
  readonly topology: Topology
  readonly plan: TopicPlan
  readonly consumer: Consumer
  readonly factory: TaskFactory
  readonly restorer: ChangelogRestorer
  /** Tasks were given up, or given and are being restored, or all run. */
  readonly onTasks: (state: 'REVOKED' | 'ASSIGNED' | 'RUNNING', taskIds: readonly string[]) => void
  /** What goes wrong where nobody waits: in a restoration. */
  readonly onFailure: (error: unknown) => void
}

export class TaskMoves {
  readonly #options: TaskMovesOptions
  readonly #tasks: Map<string, RunningTask>
  #group: GroupMetadata

  /** @param tasks filled and emptied here, read by others */
  constructor(options: TaskMovesOptions, tasks: Map<string, RunningTask>) {
    this.#options = options
    this.#tasks = tasks
    this.#group = { groupId: options.settings.applicationId }
  }

  /** The member that was given the tasks. */
  get group(): GroupMetadata {
    return this.#group
  }

  /** After a commit: everything is given up before a rebalance; the tasks are kept for the case that they come back. */
  revoked(): void {
    for (const task of this.#tasks.values()) {
      if (task.state === 'RESTORING') {
        this.#options.restorer.drop(task)
        task.close(true)
        this.#tasks.delete(task.id)
      } else {
        task.state = 'SUSPENDED'
        task.begin([])
      }
    }
    this.#options.onTasks('REVOKED', [])
  }

  /** Others may have the tasks already: what was not committed is theirs to do. @throws StreamsError `MR_STREAMS_TASK_MIGRATED` */
  lost(): void {
    if (this.#tasks.size > 0) throw migrated([...this.#tasks.keys()])
  }

  /** @throws StreamsError `MR_STREAMS_TASK_MIGRATED` where the group has gone on meanwhile */
  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const { plan, topology, settings, consumer, restorer } = this.#options
    const group = consumer.groupMetadata()
    if (group.generationId < 0) throw migrated([...this.#tasks.keys()])
    this.#group = group
    const assigned = tasksOfShare(plan.subtopologies, partitions)
    for (const task of this.#tasks.values())
      if (!assigned.has(task.id)) {
        task.close(true)
        this.#tasks.delete(task.id)
      }
    this.#options.onTasks('ASSIGNED', [...assigned.keys()])
    const resets = resetsOf(topology, settings.applicationId, settings.offsetReset)
    const positions = await startPositions(consumer, partitions, resets)
    for (const position of positions) consumer.seek(position)
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
      const task = this.#options.factory.create(subtopology, partition, own)
      this.#tasks.set(id, task)
      added.push(task)
    }
    // Not awaited by the group: restoring may take longer than a rebalance.
    restorer.begin(added).catch(this.#options.onFailure)
    if (added.length === 0) this.#tellIfRunning()
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
    for (const task of this.#tasks.values())
      try {
        task.close(isClean)
      } catch (error) {
        errors.push(error)
      }
    this.#tasks.clear()
    if (errors.length > 0) throw errors[0]
  }

  #tellIfRunning(): void {
    const tasks = [...this.#tasks.values()]
    if (tasks.every(({ state }) => state === 'RUNNING'))
      this.#options.onTasks('RUNNING', [...this.#tasks.keys()])
  }
}

function migrated(taskIds: readonly string[]): StreamsError {
  return new StreamsError(
    'MR_STREAMS_TASK_MIGRATED',
    'The group went on without this thread, which was stopped or cut off for longer than sessionTimeoutMs; its tasks are with others. It joins again.',
    { taskIds },
  )
}
