/** What one instance knows for queries: its stores, who has the others, and how to ask them. Owner: the application. */
import { systemClock, type Clock } from '@millrace/core'
import type { StreamsState } from '../runtime/app-state.ts'
import type { TopicPlan } from '../runtime/topic-plan.ts'
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde.ts'
import type { StreamPartitioner, Topology } from '../topology/topology.ts'
import type { InstanceMetadata } from './group-instances.ts'
import { LocalPages, type QueriedThread } from './local-pages.ts'
import { RoutedPages } from './routed-pages.ts'
import { StorePlaces } from './store-places.ts'
import type { PageSource } from './page-source.ts'
import { StoreReader, type StoreReaderOptions } from './store-reader.ts'
import {
  checkType,
  queryableStore,
  type QueryableStores,
  type QueryableStoreType,
  type StoreQueryOptions,
} from './store-type.ts'

export interface AppQueriesOptions {
  readonly applicationId: string
  readonly state: () => StreamsState
  readonly threads: () => readonly QueriedThread[]
  readonly clock?: Clock | undefined
}

/** Who has a key. */
export interface KeyMetadata {
  /** Undefined: of a global store, which every instance has. */
  readonly partition: number | undefined
  readonly active: InstanceMetadata
  /** Those that keep a copy. */
  readonly standbys: readonly InstanceMetadata[]
}

/** How a key is found. */
export interface KeyMetadataOptions<K> {
  /** Default: the serde of the store's keys. */
  readonly key?: Serde<K>
  readonly partitioner?: StreamPartitioner<K, never>
}

interface Told {
  readonly instances: readonly InstanceMetadata[]
  readonly generationId: number
}

export class AppQueries {
  readonly applicationId: string
  /** `host:port` at which other instances reach this one's query server. */
  applicationServer: string | undefined
  readonly #options: AppQueriesOptions
  readonly #local: LocalPages
  readonly #routed: RoutedPages
  #processId: string | undefined
  #places: StorePlaces | undefined
  /** What each stream thread was last told, by its index. */
  readonly #told = new Map<number, Told>()

