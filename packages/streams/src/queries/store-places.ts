/** Where partitions of stores lie, by topology and plan alone: which task has one, and which one has a key. */
import { partitionForKey } from '@millrace/kafka'
import { StreamsError } from '../errors.ts'
import type { StoreBuilder } from '../state/store.ts'
import type { SubtopologyPlan, TopicPlan } from '../runtime/topic-plan.ts'
import type { StreamPartitioner, Topology } from '../topology/topology.ts'
import { isQueryable } from './stored-rows.ts'

export class StorePlaces {
  readonly #topology: Topology
  readonly #plan: TopicPlan
  /** By store. */
  readonly #subtopologyIds = new Map<string, number>()
  readonly #partitioners = new Map<string, StreamPartitioner>()

  /** @param plan may change while this is used */
  constructor(topology: Topology, plan: TopicPlan, applicationId: string) {
    this.#topology = topology
    this.#plan = plan
    for (const { id, nodes } of plan.subtopologies)
      for (const name of nodes) {
        const node = topology.nodes.get(name)
        if (node?.kind === 'processor')
          for (const store of node.stores) this.#subtopologyIds.set(store, id)
      }
    for (const node of topology.nodes.values())
      if (node.kind === 'sink' && node.isInternal && node.partitioner)
        this.#partitioners.set(`${applicationId}-${String(node.topic)}`, node.partitioner)
  }

  /** Names of the stores that can be queried, global ones among them. */
  get names(): readonly string[] {
    const { stores, globalStores } = this.#topology
    return [...stores, ...globalStores].flatMap(([name, builder]) =>
      isQueryable(builder) ? [name] : [],
    )
  }

  /** Those with their kind and partition count, null where every instance has all of it. */
  get described(): readonly {
    readonly name: string
    readonly kind: string
    readonly partitions: number | null
  }[] {
    return this.names.map((name) => ({
      name,
      kind: this.builder(name).kind,
      partitions: this.isGlobal(name) ? null : this.partitionCount(name),
    }))
  }

  /** @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` where there is none, or it cannot be queried */
  builder(store: string): StoreBuilder {
    const { stores, globalStores } = this.#topology
    const builder = stores.get(store) ?? globalStores.get(store)
    if (builder && isQueryable(builder)) return builder
    throw new StreamsError(
      'MR_STREAMS_UNKNOWN_STORE',
      `${builder ? `The store "${store}" of the kind ${builder.kind} cannot be queried` : `The topology has no store "${store}"`}. Those that can be: ${this.names.join(', ') || 'none'}.`,
      { store },
    )
  }

  isGlobal(store: string): boolean {
    return this.#topology.globalStores.has(store)
  }

  /** Stores of a task that can be queried, by its id. */
  storesOf(taskId: string): readonly string[] {
    return [...this.#subtopologyIds].flatMap(([store, id]) =>
      taskId.startsWith(`${id}_`) && isQueryable(this.#described(store)) ? [store] : [],
    )
  }

  partitionCount(store: string): number {
    return this.#subtopologyOf(store)?.taskCount ?? 0
  }

  taskIdOf(store: string, partition: number): string | undefined {
    const subtopology = this.#subtopologyOf(store)
    return subtopology && partition < subtopology.taskCount
      ? `${subtopology.id}_${partition}`
      : undefined
  }

  /** Topics, by their names on the cluster, whose records change the store. */
  inputTopics(store: string): readonly string[] {
    return this.#subtopologyOf(store)?.sourceTopics ?? []
  }

  changelogOf(store: string): string | undefined {
    return this.#subtopologyOf(store)?.changelogs.get(store)
  }

  /**
   * The partition that has a key: what the given partitioner says, else that of the repartition step before the store, else the hash of the
   * key's bytes.
   * @throws StreamsError `MR_STREAMS_BAD_QUERY` where the partitioner cannot tell by the key alone
   */
  partitionOf<K>(
    store: string,
    key: K,
    keyBytes: Buffer,
    given?: StreamPartitioner<K, never>,
  ): number {
    const topics = this.inputTopics(store)
    const count = this.partitionCount(store)
    const topic = topics.find((each) => this.#partitioners.has(each)) ?? topics[0] ?? store
    const partitioner = (given as StreamPartitioner | undefined) ?? this.#partitioners.get(topic)
    if (!partitioner) return partitionForKey(keyBytes, count)
    let chosen: number | readonly number[] | undefined
    try {
      chosen = partitioner(topic, key, null, this.#plan.partitionCounts.get(topic) ?? count)
    } catch (error) {
      throw this.#unpartitioned(store, topic, error)
    }
    const partition = typeof chosen === 'object' ? chosen[0] : chosen
    if (partition === undefined && typeof chosen === 'object')
      throw this.#unpartitioned(store, topic, new Error('It drops records of this key.'))
    return partition ?? partitionForKey(keyBytes, count)
  }

  #subtopologyOf(store: string): SubtopologyPlan | undefined {
    const id = this.#subtopologyIds.get(store)
    return this.#plan.subtopologies.find((each) => each.id === id)
  }

  #described(store: string): Pick<StoreBuilder, 'kind' | 'serdes'> {
    return this.#topology.stores.get(store) ?? { kind: 'subscription' }
  }

  #unpartitioned(store: string, topic: string, error: unknown): StreamsError {
    return new StreamsError(
      'MR_STREAMS_BAD_QUERY',
      `Which partition of the store "${store}" has the key cannot be told: the partitioner of ${topic} answers by the key alone with: ${String(error)} Give the query a partitioner of its own.`,
      { store, topic },
      { cause: error },
    )
  }
}
