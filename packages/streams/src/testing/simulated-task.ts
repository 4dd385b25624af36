import type { RawRecord } from '../record.ts'
import type { SubtopologyPlan } from '../runtime/topic-plan.ts'
import {
  sentBytes,
  StreamTask,
  type RecordCollector,
  type StreamTaskOptions,
} from '../task/stream-task.ts'
import type { OutgoingRecord, SimulatedTopics } from './simulated-topics.ts'

/**
 * Where a task may be made to crash: before it takes a record, after all that the record caused in the task, when its stores have been
 * flushed and the commit is next, and right after the commit.
 */
export type CrashPoint = 'beforeProcess' | 'afterProcess' | 'beforeCommit' | 'afterCommit'

export interface SimulatedTaskOptions {
  readonly plan: SubtopologyPlan
  readonly partition: number
  readonly topics: SimulatedTopics
  readonly task: Omit<StreamTaskOptions, 'taskId' | 'partition' | 'nodes' | 'collector'>
  /** Whether what is written counts at once, and not with the commit. */
  readonly writesAtOnce: boolean
  readonly hasStandby: boolean
  readonly onWritten: (record: RawRecord) => void
  readonly at: (point: CrashPoint, taskId: string) => void
}

/** What a commit keeps of a task beside its output. */
interface Committed {
  readonly offsets: ReadonlyMap<string, number>
  readonly partitionTimes: ReadonlyMap<string, number>
  readonly metadata: ReadonlyMap<string, number>
}

/** An instance of the task with stores that follow their changelogs. */
interface Instance {
  readonly task: StreamTask
  /** How much of each changelog its stores have taken. */
  readonly restored: Map<string, number>
  /** What it wrote since the last commit. */
  readonly output: OutgoingRecord[]
}

/** A task's place in a simulated cluster, through the lives of the instances that have it. */
export class SimulatedTask {
  readonly id: string
  readonly partition: number
  readonly #options: SimulatedTaskOptions
  #active: Instance | undefined
  #standby: Instance | undefined
  readonly #positions = new Map<string, number>()
  #committed: Committed = { offsets: new Map(), partitionTimes: new Map(), metadata: new Map() }

  constructor(options: SimulatedTaskOptions) {
    this.#options = options
    this.id = `${options.plan.id}_${options.partition}`
    this.partition = options.partition
    this.start()
  }

  /** Undefined while it is crashed. */
  get task(): StreamTask | undefined {
    return this.#active?.task
  }

  /** Loses all that was not committed, and what the stores hold. */
  crash(): void {
    this.#active = undefined
  }

  /**
   * Goes on from what was committed: with the standby if there is one, else with new stores, filled from their changelogs.
   * @returns how many records of changelogs had to be read for it
   */
  start(): number {
    if (this.#active) return 0
    const { plan, hasStandby } = this.#options
    const instance = this.#standby ?? this.#instance()
    const count = this.#catchUp(instance)
    const { offsets, partitionTimes, metadata } = this.#committed
    for (const topic of plan.sourceTopics) {
      this.#positions.set(topic, offsets.get(topic) ?? 0)
      instance.task.resumeAt(topic, partitionTimes.get(topic) ?? -1)
    }
    for (const [key, value] of metadata) instance.task.committedMetadata.set(key, value)
    this.#active = instance
    instance.task.initOperators()
    this.#standby = hasStandby ? this.#instance() : undefined
    if (this.#standby) this.#catchUp(this.#standby)
    return count
  }

  /**
   * Gives on what asynchronous calls have returned, and takes the next record: of the partition whose first has the smallest timestamp (trap 3).
   * Returns whether there was something.
   */
  step(): boolean {
    const active = this.#active
    if (!active) return false
    const hasGivenOn = active.task.continueAsync() > 0
    const next = active.task.isFull ? undefined : this.#next(active.task)
    if (!next) {
      if (hasGivenOn) this.#options.at('afterProcess', this.id)
      return hasGivenOn
    }
    this.#options.at('beforeProcess', this.id)
    active.task.process(next)
    this.#positions.set(next.topic, next.offset + 1)
    active.task.continueAsync()
    active.task.punctuateStreamTime()
    this.#options.at('afterProcess', this.id)
    return true
  }

  punctuateWallClock(): void {
    this.#active?.task.punctuateWallClock()
  }

  commit(): void {
    const active = this.#active
    if (!active) return
    const { at, plan } = this.#options
    active.task.flush()
    at('beforeCommit', this.id)
    for (const record of active.output.splice(0)) this.#write(record)
    this.#committed = {
      offsets: new Map(this.#positions),
      partitionTimes: new Map(
        plan.sourceTopics.map((topic) => [topic, active.task.partitionTime(topic)]),
      ),
      metadata: new Map(active.task.committedMetadata),
    }
    if (this.#standby) this.#catchUp(this.#standby)
    at('afterCommit', this.id)
  }

  close(): void {
    this.#active?.task.close()
    this.#active = undefined
    this.#standby = undefined
  }

  #next(task: StreamTask): RawRecord | undefined {
    const { plan, topics } = this.#options
    let first: RawRecord | undefined
    let firstAt = Number.POSITIVE_INFINITY
    for (const topic of plan.sourceTopics) {
      const head = topics.log(topic, this.partition)[this.#positions.get(topic) ?? 0]
      if (!head) continue
      const timestamp = task.timestampOf(head)
      if (first && timestamp >= firstAt) continue
      first = head
      firstAt = timestamp
    }
    return first
  }

  #instance(): Instance {
    const { plan, topics, task, writesAtOnce } = this.#options
    const output: OutgoingRecord[] = []
    const collector: RecordCollector = {
      send: (topic, partition, sentKey, sentValue, timestamp, headers) => {
        const [key, value] = [sentBytes(sentKey), sentBytes(sentValue)]
        const record = { topic, partition, key, value, timestamp, headers }
        if (writesAtOnce) this.#write(record)
        else output.push(record)
      },
      partitionCount: (topic) => topics.partitionCount(topic),
    }
    const { partition, id: taskId } = this
    const isAtomic = !writesAtOnce
    const { nodes } = plan
    const made = new StreamTask({ ...task, taskId, partition, nodes, collector, isAtomic })
    made.initStores()
    return { task: made, restored: new Map(), output }
  }

  #write(record: OutgoingRecord): void {
    this.#options.onWritten(this.#options.topics.append(record))
  }

  /** Gives stores what their changelogs have beyond what they took. Returns how many records that were. */
  #catchUp({ task, restored }: Instance): number {
    let count = 0
    for (const [name, changelog] of this.#options.plan.changelogs) {
      const all = this.#options.topics.log(changelog, this.partition)
      // Trap 41: what is not committed of a topic that the task reads is processed, not restored.
      const isSource = this.#options.plan.sourceLogged.has(name)
      const log = isSource ? all.slice(0, this.#committed.offsets.get(changelog) ?? 0) : all
      const from = restored.get(changelog) ?? 0
      const store = task.stores.get(name)
      for (const { key, value, timestamp, headers } of log.slice(from))
        if (key !== null) store?.restore(key, value, timestamp, headers)
      restored.set(changelog, log.length)
      count += log.length - from
    }
    return count
  }
}
