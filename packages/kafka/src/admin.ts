import {
  alterGroupOffsets,
  deleteGroupOffsets,
  deleteGroups,
  describeGroups,
  groupOffsets,
  listGroups,
  removeGroupMembers,
} from './admin-groups.ts'
import { alterConfigs, createPartitions, deleteRecords, describeConfigs } from './admin-topics.ts'
import { describeTransactions, listTransactions } from './admin-transactions.ts'
import type {
  ClusterAdmin,
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  GroupDescription,
  GroupListing,
  TransactionDescription,
  TransactionListing,
} from './admin-types.ts'
import { brokerError, code, expectNone } from './broker-error.ts'
import { Cluster } from './cluster.ts'
import type { CommittedOffset, OffsetAtTime, TopicPartitionTime } from './consumer-types.ts'
import { KafkaError } from './errors.ts'
import {
  committedOffsets,
  listOffsets,
  offsetsAtTimes,
  type IsolationLevel,
  type OffsetAt,
} from './offsets.ts'
import { partitionKey } from './partition-key.ts'
import { retrying } from './retrying.ts'
import type {
  KafkaOptions,
  PartitionLag,
  TopicPartition,
  TopicPartitionOffset,
  TopicSpecification,
} from './types.ts'
import { optionalWire, wire } from './wire.ts'

/** Makes an admin client. It connects at the first call; each call goes on trying for `requestTimeoutMs`. */
export async function createAdmin(options: KafkaOptions): Promise<ClusterAdmin> {
  return new KafkaAdmin(options)
}

const brokerDefault = -1

class KafkaAdmin implements ClusterAdmin {
  readonly #cluster: Cluster

  constructor(options: KafkaOptions) {
    this.#cluster = new Cluster(options)
  }

