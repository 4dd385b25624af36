/**
 * Brings the stores of new tasks to where their changelogs end, before the tasks run, and those of standbys on behind their changelogs for
 * as long as they are standbys. One consumer for all tasks of a thread, read beside the thread's other work; while a task is being restored,
 * standbys wait.
 *
 * The end is that of the log, open transactions included (trap 41): reading goes to what is committed alone, and so waits there until the
 * transaction of the task's former owner is over, whatever becomes of it.
 *
 * A task that has been given up may come back as the same object, with the state it had, while an answer about its changelogs is still on the
 * way from before. Such an answer is old: others may have written since. So only the answer to the last question about a task counts, and
 * until it is there the task does not pass for restored, whatever it had been told to reach before.
 */
import { faults, toError, type Clock, type Logger } from '@millrace/core'
import type { ClusterAdmin, Consumer, ConsumerBatch, TopicPartition } from '@millrace/kafka'
import { partitionName } from '../partition-name.ts'
import { noHeaders } from '../../record.ts'
import type { StateStore } from '../../state/store.ts'
import type { RunningTask, TaskChangelog } from '../tasks/running-task.ts'

/** How far one store has come: of a task that is to run, or of a standby. */
export interface RestoreProgress extends TopicPartition {
  readonly taskId: string
  readonly store: string
  /** `standby` begins when a copy begins to follow, and ends when it is promoted or given up. */
  readonly role: 'active' | 'standby'
  readonly phase: 'start' | 'batch' | 'end'
  /** Why a standby ends: it is to run here, or is given up. Java's `SuspendReason`. */
  readonly reason?: 'promoted' | 'migrated'
  /** Records taken since the start. */
  readonly restoredCount: number
  /** Offset of the next record. */
  readonly offset: number
  /** Where it will be done; of a standby, where the changelog ended when it was last looked at. */
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

/** A store that is behind its changelog. */
interface Following {
  readonly task: RunningTask
  readonly changelog: TaskChangelog
  readonly store: StateStore
  role: RestoreProgress['role']
  endOffset: number
  restoredCount: number
  /** The store has all before. */
  offset: number
}

/** While following, what is read is written to disk in portions of as many bytes. */
const portionBytes = 16_777_216
/** How often positions are looked at: markers alone make no batch. */
const checkMs = 50
/** What standbys have read reaches the disk at least so often. */
const standbyPersistMs = 1_000
/** Deleted keys are only kept in a changelog for so long (`delete.retention.ms`): older state may hold some for ever (trap 40). */
const maxStateAgeMs = 86_400_000

export class ChangelogRestorer {
  readonly #options: ChangelogRestorerOptions
  readonly #following = new Map<string, Following>()
  /** Tasks whose changelogs are being asked for their ends, with the number of the last question. */
  readonly #asking = new Map<RunningTask, number>()
  #questions = 0
  #reading: Promise<void> | undefined
  #checking: Promise<void> | undefined
  readonly #closing = new AbortController()
  #persistedMs: number

  constructor(options: ChangelogRestorerOptions) {
    this.#options = options
    this.#persistedMs = options.clock.monotonicMs()
  }

  /**
   * Begins with these tasks, whose stores have been made: new ones, or standbys that are to run. Their committed offsets must have been asked
   * for before.
   */
  async restore(tasks: readonly RunningTask[]): Promise<void> {
    for (const task of tasks) task.state = 'RESTORING'
    await this.#start(tasks, 'active')
    for (const task of tasks) this.#finishIfDone(task)
  }

  /**
   * Keeps the stores of these tasks behind their changelogs: new ones, or such as were active. Read-only stores do not follow; what an
   * active task left of them on disk is forgotten, for it would pass for current, and in time for younger than the deletions that it missed.
   */
  async follow(tasks: readonly RunningTask[]): Promise<void> {
    for (const task of tasks) {
      task.state = 'STANDBY'
      for (const store of task.readOnlyStores) task.environment.wipe(store)
    }
    await this.#start(tasks, 'standby')
  }

