/**
 * Looks at what a session of a stream thread has counted: once a second for the meter, when asked for `app.metrics()`, and each 30 seconds to
 * remember it, so that rates can be told. Between these nothing costs more than the addition where it is counted.
 */
import type { Clock, Meter } from '@millrace/core'
import type { RunningTask } from '../runtime/tasks/running-task.ts'
import type { Topology } from '../topology/topology.ts'
import {
  taskFigures,
  threadFigures,
  type FiguresOverTime,
  type TaskFigures,
  type ThreadFigures,
} from './figures.ts'
import type { TaskCounts } from './task-counts.ts'
import { TaskSeries, type Reported } from './task-series.ts'
import type { ThreadCounts } from './thread-counts.ts'

export interface SessionMetricsOptions {
  readonly meter: Meter
  readonly clock: Clock
  readonly applicationId: string
  /** From 1. */
  readonly threadNumber: number
  readonly topology: Topology
  readonly counts: ThreadCounts
  readonly tasks: ReadonlyMap<string, RunningTask>
  /** Records of its input that a task has not processed, as far as is known. Called once for all tasks, and what it returns for each. */
  readonly inputLags: () => (task: RunningTask) => number
}

const reportMs = 1_000
const windowMs = 30_000

/** Figures with the tasks they are of: a task that came back is another one. */
interface Remembered {
  readonly thread: ThreadFigures
  readonly byTask: ReadonlyMap<TaskCounts, TaskFigures>
}

export class SessionMetrics {
  readonly #options: SessionMetricsOptions
  readonly #series: TaskSeries
  readonly #reported = new WeakMap<TaskCounts, Reported>()
  #dueMs: number
  #older: Remembered
  #newer: Remembered

  constructor(options: SessionMetricsOptions) {
    this.#options = options
    const { meter, applicationId, threadNumber, clock } = options
    this.#series = new TaskSeries(meter, applicationId, threadNumber)
    this.#dueMs = clock.monotonicMs() + reportMs
    this.#older = this.#newer = this.#look()
  }

  /** Between two rounds. */
  tick(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs < this.#dueMs) return
    this.#dueMs = nowMs + reportMs
    this.report()
    if (nowMs - this.#newer.thread.atMs < windowMs) return
    this.#older = this.#newer
    this.#newer = this.#look()
    this.#options.counts.maxCommitMs.rotate()
    for (const { task } of this.#options.tasks.values()) task.counts.rotate()
  }

  /** Tells the meter what came since the last time: once a second, and before tasks go. */
  report(): void {
    const { tasks, counts } = this.#options
    const all: TaskFigures[] = []
    const figuresOf = this.#figuresNow()
    for (const running of tasks.values()) {
      const figures = figuresOf(running)
      all.push(figures)
      const reported = this.#reportedOf(running.task.counts)
      counts.punctuated += figures.punctuated - (reported.get(punctuatedKey) ?? 0)
      counts.punctuateMs += figures.punctuateMs - (reported.get(punctuateMsKey) ?? 0)
      reported.set(punctuatedKey, figures.punctuated)
      reported.set(punctuateMsKey, figures.punctuateMs)
      this.#series.task(figures, reported)
    }
    this.#series.thread(all)
  }

  /** The tasks are gone. */
  close(): void {
    this.#series.thread([])
  }

  figures(): FiguresOverTime {
    this.report()
    const now = this.#look()
    const { thread, byTask } = this.#older
    const tasks = [...now.byTask.keys()].flatMap((counts) => byTask.get(counts) ?? [])
    return { now: now.thread, before: { ...thread, tasks } }
  }

  #look(): Remembered {
    const { tasks, counts, clock } = this.#options
    const byTask = new Map<TaskCounts, TaskFigures>()
    const figuresOf = this.#figuresNow()
    for (const running of tasks.values()) byTask.set(running.task.counts, figuresOf(running))
    return { thread: threadFigures(counts, [...byTask.values()], clock.monotonicMs()), byTask }
  }

  #figuresNow(): (running: RunningTask) => TaskFigures {
    const { topology, inputLags } = this.#options
    const inputLagOf = inputLags()
    return (running) => taskFigures(running, topology, inputLagOf(running))
  }

  #reportedOf(counts: TaskCounts): Reported {
    let reported = this.#reported.get(counts)
    if (!reported) this.#reported.set(counts, (reported = new Map()))
    return reported
  }
}

/** What the thread's own sums have taken over; no names of series. */
const punctuatedKey = 'thread punctuated'
const punctuateMsKey = 'thread punctuate ms'
