/**
 * Brings the stores of new tasks to where their changelogs end, before the tasks run. One consumer for all tasks of a thread, read beside the
 * thread's other work.
 *
 * The end is that of the log, open transactions included (trap 41): reading goes to what is committed alone, and so waits there until the
 * transaction of the task's former owner is over, whatever becomes of it.
 */
import { toError, type Clock, type Logger } from '@millrace/core'
import type { ClusterAdmin, Consumer, ConsumerBatch, TopicPartition } from '@millrace/kafka'
import { partitionName } from './partition-name.ts'
import { noHeaders } from '../record.ts'
import type { StateStore } from '../state/store.ts'
import type { RunningTask, TaskChangelog } from './running-task.ts'

/** How far the restoration of one store has come. */
export interface RestoreProgress extends TopicPartition {
  readonly taskId: string
  readonly store: string
  readonly phase: 'start' | 'batch' | 'end'
  /** Records restored since the start. */
  readonly restoredCount: number
  /** Offset of the next record. */
  readonly offset: number
  /** Where it will be done. */
  readonly endOffset: number
}

export interface ChangelogRestorerOptions {
  readonly consumer: Consumer
  readonly admin: ClusterAdmin
  readonly clock: Clock
  readonly logger: Logger
  readonly onProgress: (progress: RestoreProgress) => void
  /** All stores of the task are where they must be. */
  readonly onRestored: (task: RunningTask) => void
  readonly onFailure: (error: unknown) => void
}

interface Restoring {
  readonly task: RunningTask
  readonly changelog: TaskChangelog
  readonly store: StateStore
  readonly endOffset: number
  restoredCount: number
  /** Written to the task's environment up to here. */
  offset: number
}

/** While restoring, what is read is written to disk in portions of as many bytes. */
const portionBytes = 16_777_216
/** How often positions are looked at: markers alone make no batch. */
const checkMs = 50
/** Deleted keys are only kept in a changelog for so long (`delete.retention.ms`): older state may hold some for ever (trap 40). */
const maxStateAgeMs = 86_400_000