  /** The task is given up; what it has read is written to disk. */
  drop(task: RunningTask): void {
    this.#asking.delete(task)
    const own = this.#of(task)
    if (own.length === 0) return
    this.#persist(task)
    for (const each of own) {
      if (each.role === 'standby') this.#tell(each, 'end', 'migrated')
      this.#following.delete(partitionName(each.changelog))
    }
    this.#assign()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#following.clear()
    await this.#options.consumer.close()
    await Promise.all([this.#reading, this.#checking])
  }

  async #start(tasks: readonly RunningTask[], role: RestoreProgress['role']): Promise<void> {
    const question = ++this.#questions
    for (const task of tasks) this.#asking.set(task, question)
    const wanted = tasks.flatMap((task) =>
      task.changelogs
        // A copy would come to be ahead of the commits of the task that it is a copy of, and be of no use then.
        .filter(({ isSource }) => role === 'active' || !isSource)
        .map((changelog) => ({ task, changelog })),
    )
    if (wanted.length > 0) {
      const partitions = wanted.map(({ changelog }) => changelog)
      const { admin } = this.#options
      const [begins, ends] = await Promise.all([
        admin.listOffsets(partitions, 'earliest'),
        admin.listOffsets(partitions, 'latest', 'read_uncommitted'),
      ])
      await faults.at('streams.restore.afterEnds')
      const offsetIn = (rows: typeof begins, { topic, partition }: TopicPartition): number =>
        Number(rows.find((row) => row.topic === topic && row.partition === partition)?.offset ?? 0)
      for (const { task, changelog } of wanted)
        // Given up again, of another role, or come back, while the cluster was asked.
        if (
          this.#asking.get(task) === question &&
          task.state === (role === 'active' ? 'RESTORING' : 'STANDBY')
        )
          this.#startOne(task, changelog, role, {
            begin: offsetIn(begins, changelog),
            end: restoreEnd(task, changelog, offsetIn(ends, changelog)),
          })
    }
    for (const task of tasks) if (this.#asking.get(task) === question) this.#asking.delete(task)
    this.#assign()
  }

  #startOne(
    task: RunningTask,
    changelog: TaskChangelog,
    role: RestoreProgress['role'],
    log: { readonly begin: number; readonly end: number },
  ): void {
    const store = task.task.stores.get(changelog.store)
    if (!store) return
    const key = partitionName(changelog)
    const present = this.#following.get(key)
    if (present?.role === 'standby')
      this.#tell(present, 'end', role === 'active' ? 'promoted' : 'migrated')
    const offset = present?.offset ?? this.#startOffset(task, changelog, log.begin, log.end)
    task.positions.set(changelog.store, offset)
    task.ends.set(changelog.store, log.end)
    this.#following.delete(key)
    if (role === 'active' && offset >= log.end) return this.#persist(task)
    const each = { task, changelog, store, role, endOffset: log.end, restoredCount: 0, offset }
    this.#following.set(key, each)
    this.#tell(each, 'start')
  }

