import { join } from 'node:path'
import { StreamTask } from '../../task/stream-task.ts'
import type { RecordCache } from '../../state/record-cache.ts'
import type { StateStore } from '../../state/store.ts'
import type { Topology } from '../../topology/topology.ts'
import type { RecordCollector } from '../../task/stream-task.ts'
import { openTaskEnvironment } from '../../state/lmdb-environment.ts'
import { RunningTask } from './running-task.ts'
import type { LagOf } from './input-order.ts'
import type { RuntimeSettings, ThreadIdentity, ThreadSurroundings } from '../runtime-options.ts'
import { TaskDirectory } from '../state/task-directory.ts'
import type { TopicPlan } from '../topic-plan.ts'
import { StreamsError } from '../../errors.ts'

export interface TaskFactoryOptions extends ThreadSurroundings {
  readonly settings: RuntimeSettings
  readonly identity: ThreadIdentity
  readonly topology: Topology
  readonly plan: TopicPlan
  readonly globalStores: ReadonlyMap<string, StateStore>
  readonly collector: RecordCollector
  /** Shared by the tasks of the thread. */
  readonly cache: RecordCache | undefined
  readonly lagOf: LagOf
  /** A task has something to do though no record came. */
  readonly onWake: () => void
  readonly countDropped: (count: number) => void
}

/** Makes the tasks of a thread. */
export class TaskFactory {
  readonly #options: TaskFactoryOptions

  constructor(options: TaskFactoryOptions) {
    this.#options = options
  }

  /**
   * A task whose stores are open and not restored, and whose operators have not begun; undefined while another thread of this process has its
   * state.
   * @throws StreamsError `MR_STREAMS_PARTITION_MISMATCH`
   */
  create(id: string): RunningTask | undefined {
    const { topology, plan, settings, identity, collector, clock, logger } = this.#options
    const [subtopologyId, partition] = id.split('_').map(Number) as [number, number]
    const subtopology = plan.subtopologies.find((each) => each.id === subtopologyId)
    if (!subtopology || partition >= subtopology.taskCount)
      throw new StreamsError(
        'MR_STREAMS_PARTITION_MISMATCH',
        `Task ${id} was assigned, and there were ${subtopology?.taskCount ?? 0} partitions when this thread started. A source topic was given more: its state lies by the old count, so reset the application or go back.`,
        { taskId: id },
      )
    const isStateful = subtopology.changelogs.size > 0
    const directory = isStateful
      ? TaskDirectory.open(identity.stateDirectory, id, identity.index)
      : undefined
    if (isStateful && !directory) return undefined
    const environment = openTaskEnvironment({
      directory: join(identity.stateDirectory, id),
      taskId: id,
      clock,
      logger,
    })
    const task = new StreamTask({
      ...this.#options.errorHandling,
      applicationId: settings.applicationId,
      taskId: id,
      partition,
      topology,
      nodes: subtopology.nodes,
      collector,
      clock,
      environment,
      globalStores: this.#options.globalStores,
      ...(this.#options.cache && { cache: this.#options.cache }),
      countDropped: this.#options.countDropped,
      onWake: this.#options.onWake,
      isAtomic: settings.guarantee === 'exactly_once_v2',
    })
    const running = new RunningTask({
      task,
      changelogs: [...subtopology.changelogs].map(([store, topic]) => ({
        store,
        topic,
        partition,
        ...(subtopology.sourceLogged.has(store) && { isSource: true }),
      })),
      environment,
      directory,
      maxTaskIdleMs: settings.maxTaskIdleMs,
      lagOf: this.#options.lagOf,
    })
    try {
      task.initStores()
    } catch (error) {
      running.close(false)
      throw error
    }
    return running
  }
}
