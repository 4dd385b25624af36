/**
 * Where queries meet the tasks of a stream thread. A page is read between two records, in one go, and nothing of it stays behind, so that a
 * slow reader holds up nobody. What has to wait, for its position or for a commit, is looked at again after each round of processing.
 * Owner: the session of the thread.
 */
import type { Clock, Timer } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import type { StateStore } from '../state/store.ts'
import type { Topology } from '../topology/topology.ts'
import { lagsOf, type StoreLag } from './store-lag.ts'
import { readPage } from './stored-rows.ts'
import { checkRequest } from './page-request.ts'
import type { Page, PageRequest, PositionBound, StorePosition } from './store-read.ts'

/** A task as queries see it. */
export interface QueriedTask {
  readonly id: string
  /** `RUNNING` ones answer; `STANDBY` and `RESTORING` ones whoever allows their lag. */
  readonly state: string
  readonly task: { readonly stores: ReadonlyMap<string, StateStore> }
  /** Its input partitions, with the offset of the next record to be processed. */
  readonly queues: readonly {
    readonly topic: string
    readonly partition: number
    readonly nextOffset: bigint
  }[]
  readonly changelogs: readonly { readonly store: string; readonly partition: number }[]
  /** Up to where each store has its changelog; missing where that is not known yet. */
  readonly positions: ReadonlyMap<string, number>
  /** Where the changelogs end, as far as is known. */
  readonly ends: ReadonlyMap<string, number>
}

export interface QueryDeskOptions {
  readonly topology: Topology
  readonly clock: Clock
  readonly tasks: ReadonlyMap<string, QueriedTask>
  /** The task that has a partition of a store, wherever it is; undefined where there is no such store. */
  readonly taskIdOf: (store: string, partition: number) => string | undefined
  readonly globalStores: ReadonlyMap<string, StateStore>
  /**
   * Records between what was processed of an input partition and its end; undefined where the end is not known. Called for each page, and what
   * it returns for each partition of it.
   */
  readonly inputLags?: () => (input: QueriedTask['queues'][number]) => number | undefined
  /** Whether nothing has changed since the last commit. */
  readonly isCommitted: () => boolean
  /** A commit is waited for. */
  readonly onWaiting: () => void
}

interface Waiting {
  readonly request: PageRequest
  readonly timer: Timer
  readonly sinceMs: number
  resolve(page: Page): void
  reject(error: unknown): void
}

/** Queries that wait at one thread. */
const maxWaiting = 1_000
/** A commit is brought forward for a query that has waited for it so long, ms. */
const commitPatienceMs = 100

export class QueryDesk {
  readonly #options: QueryDeskOptions
  readonly #waiting = new Set<Waiting>()
  #isClosed = false

  constructor(options: QueryDeskOptions) {
    this.#options = options
  }

  /** Whether a query has waited long enough to be worth a commit. */
  get wantsCommit(): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    for (const { request, sinceMs } of this.#waiting)
      if (request.isolation === 'committed' && nowMs - sinceMs >= commitPatienceMs) return true
    return false
  }

