import type { ConsumerBatch, OffsetToCommit, TopicPartition } from '@millrace/kafka'
import type { StreamTask } from '../../task/stream-task.ts'
import type { TaskEnvironment } from '../../state/task-environment.ts'
import { encodeCommitMetadata } from './commit-metadata.ts'
import { InputOrder, type LagOf } from './input-order.ts'
import { RecordQueue } from './record-queue.ts'
import type { StartPosition } from './start-positions.ts'
import type { TaskDirectory } from '../state/task-directory.ts'

/** A changelog partition of a task. */
export interface TaskChangelog extends TopicPartition {
  readonly store: string
  /** It is a topic that the task reads, and its store has what the task has read (KIP-813). */
  readonly isSource?: boolean
}

export interface RunningTaskOptions {
  readonly task: StreamTask
  readonly changelogs: readonly TaskChangelog[]
  readonly environment: TaskEnvironment
  /** Undefined for a task without state, which locks nothing. */
  readonly directory?: TaskDirectory | undefined
  readonly maxTaskIdleMs: number
  readonly lagOf: LagOf
}

/**
 * `RESTORING` and `RUNNING` are of active tasks; `STANDBY` follows its changelogs and processes nothing; `SUSPENDED` was active, has given up
 * its partitions, and becomes a standby.
 */
export type RunningTaskState =
  | 'CREATED'
  | 'RESTORING'
  | 'RUNNING'
  | 'SUSPENDED'
  | 'STANDBY'
  | 'CLOSED'

/** A task with the partitions that feed it and the state it stands on. Owner: the session of its stream thread. */
export class RunningTask {
  readonly task: StreamTask
  readonly changelogs: readonly TaskChangelog[]
  readonly environment: TaskEnvironment
  state: RunningTaskState = 'CREATED'
  /** Records were taken since the last commit, or what operators commit with the offsets has changed. */
  needsCommit = false
  /** It goes on from what was committed before it was here. */
  goesOn = false
  /** Up to where each store has its changelog, in memory or on disk; missing where that is not known yet. */
  readonly positions = new Map<string, number>()
  /** Where the changelogs end, as far as is known; a running task writes them itself. */
  readonly ends = new Map<string, number>()
  readonly #directory: TaskDirectory | undefined
  readonly #maxTaskIdleMs: number
  readonly #lagOf: LagOf
  /** Changelogs that the task alone writes. */
  readonly #own: readonly TaskChangelog[]
  #queues: readonly RecordQueue[] = []
  /** Offsets of the commit under way, and of the last one. */
  #offered: readonly OffsetToCommit[] = []
  #committed: readonly OffsetToCommit[] = []
  #order: InputOrder | undefined

  constructor(options: RunningTaskOptions) {
    this.task = options.task
    this.changelogs = options.changelogs
    this.environment = options.environment
    this.#directory = options.directory
    this.#maxTaskIdleMs = options.maxTaskIdleMs
    this.#lagOf = options.lagOf
    this.#own = options.changelogs.filter(({ isSource }) => !isSource)
  }

  get id(): string {
    return this.task.id
  }

  /** Whether it is to process: it is, or is on the way there. */
  get isActive(): boolean {
    return this.state === 'CREATED' || this.state === 'RESTORING' || this.state === 'RUNNING'
  }

  /** Stores that a topic of the task's input is the changelog of. A copy of the task has nothing of them. */
  get readOnlyStores(): readonly string[] {
    return this.changelogs.flatMap(({ store, isSource }) => (isSource ? [store] : []))
  }

  /**
   * How far its state goes: offsets of its changelogs, summed. Without read-only stores, here and in `endSum`: no copy would ever have caught
   * up with them, and the task would never go to one.
   */
  get positionSum(): number {
    return this.#own.reduce((sum, { store }) => sum + (this.positions.get(store) ?? 0), 0)
  }

