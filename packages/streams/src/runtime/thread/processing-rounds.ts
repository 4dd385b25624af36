/**
 * What a stream thread does over and over: records from the tasks' queues through the topology, and a commit when it is time. A round is
 * synchronous but for its commit; whoever calls these methods sees to it that no two run at once, and none beside a move of tasks.
 */
import type { Clock } from '@millrace/core'
import type { GroupMetadata, Consumer } from '@millrace/kafka'
import { CommitSchedule } from './commit-schedule.ts'
import type { InputBounds } from './input-bounds.ts'
import type { OutputCollector } from './output-collector.ts'
import type { RepartitionPurge } from './repartition-purge.ts'
import type { RunningTask } from '../tasks/running-task.ts'
import type { RuntimeSettings } from '../runtime-options.ts'
import type { TaskOutput } from './task-output.ts'
import type { ThreadControls } from './thread-controls.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

export interface ProcessingRoundsOptions {
  readonly settings: RuntimeSettings
  readonly controls: Readonly<ThreadControls>
  readonly metrics: ThreadMetrics
  readonly clock: Clock
  readonly consumer: Consumer
  readonly output: TaskOutput
  readonly collector: OutputCollector
  readonly bounds: InputBounds
  readonly purge: RepartitionPurge
  readonly tasks: ReadonlyMap<string, RunningTask>
  /** The member that has the tasks. @throws what has ended the session meanwhile */
  readonly group: () => GroupMetadata
  /** Before the commit: there is room for more input. */
  readonly onProcessed: () => void
  /** @param tasks the thread's, by id */
  readonly onCommitted: (tasks: ReadonlyMap<string, RunningTask>) => void
  /** Whether somebody waits for a commit who need not wait for the next in turn. */
  readonly isCommitWanted: () => boolean
}

/** Longest that records are processed before the event loop has its turn: fetches, acknowledgements and heartbeats wait for it. */
const roundMs = 10
const recordsPerTurn = 256
/** Sent and not acknowledged; above it processing waits. */
const waitingMaxBytes = 16_777_216

export class ProcessingRounds {
  readonly #options: ProcessingRoundsOptions
  readonly #schedule: CommitSchedule
  /** Records of the round under way. */
  #taken = 0

  constructor(options: ProcessingRoundsOptions) {
    this.#options = options
    const { clock, settings } = options
    this.#schedule = new CommitSchedule(settings.commitIntervalMs, clock.monotonicMs())
  }

  /** Whether so much is under way to the brokers that processing has to wait. */
  get isOutputFull(): boolean {
    return this.#options.collector.waitingBytes > waitingMaxBytes
  }

  /** Resolves once enough has been acknowledged. */
  waitForOutput(): Promise<void> {
    return this.#options.collector.waitForRoom(waitingMaxBytes / 2)
  }

  /** Processes what is there for a while, and commits when it is time. Returns whether there was something. */
  async round(): Promise<boolean> {
    const { clock, collector, bounds, metrics } = this.#options
    const beganMs = clock.monotonicMs()
    this.#taken = 0
    const hasWorked = this.#process()
    if (hasWorked) {
      metrics.processed(this.#taken, clock.monotonicMs() - beganMs)
      const goesOn = this.#running().some((task) => task.goesOn)
      this.#schedule.worked(clock.monotonicMs(), goesOn)
    }
    collector.handOver()
    collector.throwIfFailed()
    bounds.resumeDrained()
    this.#options.onProcessed()
    if (this.#schedule.isDue(clock.monotonicMs()) || this.#wantsCommit()) await this.commit()
    return hasWorked
  }

  /** Trap 37: what stores hold back goes out, all of it is acknowledged, then the offsets, then the state on disk. */
  async commit(): Promise<void> {
    const { clock, collector, output, consumer, purge } = this.#options
    const running = this.#running()
    const beganMs = clock.monotonicMs()
    this.#schedule.tried(beganMs)
    const hasTaken = running.some(({ needsCommit }) => needsCommit)
    for (const { task } of running) task.flush()
    if (!hasTaken && collector.count === 0) return
    await collector.flush()
    // Also those that did not move: an offset is what the broker refuses to members that have lost their place (trap 38).
    const offsets = running.flatMap((task) => task.offsetsToCommit())
    await output.commit(offsets, { consumer, group: this.#options.group })
    for (const task of running)
      task.committed(({ topic, partition }) => collector.endOf(topic, partition))
    const endedMs = clock.monotonicMs()
    this.#schedule.committed(endedMs)
    this.#options.metrics.committed(endedMs - beganMs)
    purge.committed(offsets)
    this.#options.onCommitted(this.#options.tasks)
  }

  #process(): boolean {
    const { clock, collector, controls } = this.#options
    if (controls.isPaused) return false
    const running = this.#running()
    const untilMs = clock.monotonicMs() + roundMs
    let hasWorked = false
    for (const task of running) if (task.task.punctuateWallClock()) hasWorked = true
    for (let isBusy = true; isBusy && clock.monotonicMs() < untilMs;) {
      isBusy = false
      for (const task of running) {
        const beganMs = clock.monotonicMs()
        const taken = task.process(recordsPerTurn, beganMs)
        if (taken === 0) continue
        task.task.counts.processMs += clock.monotonicMs() - beganMs
        this.#taken += taken
        isBusy = hasWorked = true
        if (task.task.wantsCommit) return true
      }
      if (collector.waitingBytes > waitingMaxBytes) break
    }
    return hasWorked
  }

  /** A processor asked for it, or too much state waits in memory. */
  #wantsCommit(): boolean {
    if (this.#options.isCommitWanted()) return true
    let waitingBytes = 0
    for (const { task, environment, state } of this.#options.tasks.values()) {
      if (state !== 'RUNNING') continue
      if (task.wantsCommit) return true
      waitingBytes += environment.bufferedBytes
    }
    return waitingBytes > this.#options.settings.stateBufferBytes
  }

  #running(): readonly RunningTask[] {
    return [...this.#options.tasks.values()].filter(({ state }) => state === 'RUNNING')
  }
}
