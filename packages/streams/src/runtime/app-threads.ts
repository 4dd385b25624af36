/**
 * The stream threads of an application in this process: how many there are may change while it runs. Adding and removing run one after
 * the other, as each changes everybody's share of the cache.
 */
import { javaMetrics, type StreamsMetric } from '../metrics/java-metrics.ts'
import type { StoreLag } from '../queries/store-lag.ts'
import type { QueriedThread } from '../queries/local-pages.ts'
import { Exclusive } from './thread/exclusive.ts'
import { badOption } from './runtime-options.ts'
import type { ThreadHandle, ThreadState } from './thread/stream-thread.ts'
import type { GroupMembershipOperation } from './thread/thread-session.ts'
import type { ThreadControls } from './thread/thread-controls.ts'
import { isStandby, threadName, type ThreadMetadata } from './thread/thread-metadata.ts'

/** A stream thread, as of now. */
export interface ThreadDescription {
  /** From 0; free again once a thread with it has ended. */
  readonly index: number
  /** `<clientId>-StreamThread-<index + 1>` */
  readonly name: string
  readonly state: ThreadState
  /** Tasks it has, by id. */
  readonly taskIds: readonly string[]
}

export interface AppThreadsOptions {
  readonly clientId: string
  /** Of all threads together. */
  readonly cacheMaxBytes: number
  readonly make: (index: number, controls: ThreadControls) => ThreadHandle
}

interface Row {
  readonly index: number
  readonly handle: ThreadHandle
  state: ThreadState
  taskIds: readonly string[]
}

export const maxThreads = 64

export class AppThreads {
  readonly #options: AppThreadsOptions
  readonly #changes = new Exclusive()
  /** By index. */
  #rows: Row[] = []
  #isPaused = false

  constructor(options: AppThreadsOptions) {
    this.#options = options
  }

  get all(): readonly ThreadDescription[] {
    return this.#rows.map(({ index, state, taskIds }) => ({
      index,
      name: this.#nameOf(index),
      state,
      taskIds,
    }))
  }

  /** Those that queries may ask. */
  get queried(): readonly QueriedThread[] {
    return this.#rows
      .filter(({ state }) => state !== 'DEAD')
      .map(({ handle, taskIds }) => ({ taskIds, page: (request) => handle.page(request) }))
  }

  /** Of all stores with a changelog, by store and partition. */
  async lags(): Promise<readonly StoreLag[]> {
    const live = this.#rows.filter(({ state }) => state !== 'DEAD')
    const lags = await Promise.all(live.map(({ handle }) => handle.lags()))
    return lags
      .flat()
      .toSorted((a, b) =>
        a.store < b.store ? -1 : a.store > b.store ? 1 : a.partition - b.partition,
      )
  }

  /** Of all threads that have not ended, and their tasks. */
  async metrics(): Promise<readonly StreamsMetric[]> {
    const live = this.#rows.filter(({ state }) => state !== 'DEAD')
    const metrics = await Promise.all(
      live.map(async ({ handle, index }) =>
        (await handle.figures()).flatMap((figures) => javaMetrics(this.#nameOf(index), figures)),
      ),
    )
    return metrics.flat()
  }

  /** Threads that have not ended. */
  get aliveCount(): number {
    return this.#rows.filter(({ state }) => state !== 'DEAD').length
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * As Kafka Streams' `maybeSetRunning`: one runs, and the others do, have ended, or are about to. With no thread left nothing changes.
   */
  get areRunning(): boolean {
    const states = this.#rows.map(({ state }) => state)
    return (
      states.includes('RUNNING') &&
      states.every(
        (state) => state === 'RUNNING' || state === 'DEAD' || state === 'PENDING_SHUTDOWN',
      )
    )
  }

  /** Notes what a thread says of itself. */
  told(index: number, state: ThreadState, taskIds: readonly string[]): void {
    const row = this.#rows.find((each) => each.index === index)
    if (!row) return
    row.state = state
    row.taskIds = taskIds
  }

  /** A thread asks to be let into the group: the others need not find that out by their next heartbeat. */
  joins(index: number): void {
    for (const row of this.#live()) if (row.index !== index) row.handle.othersJoin()
  }

  /** Makes so many threads before any of them begins. @param isWanted asked when it is their turn */
  add(count: number, isWanted: () => boolean): Promise<readonly string[]> {
    return this.#changes.run(() => {
      if (!isWanted()) return []
      const live = this.#live()
      if (live.length + count > maxThreads)
        throw badOption('threads', live.length + count, `must not be more than ${maxThreads}`)
      const controls = this.#controlsFor(live.length + count)
      const added: Row[] = []
      for (let each = 0; each < count; each++) {
        const index = this.#freeIndex()
        const row: Row = {
          index,
          handle: this.#options.make(index, { ...controls }),
          state: 'CREATED',
          taskIds: [],
        }
        this.#rows = [...this.#rows, row].toSorted((a, b) => a.index - b.index)
        added.push(row)
      }
      this.#adjust()
      for (const { handle } of added) handle.start()
      return added.map(({ index }) => this.#nameOf(index))
    })
  }

  /** Ends the thread that came last, in order; undefined where there is none. Its tasks go to others. */
  remove(isWanted: () => boolean): Promise<string | undefined> {
    return this.#changes.run(async () => {
      const row = isWanted() ? this.#live().at(-1) : undefined
      if (!row) return undefined
      await row.handle.close('LEAVE_GROUP')
      this.#rows = this.#rows.filter((each) => each !== row)
      this.#adjust()
      return this.#nameOf(row.index)
    })
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#adjust()
  }

  async metadata(): Promise<readonly ThreadMetadata[]> {
    return Promise.all(
      this.#rows.map(async ({ index, state, handle }) => {
        const tasks = state === 'DEAD' ? [] : await handle.tasks()
        return {
          name: this.#nameOf(index),
          state,
          activeTasks: tasks.filter((task) => !isStandby(task)),
          standbyTasks: tasks.filter(isStandby),
        }
      }),
    )
  }

  /** Ids of the tasks that live threads have; undefined where one cannot tell just now. */
  async tasksInUse(): Promise<ReadonlySet<string> | undefined> {
    const threads = await this.metadata()
    if (threads.some(({ state }) => state !== 'RUNNING' && state !== 'DEAD')) return undefined
    const tasks = threads.flatMap(({ activeTasks, standbyTasks }) => [
      ...activeTasks,
      ...standbyTasks,
    ])
    return new Set(tasks.map(({ taskId }) => taskId))
  }

  /** Ends all threads. */
  async close(operation: GroupMembershipOperation): Promise<void> {
    await Promise.all(this.#rows.map(({ handle }) => handle.close(operation)))
  }

  #live(): readonly Row[] {
    return this.#rows.filter(({ state }) => state !== 'DEAD' && state !== 'PENDING_SHUTDOWN')
  }

  /** Transactional ids are by index, so one is free only when its thread has ended for good. */
  #freeIndex(): number {
    this.#rows = this.#rows.filter(({ state }) => state !== 'DEAD')
    const taken = new Set(this.#rows.map(({ index }) => index))
    let index = 0
    while (taken.has(index)) index++
    return index
  }

  #adjust(): void {
    const live = this.#live()
    for (const { handle } of live) handle.adjust(this.#controlsFor(live.length))
  }

  #controlsFor(threads: number): ThreadControls {
    return {
      isPaused: this.#isPaused,
      cacheMaxBytes: Math.floor(this.#options.cacheMaxBytes / Math.max(1, threads)),
    }
  }

  #nameOf(index: number): string {
    return threadName(this.#options.clientId, index)
  }
}
