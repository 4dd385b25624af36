import type { ConsumerBatch, OffsetToCommit, TopicPartition } from '@millrace/kafka'
import type { StreamTask } from '../task/stream-task.ts'
import type { TaskEnvironment } from '../state/task-environment.ts'
import { encodeCommitMetadata } from './commit-metadata.ts'
import { InputOrder, type LagOf } from './input-order.ts'
import { RecordQueue } from './record-queue.ts'

/** A changelog partition of a task. */
export interface TaskChangelog extends TopicPartition {
  readonly store: string
}

export interface RunningTaskOptions {
  readonly task: StreamTask
  readonly changelogs: readonly TaskChangelog[]
  readonly environment: TaskEnvironment
  readonly maxTaskIdleMs: number
  readonly lagOf: LagOf
}

/** `SUSPENDED`: its partitions were given up and may come back with the next assignment. */
export type RunningTaskState = 'CREATED' | 'RESTORING' | 'RUNNING' | 'SUSPENDED' | 'CLOSED'

/** A task with the partitions that feed it and the state it stands on. Owner: the session of its stream thread. */
export class RunningTask {
  readonly task: StreamTask
  readonly changelogs: readonly TaskChangelog[]
  readonly environment: TaskEnvironment
  state: RunningTaskState = 'CREATED'
  /** Records were taken since the last commit, or what operators commit with the offsets has changed. */
  needsCommit = false
  readonly #maxTaskIdleMs: number
  readonly #lagOf: LagOf
  #queues: readonly RecordQueue[] = []
  /** Offsets of the commit under way, and of the last one. */
  #offered: readonly OffsetToCommit[] = []
  #committed: readonly OffsetToCommit[] = []
  #order: InputOrder | undefined

  constructor(options: RunningTaskOptions) {
    this.task = options.task
    this.changelogs = options.changelogs
    this.environment = options.environment
    this.#maxTaskIdleMs = options.maxTaskIdleMs
    this.#lagOf = options.lagOf
  }

  get id(): string {
    return this.task.id
  }

  get queues(): readonly RecordQueue[] {
    return this.#queues
  }

  /** Begins to read at these offsets; what was queued before is forgotten. */
  begin(positions: readonly { topic: string; partition: number; offset: bigint }[]): void {
    this.#queues = positions
      .map(({ topic, partition, offset }) => new RecordQueue(topic, partition, offset))
      .toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
    this.#order = new InputOrder(
      this.#queues,
      this.#maxTaskIdleMs,
      (queue) => this.#headTimestamp(queue),
      this.#lagOf,
    )
  }

  add(batch: ConsumerBatch): void {
    this.#queues.find(({ topic }) => topic === batch.topic)?.add(batch)
  }

  /** Processes up to `maxRecords`, and gives on those whose calls have ended; returns how many. @throws StreamsError where the topology stops at an error */
  process(maxRecords: number, nowMs: number): number {
    let count = this.task.continueAsync()
    if (count > 0) this.needsCommit = true
    while (count < maxRecords && !this.task.isFull) {
      const record = this.#order?.next(nowMs)?.take()
      if (!record) break
      this.needsCommit = true
      count++
      this.task.process(record)
      if (this.task.wantsCommit) break
    }
    if (count > 0) this.task.punctuateStreamTime()
    return count
  }

  /** Where each partition is to be read from once what was done is committed. */
  offsetsToCommit(): readonly OffsetToCommit[] {
    const numbers = this.task.committedMetadata
    this.#offered = this.#queues.map(({ topic, partition, nextOffset }) => ({
      topic,
      partition,
      offset: nextOffset,
      metadata: encodeCommitMetadata({ partitionTime: this.task.partitionTime(topic), numbers }),
    }))
    return this.#offered
  }

  /** What this task last committed of a topic; null before it did. */
  committedOffset(topic: string): bigint | null {
    return this.#committed.find((row) => row.topic === topic)?.offset ?? null
  }

  /**
   * What was done is committed: the stores follow.
   * @param endOf offset behind what was written to a changelog partition; undefined where nothing was
   */
  committed(endOf: (changelog: TaskChangelog) => number | undefined): void {
    this.needsCommit = false
    this.#committed = this.#offered
    const offsets = new Map<string, number>()
    for (const changelog of this.changelogs) {
      const end = endOf(changelog)
      if (end !== undefined) offsets.set(changelog.store, end)
    }
    this.environment.commit(offsets)
  }

  /** @param isClean false: what the stores have not committed is dropped */
  close(isClean: boolean): void {
    if (this.state === 'CLOSED') return
    const wasStarted = this.state !== 'CREATED'
    this.state = 'CLOSED'
    try {
      if (wasStarted) this.task.close()
    } catch (error) {
      if (isClean) throw error
    } finally {
      this.environment.close()
    }
  }

  #headTimestamp(queue: RecordQueue): number | undefined {
    if (!this.task.hasExtractor(queue.topic)) return queue.headTimestamp
    const head = queue.peek()
    return head && this.task.timestampOf(head)
  }
}
