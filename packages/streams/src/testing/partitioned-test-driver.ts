import { SimulatedClock } from '@millrace/core'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'
import { noHeaders, type RawRecord } from '../record.ts'
import { externalSourceTopics, planTopics, type TopicPlan } from '../runtime/topic-plan.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import type { StateStore } from '../state/store.ts'
import { StreamTask, type StreamTaskOptions } from '../task/stream-task.ts'
import { sourceMatching } from '../topology/matched-topics.ts'
import type { Topology } from '../topology/topology.ts'
import { SimulatedTask, type CrashPoint } from './simulated-task.ts'
import { settled } from './settled.ts'
import { SimulatedTopics } from './simulated-topics.ts'
import { TestInput, TestOutput, type TopicSerdes } from './test-topics.ts'
import type { PipedRecord, WrittenRecord } from './topology-test-driver.ts'

export interface PartitionedTestDriverOptions extends ErrorHandling {
  /**
   * Of every topic that the topology reads, or writes to outside; by topic where they differ, with `default` for the rest. Of those that a
   * pattern of the topology matches the ones named here exist.
   */
  readonly partitions: number | (Readonly<Record<string, number>> & { readonly default: number })
  /** Default `test`. In front of the names of internal topics. */
  readonly applicationId?: string
  /** Where the wall clock starts, ms. Default 2026-01-01. */
  readonly nowMs?: number
  /** Under `exactly_once_v2`, the default, what a task wrote is seen with its commit; else at once, and again after a crash. */
  readonly guarantee?: 'exactly_once_v2' | 'at_least_once'
  /** Records that a task takes between two commits. Default 1; Infinity leaves commits to `commit()`. */
  readonly commitEveryRecords?: number
  /** Whether each task has a standby, whose stores follow its changelogs. Default false. */
  readonly standbys?: boolean
}

/**
 * Runs a topology without a broker, as a cluster would: a task for each subtopology and partition, records partitioned by key, repartition
 * topics between tasks, commits, crashes and restores from changelogs. Beyond Java's `TopologyTestDriver`, which has one task with one
 * partition. Tasks take turns, a record each, in the order of their ids, so that runs are equal.
 */
export class PartitionedTestDriver {
  readonly clock: SimulatedClock
  readonly #topics: SimulatedTopics
  readonly #tasks = new Map<string, SimulatedTask>()
  readonly #plan: TopicPlan
  readonly #global: StreamTask
  readonly #written: RawRecord[] = []
  readonly #inputs = new Set<string>()
  readonly #commitEvery: number
  /** Records that a task took since its last commit. */
  readonly #uncommitted = new Map<string, number>()
  #armed: { readonly point: CrashPoint; readonly taskId: string } | undefined
  #droppedCount = 0