  /** Where the store ends, if it can be trusted; else the changelog's beginning, with an empty store. */
  #startOffset(
    { environment, id, positions }: RunningTask,
    { store, topic, partition }: TaskChangelog,
    beginOffset: number,
    endOffset: number,
  ): number {
    const known = positions.get(store)
    if (known !== undefined && known >= beginOffset && known <= endOffset) return known
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

  /** Whoever waits for a task comes first. */
  #assign(): void {
    if (this.#closing.signal.aborted) return
    const all = [...this.#following.values()]
    const restoring = all.filter(({ role }) => role === 'active')
    this.#options.consumer.assign(
      (restoring.length > 0 ? restoring : all).map(({ changelog, offset }) => ({
        topic: changelog.topic,
        partition: changelog.partition,
        offset: BigInt(offset),
      })),
    )
    if (all.length === 0) return
    this.#reading ??= this.#read().catch((error: unknown) => this.#fail(error))
    this.#checking ??= this.#check().catch((error: unknown) => this.#fail(error))
  }

  async #read(): Promise<void> {
    for await (const batch of this.#options.consumer) {
      const each = this.#following.get(partitionName(batch))
      if (each) this.#take(each, batch)
    }
  }

  #take(each: Following, batch: ConsumerBatch): void {
    const { store, task, changelog } = each
    const length = changelog.isSource ? countBefore(batch, each.endOffset) : batch.length
    for (let index = 0; index < length; index++) {
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
    each.restoredCount += length
    const { counts } = task.task
    if (each.role === 'active') counts.restored += length
    else counts.updated += length
    this.#reach(each, Number(batch.nextOffset))
    if (each.role === 'standby') {
      each.endOffset = Math.max(each.endOffset, Number(batch.highWatermark))
      task.ends.set(changelog.store, each.endOffset)
    }
    this.#tell(each, 'batch')
    if (task.environment.bufferedBytes > portionBytes) this.#persist(task)
    this.#settle(each)
  }

  /** Markers and aborted records pass without a batch. */
  async #check(): Promise<void> {
    const { clock, consumer } = this.#options
    while (!this.#closing.signal.aborted && this.#following.size > 0) {
      await clock.sleep(checkMs)
      const assigned = new Map(consumer.assignment().map((row) => [partitionName(row), row]))
      for (const [key, each] of this.#following) {
        const row = assigned.get(key)
        const position = row ? consumer.position(row) : null
        if (!row || position === null) continue
        this.#reach(each, Number(position))
        if (each.role === 'standby') this.#lookAtEnd(each, consumer.lagRecords(row))
        this.#settle(each)
      }
      this.#persistStandbys()
    }
    this.#checking = undefined
  }

  #reach(each: Following, offset: number): void {
    // Of a topic that the task reads the rest is processed.
    const most = each.changelog.isSource ? each.endOffset : Infinity
    each.offset = Math.max(each.offset, Math.min(offset, most))
    each.task.positions.set(each.changelog.store, each.offset)
  }

  #lookAtEnd(each: Following, lagRecords: number | null): void {
    if (lagRecords === null) return
    each.endOffset = Math.max(each.endOffset, each.offset + lagRecords)
    each.task.ends.set(each.changelog.store, each.endOffset)
  }

  #settle(each: Following): void {
    if (each.role === 'standby' || each.offset < each.endOffset) return
    const key = partitionName(each.changelog)
    if (this.#following.get(key) !== each) return
    this.#persist(each.task)
    this.#following.delete(key)
    this.#tell(each, 'end')
    this.#assign()
    this.#finishIfDone(each.task)
  }

  #persistStandbys(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#persistedMs < standbyPersistMs) return
    this.#persistedMs = nowMs
    const tasks = new Set<RunningTask>()
    for (const { task, role } of this.#following.values()) if (role === 'standby') tasks.add(task)
    for (const task of tasks) this.#persist(task)
  }

  /** What was read is committed, so that the stores may have it on disk at once. */
  #persist(task: RunningTask): void {
    task.persist(new Map(this.#of(task).map(({ changelog, offset }) => [changelog.store, offset])))
  }

  #of(task: RunningTask): readonly Following[] {
    return [...this.#following.values()].filter((each) => each.task === task)
  }

  #finishIfDone(task: RunningTask): void {
    const isDone = !this.#asking.has(task) && this.#of(task).length === 0
    if (task.state === 'RESTORING' && isDone) this.#options.onRestored(task)
  }

  #tell(
    each: Following,
    phase: RestoreProgress['phase'],
    reason?: RestoreProgress['reason'],
  ): void {
    const { task, changelog, role, restoredCount, offset, endOffset } = each
    const { topic, partition, store } = changelog
    this.#options.onProgress({
      taskId: task.id,
      store,
      topic,
      partition,
      role,
      phase,
      ...(reason && { reason }),
      restoredCount,
      offset,
      endOffset,
    })
  }

  #fail(error: unknown): void {
    if (!this.#closing.signal.aborted) this.#options.onFailure(toError(error))
  }
}

/** Records of a batch in front of an offset. */
function countBefore(batch: ConsumerBatch, endOffset: number): number {
  let count = batch.length
  while (count > 0 && batch.offset(count - 1) >= endOffset) count--
  return count
}

/** Trap 41: of a topic that the task reads, what is behind its committed offset is processed, not restored. */
function restoreEnd(task: RunningTask, { topic, isSource }: TaskChangelog, end: number): number {
  return isSource ? Math.min(end, task.inputPosition(topic) ?? 0) : end
}
