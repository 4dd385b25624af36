import { StreamsError } from '../errors.ts'
import type { InstanceMetadata } from './group-instances.ts'
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
  /** Who runs a task, as the group last told; undefined where it has not. */
  readonly ownerOf: (taskId: string) => InstanceMetadata | undefined
  readonly ownProcessId: () => string | undefined
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

  /**
   * What the group has given to this instance, whether it is here by now or not: a walk waits for that, and leaves nothing out.
   * @throws StreamsError `MR_STREAMS_STORE_NOT_READY` while the group rebalances
   */
  partitions(store: string): readonly (number | undefined)[] {
    const { places, isRebalancing } = this.#options
    if (places().isGlobal(store)) return [undefined]
    const count = places().partitionCount(store)
    const own: number[] = []
    for (let partition = 0; partition < count; partition++) {
      const owner = this.#options.ownerOf(places().taskIdOf(store, partition) ?? '')
      if (isRebalancing() || !owner) throw notReady(store, 'the group rebalances', partition)
      if (owner.processId === this.#options.ownProcessId()) own.push(partition)
    }
    return own
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
    const told = this.#options.ownerOf(taskId)
    if (!told || told.processId === this.#options.ownProcessId())
      return notReady(store, 'its task is on the way', partition)
    const { applicationServer } = told
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