  /** @throws StreamsError as a start on a cluster: topics that are joined and not partitioned alike, for one */
  constructor(topology: Topology, options: PartitionedTestDriverOptions) {
    const { applicationId = 'test', partitions, guarantee = 'exactly_once_v2' } = options
    const countOf = (topic: string): number =>
      typeof partitions === 'number' ? partitions : (partitions[topic] ?? partitions.default)
    const { default: _, ...named } = typeof partitions === 'number' ? { default: 0 } : partitions
    const external = [
      ...externalSourceTopics(topology),
      ...Object.keys(named).filter((topic) => sourceMatching(topology, applicationId, topic)),
    ]
    this.clock = new SimulatedClock(options.nowMs)
    this.#commitEvery = options.commitEveryRecords ?? 1
    this.#plan = planTopics(
      topology,
      applicationId,
      new Map(external.map((topic) => [topic, countOf(topic)])),
    )
    const counts = new Map(this.#plan.partitionCounts)
    for (const { name, partitions: count } of this.#plan.internalTopics) counts.set(name, count)
    if (typeof partitions !== 'number')
      for (const [topic, count] of Object.entries(partitions)) counts.set(topic, count)
    this.#topics = new SimulatedTopics(counts, countOf('default'))
    for (const topic of external) this.#inputs.add(topic)
    const task = {
      ...options,
      applicationId,
      topology,
      clock: this.clock,
      isUnthrottled: true,
      countDropped: (count: number) => void (this.#droppedCount += count),
    }
    this.#global = globalTask(task)
    for (const plan of this.#plan.subtopologies)
      for (let partition = 0; partition < plan.taskCount; partition++) {
        const made = new SimulatedTask({
          plan,
          partition,
          topics: this.#topics,
          task: { ...task, globalStores: this.#global.stores },
          writesAtOnce: guarantee === 'at_least_once',
          hasStandby: options.standbys ?? false,
          onWritten: (record) => this.#onWritten(record),
          at: (point, taskId) => this.#at(point, taskId),
        })
        this.#tasks.set(made.id, made)
      }
  }

  /** `<subtopology>_<partition>`, in the order in which they take turns. */
  get taskIds(): readonly string[] {
    return [...this.#tasks.keys()]
  }

  /** Tasks that have crashed and were not restored. */
  get crashed(): readonly string[] {
    return this.taskIds.filter((id) => !this.#taskAt(id).task)
  }

  /** Records left out so far, as the metric `dropped-records-total` counts them; again where they were taken again. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  partitionCount(topic: string): number {
    return this.#topics.partitionCount(topic)
  }

  /**
   * Writes a record to an input topic, to the partition of its key, and runs all tasks until nothing is left to do.
   * @throws StreamsError `MR_STREAMS_UNKNOWN_TOPIC`; that of a task that stops, which counts as crashed then
   */
  pipe(topic: string, record: PipedRecord & { readonly partition?: number }): void {
    if (!this.#inputs.has(topic))
      throw new StreamsError(
        'MR_STREAMS_UNKNOWN_TOPIC',
        `The topology does not read "${topic}". It reads: ${[...this.#inputs].join(', ')}.`,
        { topic },
      )
    const { key, value, timestamp = this.clock.now(), headers = noHeaders, partition } = record
    const outgoing = { topic, partition, key, value, timestamp, headers }
    this.#toGlobal(this.#topics.append(outgoing))
    this.#run()
  }

  input<K, V>(topic: string, serdes: TopicSerdes<K, V>): TestInput<K, V> {
    return new TestInput(serdes, (record) => this.pipe(topic, record))
  }

  output<K, V>(topic: string, serdes: TopicSerdes<K, V>): TestOutput<K, V> {
    return new TestOutput(serdes, () => this.take(topic))
  }

  /** Moves the wall clock; a punctuator that it passes several times runs once. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    for (const task of this.#tasks.values())
      this.#guarded(task, () => {
        task.punctuateWallClock()
        if (this.#commitEvery !== Number.POSITIVE_INFINITY) this.#commit(task)
      })
    this.#run()
    if (this.pendingCalls > 0) await this.settle()
  }

  /** Records whose asynchronous calls have not ended, or whose results are waited for by order, in tasks that have not crashed. */
  get pendingCalls(): number {
    return [...this.#tasks.values()].reduce((sum, { task }) => sum + (task?.pendingCount ?? 0), 0)
  }

  /** Gives on what asynchronous calls have returned, until none does so any more without the clock being moved. */
  async settle(): Promise<void> {
    await settled(() => this.#run())
  }

  /** Commits what all tasks have done, and runs what follows from it. */
  commit(): void {
    for (const task of this.#tasks.values()) this.#guarded(task, () => this.#commit(task))
    this.#run()
  }

  /** What was written since the last call and can be seen, in order: to one topic or to all. */
  take(topic?: string): (WrittenRecord & { readonly partition: number })[] {
    const taken = this.#written.filter((record) => topic === undefined || record.topic === topic)
    const left = this.#written.filter((record) => !taken.includes(record))
    this.#written.splice(0, this.#written.length, ...left)
    return taken
  }

  /** All records of a partition, by offset: changelogs and repartition topics too. */
  log(topic: string, partition: number): readonly RawRecord[] {
    return this.#topics.log(topic, partition)
  }

  /** A store of one task, or a global one. @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`, also while its task is crashed */
  store(name: string, partition: number): StateStore {
    const found =
      [...this.#tasks.values()]
        .filter((each) => each.partition === partition)
        .flatMap(({ task }) => task?.stores.get(name) ?? [])[0] ?? this.#global.stores.get(name)
    if (found) return found
    throw new StreamsError(
      'MR_STREAMS_UNKNOWN_STORE',
      `No running task of partition ${partition} has a store "${name}". Crashed are: ${this.crashed.join(', ') || 'none'}.`,
      { store: name, partition },
    )
  }

  keyValueStore<K, V>(name: string, partition: number): KeyValueStore<K, V> {
    return this.store(name, partition) as KeyValueStore<K, V>
  }

  /** A task crashes now: what it did since its last commit has not happened, and its stores are gone. Default: all tasks. */
  crash(taskId?: string): void {
    for (const task of this.#some(taskId)) this.#crash(task)
  }

  /** A task crashes as soon as it comes to that point. */
  crashAt(point: CrashPoint, taskId: string): void {
    this.#taskAt(taskId)
    this.#armed = { point, taskId }
  }

  /**
   * Crashed tasks go on from their last commits, and all run until nothing is left to do.
   * @returns how many changelog records each had to read first: those its standby had not yet, or all of them
   */
  restore(taskId?: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const task of this.#some(taskId)) if (!task.task) counts.set(task.id, task.start())
    this.#run()
    return counts
  }

  close(): void {
    for (const task of this.#tasks.values()) task.close()
    this.#global.close()
  }

  /** Gives each task a record in turn until none has one. Returns whether there was one. */
  #run(): boolean {
    let hasRun = false
    for (let isBusy = true; isBusy; hasRun ||= isBusy) {
      isBusy = false
      for (const task of this.#tasks.values())
        this.#guarded(task, () => {
          if (!task.step()) return
          isBusy = true
          const count = (this.#uncommitted.get(task.id) ?? 0) + 1
          this.#uncommitted.set(task.id, count)
          if (count >= this.#commitEvery || task.task?.wantsCommit) this.#commit(task)
        })
    }
    return hasRun
  }

  #commit(task: SimulatedTask): void {
    this.#uncommitted.set(task.id, 0)
    task.commit()
  }

  /** An error that stops a task ends its instance; a crash that was asked for is not an error. */
  #guarded(task: SimulatedTask, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#crash(task)
      if (!(error instanceof Crash)) throw error
    }
  }

  #crash(task: SimulatedTask): void {
    task.crash()
    this.#uncommitted.set(task.id, 0)
  }

  #at(point: CrashPoint, taskId: string): void {
    if (this.#armed?.point !== point || this.#armed.taskId !== taskId) return
    this.#armed = undefined
    throw new Crash(point)
  }

  #onWritten(record: RawRecord): void {
    this.#written.push(record)
    this.#toGlobal(record)
  }

  #toGlobal(record: RawRecord): void {
    if (this.#global.topics.includes(record.topic)) this.#global.process(record)
  }

  #some(taskId: string | undefined): readonly SimulatedTask[] {
    return taskId === undefined ? [...this.#tasks.values()] : [this.#taskAt(taskId)]
  }

  #taskAt(id: string): SimulatedTask {
    const task = this.#tasks.get(id)
    if (task) return task
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `There is no task "${id}". There are: ${this.taskIds.join(', ')}.`,
      { taskId: id },
    )
  }
}

/** Unwinds a task that was made to crash. */
class Crash extends Error {}

/** Fills the global stores; writes nothing. */
function globalTask(
  options: Omit<StreamTaskOptions, 'taskId' | 'partition' | 'nodes' | 'collector'>,
): StreamTask {
  const nodes = options.topology.subtopologies
    .filter(({ isGlobal }) => isGlobal)
    .flatMap((group) => [...group.nodes])
  const task = new StreamTask({
    ...options,
    taskId: 'global',
    partition: 0,
    nodes: new Set(nodes),
    collector: { send: () => {}, partitionCount: () => 1 },
  })
  task.initStores()
  task.initOperators()
  return task
}
