/** What the administration of a cluster says and takes, beyond topics and lag (`types.ts`). */
import type { CommittedOffset, OffsetAtTime, TopicPartitionTime } from './consumer-types.ts'
import type { Admin, BrokerAddress, TopicPartition, TopicPartitionOffset } from './types.ts'

export interface ClusterBroker extends BrokerAddress {
  readonly nodeId: number
  readonly rack: string | null
}

export interface ClusterDescription {
  readonly clusterId: string
  /** -1 where none is known. */
  readonly controllerId: number
  /** As the brokers advertise themselves. */
  readonly brokers: readonly ClusterBroker[]
}

export interface GroupListing {
  readonly groupId: string
  /** 'consumer' for consumer groups. */
  readonly protocolType: string
  /** 'Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable' or 'Dead'. */
  readonly state: string
}

export interface MemberDescription {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
  /** Empty while the group rebalances, and for groups that are no consumer groups. */
  readonly assignment: readonly TopicPartition[]
}

export interface GroupDescription extends GroupListing {
  /** The assignor that the members agreed on; '' while they have not. */
  readonly protocol: string
  readonly members: readonly MemberDescription[]
}

/** A topic, or a broker by its node id ('' for the default of all). */
export interface ConfigResource {
  readonly type: 'topic' | 'broker'
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  /** null for what is secret. */
  readonly value: string | null
  readonly isDefault: boolean
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
}

export interface ConfigChange {
  readonly name: string
  /** null: back to the default. */
  readonly value: string | null
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: bigint
  /** 'Empty', 'Ongoing', 'PrepareCommit', 'PrepareAbort', 'CompleteCommit', 'CompleteAbort', … */
  readonly state: string
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** null where none is open. */
  readonly startedAtMs: number | null
  readonly partitions: readonly TopicPartition[]
}

/** What `createAdmin` makes. Each call goes on trying for `requestTimeoutMs` and throws a KafkaError then. */
export interface ClusterAdmin extends Admin {
  describeCluster(): Promise<ClusterDescription>

  /** Settings in force, defaults included. */
  describeConfigs(resource: ConfigResource): Promise<readonly ConfigEntry[]>
  /** Changes these settings and leaves the others (KIP-339). */
  alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[]): Promise<void>
  /** Raises the partition count; keys go elsewhere from then on. @throws KafkaError where `count` is not larger */
  createPartitions(topic: string, count: number): Promise<void>
  /** Deletes the records before these offsets; -1 means all that are there. Gives the new beginnings. */
  deleteRecords(before: readonly TopicPartitionOffset[]): Promise<readonly TopicPartitionOffset[]>

  /** Beginning or end of partitions; under 'read_committed' the end is where the first open transaction begins. */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest',
    isolationLevel?: 'read_committed' | 'read_uncommitted',
  ): Promise<readonly TopicPartitionOffset[]>
  /** First record of each partition that is not older than a time; null where all are. */
  offsetsAtTimes(times: readonly TopicPartitionTime[]): Promise<readonly OffsetAtTime[]>

  /** Groups of all brokers, sorted by id. */
  listGroups(): Promise<readonly GroupListing[]>
  /** Groups that do not exist are in state 'Dead'. */
  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]>
  /** @throws KafkaError with `details.errorName` NON_EMPTY_GROUP while a group has members */
  deleteGroups(groupIds: readonly string[]): Promise<void>
  /** Everything the group has committed; offsets in open transactions are waited for. */
  groupOffsets(groupId: string): Promise<readonly CommittedOffset[]>
  /**
   * Throws members out of a group of the classic protocol; those that live join again.
   * @param instanceIds static members (KIP-345), be they there or not; default: all members of the group
   */
  removeGroupMembers(groupId: string, instanceIds?: readonly string[]): Promise<void>
  /** Sets the offsets of a group without members. @throws KafkaError `MR_KAFKA_REFUSED` while it has members */
  alterGroupOffsets(groupId: string, offsets: readonly TopicPartitionOffset[]): Promise<void>
  /** Forgets the offsets of partitions that no member subscribes to. */
  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void>

  /** Transactional ids of all brokers, sorted. */
  listTransactions(): Promise<readonly TransactionListing[]>
  /** Ids that do not exist are left out. */
  describeTransactions(
    transactionalIds: readonly string[],
  ): Promise<readonly TransactionDescription[]>
}
