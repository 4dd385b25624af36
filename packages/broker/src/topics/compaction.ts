import { toError, type Timer } from '@millrace/core'
import { limits } from '../limits.ts'
import { LogCleaner, type CleanerContext, type CleanPlan } from '../log/log-cleaner.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Topic } from './topic.ts'

/** What a compaction on demand has done. */
export interface CompactionResult {
  /** Partitions that had something to compact. */
  readonly partitionCount: number
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/**
 * Compacts the logs of topics with `cleanup.policy=compact`, one at a time and the dirtiest first (Kafka: LogCleanerManager): on its
 * own every `limits.cleanerIntervalMs` where enough is dirty, and on demand.
 */
export class Compaction {
  readonly #topics: () => Iterable<Topic>
  readonly #context: CleanerContext
  readonly #cleaners = new WeakMap<PartitionLog, LogCleaner>()
  readonly #stopped = new AbortController()
  /** The run that is going on; the next one waits for it. */
  #running: Promise<unknown> = Promise.resolve()
  #isBusy = false
  #timer: Timer | undefined

  constructor(topics: () => Iterable<Topic>, context: CleanerContext) {
    this.#topics = topics
    this.#context = context
  }

  start(): void {
    this.#timer = this.#context.clock.setTimer(limits.cleanerIntervalMs, () => {
      this.start()
      if (!this.#isBusy) void this.#enqueue(() => this.#compactDirty())
    })
  }

  /** Compacts every compacted topic now, whatever its dirty ratio, up to the last stable offset: active segments are closed for it. */
  compactNow(): Promise<CompactionResult> {
    return this.#enqueue(async () => {
      let partitionCount = 0
      let bytesBefore = 0
      let bytesAfter = 0
      for (const { topic, log } of this.#logs()) {
        if (this.#stopped.signal.aborted || log.failure !== undefined) continue
        log.roll()
        const before = log.sizeBytes
        if (!(await this.#compactAll(topic, log))) continue
        partitionCount++
        bytesBefore += before
        bytesAfter += log.sizeBytes
      }
      return { partitionCount, bytesBefore, bytesAfter }
    })
  }

  /** Ends what is going on, with nothing lost. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#stopped.abort()
    await this.#running
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#running.then(async () => {
      this.#isBusy = true
      try {
        return await run()
      } finally {
        this.#isBusy = false
      }
    })
    this.#running = result.catch(() => {})
    return result
  }

  /** The dirtiest log that is dirty enough, until there is none. */
  async #compactDirty(): Promise<void> {
    const done = new Set<PartitionLog>()
    while (!this.#stopped.signal.aborted) {
      let dirtiest: { topic: Topic; log: PartitionLog; plan: CleanPlan } | undefined
      for (const { topic, log } of this.#logs()) {
        if (done.has(log) || log.failure !== undefined) continue
        const plan = this.#cleanerOf(log).plan(topic.settings)
        if (plan === undefined) continue
        const isDue = plan.isOverdue || isDirtyEnough(plan, topic)
        if (isDue && (dirtiest === undefined || plan.dirtyRatio > dirtiest.plan.dirtyRatio))
          dirtiest = { topic, log, plan }
      }
      if (dirtiest === undefined) return
      const { topic, log, plan } = dirtiest
      // Once a round: what does not fit in memory at once is left to the next.
      done.add(log)
      await this.#clean(topic, log, plan)
    }
  }

  async #compactAll(topic: Topic, log: PartitionLog): Promise<boolean> {
    const cleaner = this.#cleanerOf(log)
    let hasCompacted = false
    for (;;) {
      const plan = cleaner.plan(topic.settings)
      if (plan === undefined || (hasCompacted && cleaner.cleanedTo >= plan.endOffset)) break
      if (!(await this.#clean(topic, log, plan))) break
      hasCompacted = true
    }
    return hasCompacted
  }

  async #clean(topic: Topic, log: PartitionLog, plan: CleanPlan): Promise<boolean> {
    const { logger, clock } = this.#context
    const startedMs = clock.monotonicMs()
    try {
      const { signal } = this.#stopped
      const result = await this.#cleanerOf(log).clean(plan, topic.settings, signal)
      if (result === undefined) return false
      logger.info('a log was compacted', {
        topic: topic.name,
        partition: topic.partitions.indexOf(log),
        bytesBefore: result.bytesBefore,
        bytesAfter: result.bytesAfter,
        cleanedTo: result.cleanedTo,
        durationMs: Math.round(clock.monotonicMs() - startedMs),
      })
      return true
    } catch (error) {
      logger.error('a log was not compacted; it stays as it is and is tried again', {
        topic: topic.name,
        directory: log.directory,
        error: toError(error),
      })
      return false
    }
  }

  *#logs(): Generator<{ topic: Topic; log: PartitionLog }> {
    for (const topic of this.#topics()) {
      if (!topic.settings.compacts) continue
      for (const log of topic.partitions) yield { topic, log }
    }
  }

  #cleanerOf(log: PartitionLog): LogCleaner {
    let cleaner = this.#cleaners.get(log)
    if (cleaner === undefined) {
      cleaner = new LogCleaner(log, this.#context)
      this.#cleaners.set(log, cleaner)
    }
    return cleaner
  }
}

function isDirtyEnough({ dirtyRatio }: CleanPlan, { settings }: Topic): boolean {
  return dirtyRatio > 0 && dirtyRatio >= settings.minDirtyRatio
}