  async ensureTopics(topics: readonly TopicSpecification[]): Promise<void> {
    const names = topics.map(({ name }) => name)
    await retrying(this.#cluster, 'ensureTopics', async () => {
      await this.#cluster.refresh(names)
      const missing = topics.filter(({ name }) => this.#partitionCount(name) === 0)
      if (missing.length === 0) return
      await this.#create(missing)
      await this.#cluster.refresh(names)
      // Created, by us or by someone else just now; brokers learn of it one after the other.
      const unseen = names.find((name) => !this.#hasLeaders(name))
      if (unseen !== undefined)
        throw brokerError(`Waiting for topic "${unseen}"`, code.LEADER_NOT_AVAILABLE, {
          topic: unseen,
        })
    })
    for (const { name, partitions } of topics) {
      const present = this.#partitionCount(name)
      if (present !== partitions)
        throw new KafkaError(
          'MR_KAFKA_TOPIC_MISMATCH',
          `Topic "${name}" exists with ${present} partitions, ${partitions} were asked for; nothing was changed. Ask for ${present}, or move the records to a new topic: a change would send keys elsewhere.`,
          { topic: name, partitions: present, wanted: partitions },
        )
    }
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return retrying(this.#cluster, 'describeTopics', async () => {
      await this.#cluster.refresh(names)
      const counts = names.map((name) => [name, this.#partitionCount(name)] as const)
      return new Map(counts.filter(([, count]) => count > 0))
    })
  }

  async listTopics(): Promise<readonly string[]> {
    return retrying(this.#cluster, 'listTopics', () => this.#cluster.allTopics())
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await retrying(this.#cluster, 'deleteTopics', async () => {
      const controller = await this.#cluster.controller()
      const answer = await this.#cluster.request(controller, 'data', wire.deleteTopics, {
        topics: [],
        topicNames: names,
        timeoutMs: this.#cluster.requestTimeoutMs,
      })
      for (const { name, errorCode } of answer.responses)
        if (errorCode !== code.NONE && errorCode !== code.UNKNOWN_TOPIC_OR_PARTITION)
          throw brokerError(`Deleting topic "${name}"`, errorCode, { topic: name })
      await this.#cluster.refresh(names)
      const left = names.find((name) => this.#partitionCount(name) > 0)
      if (left !== undefined)
        throw brokerError(`Waiting for topic "${left}" to go`, code.REQUEST_TIMED_OUT, {
          topic: left,
        })
    })
  }

  async endOffsets(topic: string): Promise<readonly TopicPartitionOffset[]> {
    return retrying(this.#cluster, 'endOffsets', async () => {
      const partitions = await this.#partitionsOf([topic])
      return listOffsets(this.#cluster, partitions, 'latest', 'read_uncommitted')
    })
  }

  async groupLag(groupId: string, topics: readonly string[]): Promise<readonly PartitionLag[]> {
    return retrying(this.#cluster, 'groupLag', async () => {
      const partitions = await this.#partitionsOf(topics)
      if (partitions.length === 0) return []
      const coordinator = await this.#cluster.coordinatorOf(groupId)
      const [committed, starts, ends] = await Promise.all([
        committedOffsets(this.#cluster, coordinator, groupId, partitions),
        listOffsets(this.#cluster, partitions, 'earliest', 'read_uncommitted'),
        listOffsets(this.#cluster, partitions, 'latest', 'read_uncommitted'),
      ])
      const startOf = new Map(starts.map((row) => [partitionKey(row), row.offset]))
      return ends.map(({ topic, partition, offset: endOffset }) => {
        const key = partitionKey({ topic, partition })
        const committedOffset = committed.get(key)?.offset ?? null
        const from = committedOffset ?? (startOf.get(key) as bigint)
        const lagRecords = Math.max(0, Number(endOffset - from))
        return { topic, partition, committedOffset, endOffset, lagRecords }
      })
    })
  }

  async describeCluster(): Promise<ClusterDescription> {
    return this.#retrying('describeCluster', async () => {
      const answer = await this.#cluster.requestAny(optionalWire.describeCluster, {
        includeClusterAuthorizedOperations: false,
      })
      expectNone('Describing the cluster', answer.errorCode)
      const { clusterId, controllerId } = answer
      const brokers = answer.brokers.map(({ brokerId: nodeId, host, port, rack }) => ({
        nodeId,
        host,
        port,
        rack,
      }))
      return { clusterId, controllerId, brokers }
    })
  }

  async describeConfigs(resource: ConfigResource): Promise<readonly ConfigEntry[]> {
    return this.#retrying('describeConfigs', (cluster) => describeConfigs(cluster, resource))
  }

  async alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[]): Promise<void> {
    await this.#retrying('alterConfigs', (cluster) => alterConfigs(cluster, resource, changes))
  }

  async createPartitions(topic: string, count: number): Promise<void> {
    await this.#retrying('createPartitions', (cluster) => createPartitions(cluster, topic, count))
    await this.#retrying('createPartitions', async (cluster) => {
      await cluster.refresh([topic])
      if (this.#partitionCount(topic) >= count && this.#hasLeaders(topic)) return
      throw brokerError(`Waiting for partitions of "${topic}"`, code.LEADER_NOT_AVAILABLE, {
        topic,
      })
    })
  }

  async deleteRecords(
    before: readonly TopicPartitionOffset[],
  ): Promise<readonly TopicPartitionOffset[]> {
    return this.#retrying('deleteRecords', (cluster) => deleteRecords(cluster, before))
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
    isolationLevel: IsolationLevel = 'read_uncommitted',
  ): Promise<readonly TopicPartitionOffset[]> {
    return this.#retrying('listOffsets', async (cluster) => {
      await this.#partitionsOf(topicsOf(partitions))
      return listOffsets(cluster, partitions, at, isolationLevel)
    })
  }

  async offsetsAtTimes(times: readonly TopicPartitionTime[]): Promise<readonly OffsetAtTime[]> {
    return this.#retrying('offsetsAtTimes', async (cluster) => {
      await this.#partitionsOf(topicsOf(times))
      return offsetsAtTimes(cluster, times, 'read_uncommitted')
    })
  }

  async listGroups(): Promise<readonly GroupListing[]> {
    return this.#retrying('listGroups', listGroups)
  }

  async describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]> {
    return this.#retrying('describeGroups', (cluster) => describeGroups(cluster, groupIds))
  }

  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    await this.#retrying('deleteGroups', (cluster) => deleteGroups(cluster, groupIds))
  }

  async groupOffsets(groupId: string): Promise<readonly CommittedOffset[]> {
    return this.#retrying('groupOffsets', (cluster) => groupOffsets(cluster, groupId))
  }

  async removeGroupMembers(groupId: string, instanceIds?: readonly string[]): Promise<void> {
    await this.#retrying('removeGroupMembers', (cluster) =>
      removeGroupMembers(cluster, groupId, instanceIds),
    )
  }

  async alterGroupOffsets(
    groupId: string,
    offsets: readonly TopicPartitionOffset[],
  ): Promise<void> {
    await this.#retrying('alterGroupOffsets', (cluster) =>
      alterGroupOffsets(cluster, groupId, offsets),
    )
  }

  async deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    await this.#retrying('deleteGroupOffsets', (cluster) =>
      deleteGroupOffsets(cluster, groupId, partitions),
    )
  }

  async listTransactions(): Promise<readonly TransactionListing[]> {
    return this.#retrying('listTransactions', listTransactions)
  }

  async describeTransactions(
    transactionalIds: readonly string[],
  ): Promise<readonly TransactionDescription[]> {
    return this.#retrying('describeTransactions', (cluster) =>
      describeTransactions(cluster, transactionalIds),
    )
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #retrying<T>(what: string, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    return retrying(this.#cluster, what, () => work(this.#cluster))
  }

  async #create(topics: readonly TopicSpecification[]): Promise<void> {
    const controller = await this.#cluster.controller()
    const answer = await this.#cluster.request(controller, 'data', wire.createTopics, {
      topics: topics.map(({ name, partitions, configs }) => ({
        name,
        numPartitions: partitions,
        replicationFactor: brokerDefault,
        assignments: [],
        configs: Object.entries(configs ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
      timeoutMs: this.#cluster.requestTimeoutMs,
      validateOnly: false,
    })
    for (const { name, errorCode, errorMessage } of answer.topics)
      if (errorCode !== code.NONE && errorCode !== code.TOPIC_ALREADY_EXISTS)
        throw brokerError(`Creating topic "${name}"`, errorCode, {
          topic: name,
          brokerMessage: errorMessage,
        })
  }

  async #partitionsOf(topics: readonly string[]): Promise<readonly TopicPartition[]> {
    await this.#cluster.refresh(topics)
    return topics.flatMap((topic) => {
      const known = this.#cluster.topic(topic)
      if (!known || known.errorCode !== code.NONE)
        throw brokerError(
          `Looking for topic "${topic}"`,
          known?.errorCode ?? code.UNKNOWN_TOPIC_OR_PARTITION,
          { topic },
        )
      return known.leaders.map((_leader, partition) => ({ topic, partition }))
    })
  }

  /** 0 for a topic that does not exist, or not yet. */
  #partitionCount(name: string): number {
    const known = this.#cluster.topic(name)
    return known?.errorCode === code.NONE ? known.leaders.length : 0
  }

  #hasLeaders(name: string): boolean {
    const count = this.#partitionCount(name)
    return (
      count > 0 &&
      Array.from({ length: count }).every(
        (_, index) => this.#cluster.leaderOf(name, index) !== undefined,
      )
    )
  }
}

function topicsOf(partitions: readonly TopicPartition[]): readonly string[] {
  return [...new Set(partitions.map(({ topic }) => topic))]
}