  constructor(options: AppQueriesOptions) {
    this.applicationId = options.applicationId
    this.#options = options
    const places = (): StorePlaces => this.places
    this.#local = new LocalPages({
      places,
      threads: options.threads,
      isRebalancing: () => options.state() === 'REBALANCING',
      ownerOf: (taskId) => this.#activeOf(taskId),
      ownProcessId: () => this.#processId,
    })
    this.#routed = new RoutedPages({
      applicationId: options.applicationId,
      local: this.#local,
      places,
      instances: () => this.instances,
      ownProcessId: () => this.#processId,
    })
  }

  /** The application starts. */
  begin(processId: string, topology: Topology, plan: TopicPlan): void {
    this.#processId = processId
    this.#places = new StorePlaces(topology, plan, this.applicationId)
  }

  /** A stream thread was told who runs what. */
  told(threadIndex: number, instances: readonly InstanceMetadata[], generationId: number): void {
    this.#told.set(threadIndex, { instances, generationId })
  }

  /** A stream thread has ended: it hears no more. */
  forget(threadIndex: number): void {
    this.#told.delete(threadIndex)
  }

  get processId(): string | undefined {
    return this.#processId
  }

  get state(): StreamsState {
    return this.#options.state()
  }

  /** Of the latest generation that a thread has heard of; a group that began anew counts from 1 again, for each of them. */
  get instances(): readonly InstanceMetadata[] {
    let latest: Told = { instances: [], generationId: -1 }
    for (const told of this.#told.values())
      if (told.generationId > latest.generationId) latest = told
    return latest.instances
  }

  /** @throws StreamsError `MR_STREAMS_STORE_NOT_READY` before the start, `MR_STREAMS_CLOSED` after the end */
  get places(): StorePlaces {
    const state = this.#options.state()
    if (state !== 'RUNNING' && state !== 'REBALANCING' && state !== 'CREATED')
      throw new StreamsError(
        'MR_STREAMS_CLOSED',
        `The application is ${state}; its stores are closed. Ask another instance.`,
        { state },
      )
    if (this.#places) return this.#places
    throw new StreamsError(
      'MR_STREAMS_STORE_NOT_READY',
      'The application has not started yet. Ask again once it has.',
      { state },
    )
  }

  get local(): PageSource {
    return this.#local
  }

  store<K, V, Type extends QueryableStoreType>(
    name: string,
    options: StoreQueryOptions<K, V, Type>,
  ): QueryableStores<K, V>[Type] {
    const reader = this.reader(name, options, (places) =>
      checkType(name, places.builder(name).kind, options.type),
    )
    return queryableStore(options.type, reader)
  }

  /** @param check called before each read, once the topology is known */
  reader<K, V>(
    store: string,
    options: Omit<StoreQueryOptions<K, V, 'keyValue'>, 'type' | 'partitioner'> &
      Pick<StoreReaderOptions<K, V>, 'onPage'> & {
        readonly partitioner?: StreamPartitioner<K, never> | undefined
      },
    check: (places: StorePlaces) => void = () => {},
  ): StoreReader<K, V> {
    const { scope, partitioner, ...rest } = options
    const source: PageSource = scope === 'application' ? this.#routed : this.#local
    const readerOptions: StoreReaderOptions<K, V> = {
      ...rest,
      store,
      partitioner,
      clock: this.#options.clock ?? systemClock,
      source,
      places: () => {
        const { places } = this
        check(places)
        return places
      },
    }
    return new StoreReader(readerOptions)
  }

  /** @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`, `MR_STREAMS_STORE_NOT_READY` as long as the group has not told, `MR_STREAMS_BAD_QUERY` */
  metadataForKey<K>(store: string, key: K, options: KeyMetadataOptions<K> = {}): KeyMetadata {
    const { places } = this
    const serde = options.key ?? places.builder(store).serdes?.key
    if (places.isGlobal(store)) {
      const own = this.instances.find(({ processId }) => processId === this.#processId)
      if (!own) throw this.#untold(store)
      return { partition: undefined, active: own, standbys: [] }
    }
    let keyBytes: Buffer
    try {
      keyBytes = serde?.serialize(key) ?? Buffer.alloc(0)
    } catch (error) {
      throw new StreamsError(
        'MR_STREAMS_BAD_QUERY',
        `The key asked of the store "${store}" has no bytes: ${String(error)}`,
        { store },
        { cause: error },
      )
    }
    const partition = places.partitionOf(store, key, keyBytes, options.partitioner)
    const taskId = places.taskIdOf(store, partition) ?? ''
    const active = this.#activeOf(taskId)
    if (!active) throw this.#untold(store, partition)
    const standbys = this.instances.filter((each) => each.standbyTasks.includes(taskId))
    return { partition, active, standbys }
  }

  /** Instances that have a part of the store, active or as a copy. @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` */
  metadataForStore(store: string): readonly InstanceMetadata[] {
    const { places } = this
    places.builder(store)
    if (places.isGlobal(store)) return this.instances
    const count = places.partitionCount(store)
    const taskIds = new Set<string | undefined>()
    for (let partition = 0; partition < count; partition++)
      taskIds.add(places.taskIdOf(store, partition))
    return this.instances.filter(({ activeTasks, standbyTasks }) =>
      [...activeTasks, ...standbyTasks].some((id) => taskIds.has(id)),
    )
  }

  #activeOf(taskId: string): InstanceMetadata | undefined {
    return this.instances.find(({ activeTasks }) => activeTasks.includes(taskId))
  }

  #untold(store: string, partition?: number): StreamsError {
    return new StreamsError(
      'MR_STREAMS_STORE_NOT_READY',
      `The group has not told yet who has ${partition === undefined ? '' : `partition ${partition} of `}the store "${store}". Ask again.`,
      { store, partition },
    )
  }
}
