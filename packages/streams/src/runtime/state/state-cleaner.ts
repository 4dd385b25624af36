/** Removes what tasks that have moved away left on disk. */
import type { Clock, Logger, Timer } from '@millrace/core'
import { removeTask, storedTasks } from './state-directory.ts'
import { lockedTasks, TaskDirectory } from './task-directory.ts'

export interface StateCleanerOptions {
  /** `<stateDir>/<applicationId>` */
  readonly path: string
  /** How long the state of a task that no thread of this process has is kept, ms. */
  readonly delayMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Tasks that threads of this process have, standbys among them; undefined where that cannot be told just now. */
  readonly tasksInUse: () => Promise<ReadonlySet<string> | undefined>
}

/** In place of a thread's index. */
const noThread = -1
/** Most time between two looks. */
const lookMs = 60_000

/**
 * Kafka Streams' cleaner of its `StateDirectory`: state that comes to be used again within the delay is kept for the sake of a task that
 * only visits elsewhere. The delay begins anew with the process.
 */
export class StateCleaner {
  readonly #options: StateCleanerOptions
  /** Since when tasks with state are not in use, by task. */
  readonly #unusedSinceMs = new Map<string, number>()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor(options: StateCleanerOptions) {
    this.#options = options
    this.#schedule()
  }

  /** Resolves once it does nothing more. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #schedule(): void {
    if (this.#isClosed) return
    const { clock, delayMs, logger } = this.#options
    this.#timer = clock.setTimer(Math.min(lookMs, delayMs), () => {
      this.#looking = this.#look()
        .catch((error: unknown) => logger.warn('old state could not be removed', { error }))
        .finally(() => this.#schedule())
    })
  }

  async #look(): Promise<void> {
    const { path, delayMs, clock, logger } = this.#options
    const inUse = await this.#options.tasksInUse()
    if (!inUse || this.#isClosed) return
    const open = lockedTasks(path)
    const unused = storedTasks(path).filter(
      (taskId) => !inUse.has(taskId) && !open.includes(taskId),
    )
    for (const taskId of this.#unusedSinceMs.keys())
      if (!unused.includes(taskId)) this.#unusedSinceMs.delete(taskId)
    const nowMs = clock.monotonicMs()
    for (const taskId of unused) {
      const sinceMs = this.#unusedSinceMs.get(taskId) ?? nowMs
      this.#unusedSinceMs.set(taskId, sinceMs)
      if (nowMs - sinceMs < delayMs) continue
      // Nobody opens it meanwhile.
      const directory = TaskDirectory.open(path, taskId, noThread)
      if (!directory) continue
      try {
        removeTask(path, taskId)
      } finally {
        directory.close()
      }
      this.#unusedSinceMs.delete(taskId)
      logger.info('the state of a task that has moved away is removed', {
        taskId,
        unusedMs: Math.round(nowMs - sinceMs),
      })
    }
  }
}