export class ChangelogRestorer {
  readonly #options: ChangelogRestorerOptions
  readonly #restoring = new Map<string, Restoring>()
  #reading: Promise<void> | undefined
  #checking: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(options: ChangelogRestorerOptions) {
    this.#options = options
  }

  /** Begins with these tasks, whose stores have been made. Their committed offsets must have been asked for before. */
  async begin(tasks: readonly RunningTask[]): Promise<void> {
    for (const task of tasks) task.state = 'RESTORING'
    const changelogs = tasks.flatMap((task) =>
      task.changelogs.map((changelog) => ({ task, changelog })),
    )
    if (changelogs.length > 0) {
      const partitions = changelogs.map(({ changelog }) => changelog)
      const { admin } = this.#options
      const [begins, ends] = await Promise.all([
        admin.listOffsets(partitions, 'earliest'),
        admin.listOffsets(partitions, 'latest', 'read_uncommitted'),
      ])
      const offsetIn = (rows: typeof begins, { topic, partition }: TopicPartition): number =>
        Number(rows.find((row) => row.topic === topic && row.partition === partition)?.offset ?? 0)
      for (const { task, changelog } of changelogs)
        // Given up again while the cluster was asked.
        if (task.state === 'RESTORING')
          this.#start(task, changelog, offsetIn(begins, changelog), offsetIn(ends, changelog))
    }
    this.#assign()
    for (const task of tasks) this.#finishIfDone(task)
  }

  /** The task is given up. */
  drop(task: RunningTask): void {
    for (const [key, each] of this.#restoring) if (each.task === task) this.#restoring.delete(key)
    this.#assign()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#restoring.clear()
    await this.#options.consumer.close()
    await Promise.all([this.#reading, this.#checking])
  }

  #start(
    task: RunningTask,
    changelog: TaskChangelog,
    beginOffset: number,
    endOffset: number,
  ): void {
    const store = task.task.stores.get(changelog.store)
    if (!store) return
    const offset = this.#startOffset(task, changelog, beginOffset, endOffset)
    if (offset >= endOffset) return
    const restoring: Restoring = { task, changelog, store, endOffset, restoredCount: 0, offset }
    this.#restoring.set(partitionName(changelog), restoring)
    this.#tell(restoring, 'start')
  }

  /** Where the store on disk ends, if it can be trusted; else the changelog's beginning, with an empty store. */
  #startOffset(
    { environment, id }: RunningTask,
    { store, topic, partition }: TaskChangelog,
    beginOffset: number,
    endOffset: number,
  ): number {
    const stored = environment.storedOffset(store)
    if (stored === undefined) return beginOffset
    const ageMs = this.#options.clock.now() - (environment.writtenAtMs ?? 0)
    const reason =
      stored < beginOffset
        ? 'the changelog begins after it'
        : stored > endOffset
          ? 'the changelog ends before it'
          : stored < endOffset && ageMs > maxStateAgeMs
            ? 'it is older than deletions are kept in the changelog'
            : undefined
    if (reason === undefined) return stored
    this.#options.logger.warn('the state on disk cannot be used and is rebuilt', {
      taskId: id,
      store,
      topic,
      partition,
      reason,
      offset: stored,
      beginOffset,
      endOffset,
    })
    environment.wipe(store)
    return beginOffset
  }

  #assign(): void {
    if (this.#closing.signal.aborted) return
    this.#options.consumer.assign(
      [...this.#restoring.values()].map(({ changelog, offset }) => ({
        topic: changelog.topic,
        partition: changelog.partition,
        offset: BigInt(offset),
      })),
    )
    if (this.#restoring.size === 0) return
    this.#reading ??= this.#read().catch((error: unknown) => this.#fail(error))
    this.#checking ??= this.#check().catch((error: unknown) => this.#fail(error))
  }

  async #read(): Promise<void> {
    for await (const batch of this.#options.consumer) {
      const restoring = this.#restoring.get(partitionName(batch))
      if (restoring) this.#take(restoring, batch)
    }
  }

  #take(restoring: Restoring, batch: ConsumerBatch): void {
    const { store, task } = restoring
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index)
      // Records without key cannot be of a store; compaction refuses them too.
      if (key === null) continue
      const headers = batch.headers(index)
      store.restore(
        key,
        batch.value(index),
        batch.timestampMs(index),
        headers.length === 0 ? noHeaders : headers.map(([name, value]) => ({ key: name, value })),
      )
    }
    restoring.restoredCount += batch.length
    restoring.offset = Number(batch.nextOffset)
    this.#tell(restoring, 'batch')
    if (task.environment.bufferedBytes > portionBytes) this.#persist(task)
    this.#settle(restoring)
  }

  /** Markers and aborted records pass without a batch. */
  async #check(): Promise<void> {
    const { clock, consumer } = this.#options
    while (!this.#closing.signal.aborted && this.#restoring.size > 0) {
      await clock.sleep(checkMs)
      for (const restoring of this.#restoring.values()) {
        const isOwned = consumer
          .assignment()
          .some((row) => partitionName(row) === partitionName(restoring.changelog))
        const position = isOwned ? consumer.position(restoring.changelog) : null
        if (position === null) continue
        restoring.offset = Math.max(restoring.offset, Number(position))
        this.#settle(restoring)
      }
    }
    this.#checking = undefined
  }

  #settle(restoring: Restoring): void {
    if (restoring.offset < restoring.endOffset) return
    const key = partitionName(restoring.changelog)
    if (this.#restoring.get(key) !== restoring) return
    this.#persist(restoring.task)
    this.#restoring.delete(key)
    this.#tell(restoring, 'end')
    this.#assign()
    this.#finishIfDone(restoring.task)
  }

  /** What was read is committed, so that the stores may have it on disk at once. */
  #persist(task: RunningTask): void {
    const offsets = new Map<string, number>()
    for (const { task: each, changelog, offset } of this.#restoring.values())
      if (each === task) offsets.set(changelog.store, offset)
    task.environment.commit(offsets)
  }

  #finishIfDone(task: RunningTask): void {
    if (task.state !== 'RESTORING') return
    for (const each of this.#restoring.values()) if (each.task === task) return
    this.#options.onRestored(task)
  }

  #tell(restoring: Restoring, phase: RestoreProgress['phase']): void {
    const { task, changelog, restoredCount, offset, endOffset } = restoring
    const { topic, partition, store } = changelog
    this.#options.onProgress({
      taskId: task.id,
      store,
      topic,
      partition,
      phase,
      restoredCount,
      offset,
      endOffset,
    })
  }

  #fail(error: unknown): void {
    if (!this.#closing.signal.aborted) this.#options.onFailure(toError(error))
  }
}
