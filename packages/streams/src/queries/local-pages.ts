import { StreamsError } from '../errors.ts'
import type { PageSource } from './page-source.ts'
import type { StorePlaces } from './store-places.ts'
import type { Page, PageRequest } from './store-read.ts'

/** A stream thread of this instance, as queries see it. */
export interface QueriedThread {
  /** Active tasks that it has, or is about to have. */
  readonly taskIds: readonly string[]
  page(request: PageRequest): Promise<Page>
}

export interface LocalPagesOptions {
  readonly places: () => StorePlaces
  readonly threads: () => readonly QueriedThread[]
  /** Whether tasks are coming and going. */
  readonly isRebalancing: () => boolean
  /** Where the group says a task is, for those who ask here; undefined where that is not known. */
  readonly applicationServerOf: (taskId: string) => string | undefined
}

const passing = new Set([
  'MR_STREAMS_STORE_NOT_READY',
  'MR_STREAMS_QUERIES_FULL',
  'MR_STREAMS_INSTANCE_UNREACHABLE',
])

/** Stores of this instance alone. */
export class LocalPages implements PageSource {
  readonly #options: LocalPagesOptions

  constructor(options: LocalPagesOptions) {
    this.#options = options
  }

  isPassing(code: string): boolean {
    return passing.has(code)
  }

  /** @throws StreamsError `MR_STREAMS_STORE_NOT_READY` while the group rebalances: what this instance has is not known then */
  partitions(store: string): readonly (number | undefined)[] {
    const { places, threads, isRebalancing } = this.#options
    if (places().isGlobal(store)) return [undefined]
    if (isRebalancing()) throw notReady(store, 'the group rebalances')
    const here = new Set(threads().flatMap(({ taskIds }) => taskIds))
    const partitions: number[] = []
    for (let partition = 0; partition < places().partitionCount(store); partition++)
      if (here.has(places().taskIdOf(store, partition) as string)) partitions.push(partition)
    return partitions
  }

  async page(request: PageRequest): Promise<Page> {
    const { threads } = this.#options
    const { store, partition, maxLagRecords } = request
    if (partition === undefined) return this.#anyOf(threads(), request)
    const taskId = this.#options.places().taskIdOf(store, partition)
    if (taskId === undefined)
      throw new StreamsError(
        'MR_STREAMS_BAD_QUERY',
        `The store "${store}" has ${this.#options.places().partitionCount(store)} partitions, and no partition ${partition}.`,
        { store, partition },
      )
    const owner = threads().find(({ taskIds }) => taskIds.includes(taskId))
    if (owner) return this.#fromOwner(owner, request)
    if (maxLagRecords !== undefined)
      try {
        return await this.#anyOf(threads(), request)
      } catch (error) {
        if (!isNotOwner(error)) throw error
      }
    if (this.#options.isRebalancing()) throw notReady(store, 'the group rebalances', partition)
    throw this.#elsewhere(store, partition, taskId)
  }

  /** What was given to a thread is there a moment later. */
  async #fromOwner(owner: QueriedThread, request: PageRequest): Promise<Page> {
    try {
      return await owner.page(request)
    } catch (error) {
      if (!isNotOwner(error)) throw error
      throw notReady(request.store, 'its stream thread is about to have it', request.partition)
    }
  }

  /** The answer of the first thread that has one. */
  async #anyOf(threads: readonly QueriedThread[], request: PageRequest): Promise<Page> {
    const { store, partition } = request
    let failure: unknown = notReady(store, 'there is no stream thread', partition)
    let hasAsked = false
    for (const thread of threads)
      try {
        return await thread.page(request)
      } catch (error) {
        // What a thread says that has the store counts for more than that another one has not.
        if (!hasAsked || !isNotOwner(error)) failure = error
        hasAsked = true
      }
    throw failure
  }

  #elsewhere(store: string, partition: number, taskId: string): StreamsError {
    const applicationServer = this.#options.applicationServerOf(taskId)
    return new StreamsError(
      'MR_STREAMS_NOT_OWNER',
      `Partition ${partition} of the store "${store}" is not on this instance${applicationServer === undefined ? '' : ` but at ${applicationServer}`}. Ask there, or read it with { scope: 'application' }.`,
      { store, partition, taskId, applicationServer },
    )
  }
}

function isNotOwner(error: unknown): boolean {
  return error instanceof StreamsError && error.code === 'MR_STREAMS_NOT_OWNER'
}

function notReady(store: string, why: string, partition?: number): StreamsError {
  return new StreamsError(
    'MR_STREAMS_STORE_NOT_READY',
    `The store "${store}" cannot be read now: ${why}. Ask again.`,
    { store, partition },
  )
}