  /** Where its changelogs end, summed. */
  get endSum(): number {
    return this.#own.reduce(
      (sum, { store }) => sum + Math.max(this.ends.get(store) ?? 0, this.positions.get(store) ?? 0),
      0,
    )
  }

  /** Takes over where the group has committed. */
  activate(positions: readonly StartPosition[]): void {
    this.begin(positions)
    this.goesOn = positions.some(({ isCommitted }) => isCommitted)
    for (const { topic, committed } of positions) {
      this.task.resumeAt(topic, committed.partitionTime)
      // Partitions of a task may have been committed at different times: the largest is the latest, as in Java.
      for (const [name, value] of committed.numbers)
        this.task.committedMetadata.set(
          name,
          Math.max(value, this.task.committedMetadata.get(name) ?? -Infinity),
        )
    }
  }

  /** Reads these beside what it has. */
  extend(positions: readonly StartPosition[]): void {
    this.#read([...this.#queues, ...positions.map(queueAt)])
    for (const { topic, committed } of positions) this.task.resumeAt(topic, committed.partitionTime)
  }

  /** Goes on with these of its partitions alone; what was queued of the others is forgotten. */
  narrow(kept: readonly TopicPartition[]): void {
    const topics = new Set(kept.map(({ topic }) => topic))
    this.#read(this.#queues.filter(({ topic }) => topics.has(topic)))
  }

  /** After its last commit: gives up the input and the operators, and keeps the stores. */
  suspend(): void {
    this.state = 'SUSPENDED'
    this.begin([])
    this.task.renewOperators()
  }

  get queues(): readonly RecordQueue[] {
    return this.#queues
  }

  /** Begins to read at these offsets; what was queued before is forgotten. */
  begin(positions: readonly { topic: string; partition: number; offset: bigint }[]): void {
    this.#read(positions.map(queueAt))
  }

  #read(queues: readonly RecordQueue[]): void {
    this.#queues = queues.toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
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
    this.task.lookAtClock()
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
    this.task.counts.commits++
    this.#committed = this.#offered
    const offsets = new Map<string, number>()
    for (const changelog of this.changelogs) {
      const end = changelog.isSource ? this.#committedEnd(changelog) : endOf(changelog)
      // A task that was elsewhere meanwhile has read on behind what this thread wrote last.
      const position = this.positions.get(changelog.store) ?? 0
      if (end !== undefined) offsets.set(changelog.store, Math.max(end, position))
    }
    this.persist(offsets)
  }

  /**
   * Writes what the stores hold back to disk.
   * @param offsets by store, up to where they have their changelogs; those that are missing stay where they were
   */
  persist(offsets: ReadonlyMap<string, number>): void {
    for (const [store, offset] of offsets) this.positions.set(store, offset)
    this.environment.commit(offsets)
    if (!this.#directory) return
    let position = 0
    for (const { store } of this.#own) position += this.environment.storedOffset(store) ?? 0
    this.#directory.writePosition(position)
  }

  /** @param isClean false: what the stores have not committed is dropped */
  close(isClean: boolean): void {
    if (this.state === 'CLOSED') return
    const wasStarted = this.state !== 'CREATED'
    const isFollowing = this.state === 'STANDBY' || this.state === 'RESTORING'
    this.state = 'CLOSED'
    try {
      if (isClean && isFollowing) this.persist(this.positions)
      if (wasStarted) this.task.close()
    } catch (error) {
      if (isClean) throw error
    } finally {
      this.environment.close()
      this.#directory?.close()
    }
  }

  /** Up to where the input is processed, which is where a store filled from it is. */
  inputPosition(topic: string): number | undefined {
    const queue = this.#queues.find((each) => each.topic === topic)
    return queue && Number(queue.nextOffset)
  }

  #committedEnd({ topic }: TaskChangelog): number | undefined {
    const offset = this.committedOffset(topic)
    return offset === null ? undefined : Number(offset)
  }

  #headTimestamp(queue: RecordQueue): number | undefined {
    if (!this.task.hasExtractor(queue.topic)) return queue.headTimestamp
    const head = queue.peek()
    return head && this.task.timestampOf(head)
  }
}

function queueAt({
  topic,
  partition,
  offset,
}: {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}): RecordQueue {
  return new RecordQueue(topic, partition, offset)
}