  /**
   * @throws StreamsError `MR_STREAMS_NOT_OWNER`, `MR_STREAMS_STORE_NOT_READY`, `MR_STREAMS_POSITION_NOT_REACHED`, `MR_STREAMS_QUERIES_FULL`,
   * and what `readPage` throws
   */
  async page(request: PageRequest): Promise<Page> {
    checkRequest(request)
    if (this.#isClosed) throw notReady(request, 'its stream thread is joining the group')
    // A commit may be under way here, so that what looks committed may not be; the round after it knows.
    if (request.isolation === 'uncommitted') {
      const page = this.#answer(request)
      if (page) return page
    }
    if (this.#waiting.size >= maxWaiting)
      throw new StreamsError(
        'MR_STREAMS_QUERIES_FULL',
        `${maxWaiting} queries wait at this stream thread already for a position or a commit. Ask again later, or from fewer callers at once.`,
        { store: request.store, maxWaiting },
      )
    return this.#wait(request)
  }

  /** Of all tasks here, copies among them. */
  lags(): readonly StoreLag[] {
    return [...this.#options.tasks.values()].flatMap(lagsOf)
  }

  /** After a round of processing, and after its commit if there was one: nothing of a task is half done. */
  serve(): void {
    if (this.#waiting.size === 0) return
    const isCommitted = this.#options.isCommitted()
    for (const waiting of this.#waiting) {
      if (waiting.request.isolation === 'committed' && !isCommitted) continue
      try {
        const page = this.#answer(waiting.request)
        if (page) this.#settle(waiting, () => waiting.resolve(page))
      } catch (error) {
        this.#settle(waiting, () => waiting.reject(error))
      }
    }
  }

  /** What waits is told to ask again. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const waiting of this.#waiting)
      this.#settle(waiting, () =>
        waiting.reject(notReady(waiting.request, 'its stream thread has left the group')),
      )
  }

  #wait(request: PageRequest): Promise<Page> {
    const { clock, onWaiting } = this.#options
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(request.timeoutMs, () =>
        this.#settle(waiting, () => reject(this.#tooLate(request))),
      )
      const waiting = { request, timer, sinceMs: clock.monotonicMs(), resolve, reject }
      this.#waiting.add(waiting)
      onWaiting()
    })
  }

  #settle(waiting: Waiting, tell: () => void): void {
    if (!this.#waiting.delete(waiting)) return
    waiting.timer.cancel()
    tell()
  }

  /** Undefined as long as the input has not come as far as the query wants. */
  #answer(request: PageRequest): Page | undefined {
    const { topology, globalStores } = this.#options
    const { store: name, partition, read, after, limit } = request
    if (partition === undefined) {
      const store = globalStores.get(name)
      const builder = topology.globalStores.get(name)
      if (!store || !builder) throw notReady(request, 'it is not read yet')
      return { ...readPage(store, builder, read, after, limit), positions: [] }
    }
    const task = this.#taskFor(request, partition)
    const positions = this.#positionsOf(task)
    if (request.bounds.some((bound) => isAhead(bound, positions))) return undefined
    const store = task.task.stores.get(name)
    const builder = topology.stores.get(name)
    if (!store || !builder) throw notReady(request, 'it is not open yet')
    return { ...readPage(store, builder, read, after, limit), positions }
  }

  #taskFor(request: PageRequest, partition: number): QueriedTask {
    const { store, maxLagRecords } = request
    const id = this.#options.taskIdOf(store, partition)
    const task = id === undefined ? undefined : this.#options.tasks.get(id)
    if (!task || id === undefined)
      throw new StreamsError(
        'MR_STREAMS_NOT_OWNER',
        `Partition ${partition} of the store "${store}" is not with this stream thread. The group has moved it, or never gave it here; ask the instance that metadataForKey names.`,
        { store, partition },
      )
    if (task.state === 'RUNNING') return task
    const lagRecords = lagsOf(task).find((each) => each.store === store)?.lagRecords
    // What a copy has seen of the input is not known, so that it can keep no bound.
    if (maxLagRecords === undefined || lagRecords === undefined || request.bounds.length > 0)
      throw notReady(request, `task ${id} is ${task.state.toLowerCase()}`)
    if (lagRecords <= maxLagRecords) return task
    throw new StreamsError(
      'MR_STREAMS_STORE_NOT_READY',
      `The copy of partition ${partition} of the store "${store}" here is ${lagRecords} records behind, and maxLagRecords is ${maxLagRecords}. Ask again, or allow more.`,
      { store, partition, lagRecords, maxLagRecords },
    )
  }

  #positionsOf(task: QueriedTask): readonly StorePosition[] {
    const lagOf = this.#options.inputLags?.()
    return task.queues.map((queue) => {
      const { topic, partition, nextOffset } = queue
      const lagRecords = lagOf?.(queue)
      const position = { topic, partition, offset: nextOffset - 1n }
      return lagRecords === undefined ? position : { ...position, lagRecords }
    })
  }

  #tooLate(request: PageRequest): StreamsError {
    const { store, partition, timeoutMs } = request
    const id = partition === undefined ? undefined : this.#options.taskIdOf(store, partition)
    const task = id === undefined ? undefined : this.#options.tasks.get(id)
    const positions = task ? this.#positionsOf(task) : []
    const missing = request.bounds.filter((bound) => isAhead(bound, positions))
    const [first] = missing
    if (!first) return notReady(request, `there was no commit within ${timeoutMs} ms`)
    const reached = positionIn(first, positions)
    return new StreamsError(
      'MR_STREAMS_POSITION_NOT_REACHED',
      `The store "${store}" has not seen the record at offset ${first.offset} of ${first.topic}/${first.partition} within ${timeoutMs} ms; it has come to ${reached ?? -1n}. Ask again, or wait longer with timeoutMs.`,
      { store, partition, bound: first, reachedOffset: reached, timeoutMs },
    )
  }
}

/** Bounds of partitions that the task does not read say nothing about its stores, as in KIP-796. */
function isAhead(bound: PositionBound, positions: readonly StorePosition[]): boolean {
  const reached = positionIn(bound, positions)
  return reached !== undefined && reached < bound.offset
}

function positionIn(
  { topic, partition }: PositionBound,
  positions: readonly StorePosition[],
): bigint | undefined {
  return positions.find((each) => each.topic === topic && each.partition === partition)?.offset
}

function notReady({ store, partition }: PageRequest, why: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_STORE_NOT_READY',
    `${partition === undefined ? 'The global store' : `Partition ${partition} of the store`} "${store}" cannot be read now: ${why}. Ask again.`,
    { store, partition },
  )
}
