import { backoffMs, type Clock, type Logger } from '@millrace/core'
import { isTransientPostgresError, type Database } from '@millrace/postgres'
import { isFenced, isMissingPartition } from './batch-faults.ts'
import { labelsOf, placeOf, type BatchJob } from './batch-job.ts'
import type { Counts, Instruments } from './instruments.ts'
import type { LogPartitions } from './partitions.ts'
import { lowerGeneration, type PositionStatements } from './sql/position.ts'

/** Waits of a batch while infrastructure is away. */
const transientBackoff = { baseMs: 50, maxMs: 2_000 }

export interface PatienceOptions {
  readonly database: Database
  readonly position: PositionStatements
  readonly partitions: LogPartitions
  readonly isTransient: (error: unknown) => boolean
  /** Told when a job's wait for infrastructure begins and ends. */
  readonly onWaiting: (job: BatchJob, isWaiting: boolean) => void
  readonly instruments: Instruments
  readonly counts: Counts
  readonly logger: Logger
  readonly clock: Clock
}

/** Waits out what is no event's fault, as long as the partition is ours. */
export class Patience {
  readonly #options: PatienceOptions

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  /**
   * Does something that must be done before the partition can go on: again and again with backoff while `isRetryable`, until it
   * is done or the job is stopped.
   * @throws what `isRetryable` refuses; the signal's reason; `MR_INBOX_FENCED` when the partition is no longer ours
   */
  async persist<T>(
    job: BatchJob,
    work: () => Promise<T>,
    isRetryable: (error: unknown) => boolean = () => true,
  ): Promise<T> {
    const { clock, counts, instruments, logger, onWaiting, partitions } = this.#options
    for (let tries = 1; ; tries++) {
      try {
        await partitions.ensure(job.deliveries)
        const result = await work()
        if (tries > 1) onWaiting(job, false)
        return result
      } catch (error) {
        job.signal.throwIfAborted()
        if (isFenced(error)) {
          await this.#takeOver(job, error)
          continue
        }
        if (isMissingPartition(error)) partitions.forget()
        else if (!isRetryable(error)) throw error
        counts.transientRetries++
        instruments.transientRetries.add(1, labelsOf(job))
        if (tries === 1 || tries % 20 === 0)
          logger.warn('A batch waits and is tried again', { ...placeOf(job), tries, error })
        onWaiting(job, true)
        await clock.sleep(backoffMs(tries, transientBackoff), job.signal)
      }
    }
  }

  /** The stored generation is newer than ours. Either we are a leftover, or the broker forgot the group and counts anew. */
  async #takeOver(job: BatchJob, error: unknown): Promise<void> {
    const { database, position, clock, logger } = this.#options
    for (let tries = 1; ; tries++) {
      try {
        if (!(await job.confirmOwnership())) throw error
        await lowerGeneration(database, position, job.at, job.generation)
        logger.warn('The group counts its generations anew; the position was taken over', {
          ...placeOf(job),
          generation: job.generation,
        })
        return
      } catch (fault) {
        if (isFenced(fault)) throw fault
        await clock.sleep(backoffMs(tries, transientBackoff), job.signal)
      }
    }
  }

  /** True for errors that are no event's fault: Postgres or other infrastructure is away, wherever in the chain of causes it says so. */
  isTransient(error: unknown): boolean {
    for (let cause = error, depth = 0; cause instanceof Error && depth < 5; depth++) {
      if (isTransientPostgresError(cause) || this.#options.isTransient(cause)) return true
      cause = cause.cause
    }
    return false
  }
}
