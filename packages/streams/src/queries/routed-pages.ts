import { StreamsError } from '../errors.ts'
import type { InstanceMetadata } from './group-instances.ts'
import type { PageSource } from './page-source.ts'
import { remotePage } from './remote-pages.ts'
import type { StorePlaces } from './store-places.ts'
import type { Page, PageRequest } from './store-read.ts'

export interface RoutedPagesOptions {
  readonly applicationId: string
  readonly local: PageSource
  readonly places: () => StorePlaces
  /** Who runs what, as the group last told. */
  readonly instances: () => readonly InstanceMetadata[]
  readonly ownProcessId: () => string | undefined
}

const passing = new Set([
  'MR_STREAMS_STORE_NOT_READY',
  'MR_STREAMS_QUERIES_FULL',
  'MR_STREAMS_NOT_OWNER',
  'MR_STREAMS_INSTANCE_UNREACHABLE',
])

/** Stores of all instances: each page comes from whoever has its partition, as the group's last assignment says. */
export class RoutedPages implements PageSource {
  readonly #options: RoutedPagesOptions

  constructor(options: RoutedPagesOptions) {
    this.#options = options
  }

  /** All of it: when it is asked again, the group may have said where the partition is now. */
  isPassing(code: string): boolean {
    return passing.has(code)
  }

  /** Never only some of them: what cannot be read is an error of its page. */
  partitions(store: string): readonly (number | undefined)[] {
    const places = this.#options.places()
    if (places.isGlobal(store)) return [undefined]
    return Array.from({ length: places.partitionCount(store) }, (_, partition) => partition)
  }

  async page(request: PageRequest): Promise<Page> {
    const { local, places, instances } = this.#options
    const { store, partition, maxLagRecords } = request
    const taskId = partition === undefined ? undefined : places().taskIdOf(store, partition)
    // A global store is everywhere; of a partition that there is not, the local stores tell.
    if (taskId === undefined) return local.page(request)
    const owners = instances().filter(({ activeTasks }) => activeTasks.includes(taskId))
    if (maxLagRecords !== undefined)
      owners.push(...instances().filter(({ standbyTasks }) => standbyTasks.includes(taskId)))
    let failure: unknown = new StreamsError(
      'MR_STREAMS_STORE_NOT_READY',
      `The group has not told yet who has partition ${partition} of the store "${store}". Ask again.`,
      { store, partition },
    )
    for (const owner of owners)
      try {
        return await this.#from(owner, request)
      } catch (error) {
        failure = error
        if (!(error instanceof StreamsError) || !passing.has(error.code)) break
      }
    throw failure
  }

  #from(owner: InstanceMetadata, request: PageRequest): Promise<Page> {
    const { applicationId, local, ownProcessId } = this.#options
    if (owner.processId === ownProcessId()) return local.page(request)
    if (owner.applicationServer !== undefined)
      return remotePage(owner.applicationServer, applicationId, request)
    const { store, partition } = request
    throw new StreamsError(
      'MR_STREAMS_INSTANCE_UNREACHABLE',
      `Partition ${partition} of the store "${store}" is with the instance ${owner.processId}, which has no query server. Start one there with startQueryServer.`,
      { store, partition, processId: owner.processId },
    )
  }
}
