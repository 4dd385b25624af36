import { toError, uuidv7, type Clock, type Logger, type Timer } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import type { Journal } from '../journal.ts'
import type { BrokerRecord } from '../broker-records.ts'
import { limits } from '../limits.ts'
import { ClassicGroup, type ClassicGroupHost } from './classic/classic-group.ts'
import {
  failedJoin,
  failedSync,
  type JoinRequest,
  type JoinResult,
  type SyncRequest,
  type SyncResult,
} from './classic/group-requests.ts'
import { ConsumerGroup, type ConsumerGroupHost } from './consumer/consumer-group.ts'
import { JOIN_EPOCH } from './consumer/consumer-member.ts'
import {
  faultOfHeartbeat,
  refusedHeartbeat,
  type HeartbeatAnswer,
  type HeartbeatRequest,
} from './consumer/heartbeat.ts'
import type { TopicCatalog } from './consumer/subscriptions.ts'
import type { Committer } from './committer.ts'
import type { Group } from './group.ts'
import { GroupOffsets, type CommittedOffset } from './group-offsets.ts'
import type {
  CommittedOffsetRow,
  GroupJournalRecord,
  OffsetsDeletedRecord,
} from './group-records.ts'

export interface CoordinatorOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Default 0; Kafka has 3,000. */
  readonly initialRebalanceDelayMs: number
  readonly topics: TopicCatalog
  /** Of members of consumer groups (KIP-848). Default 45,000, as in Kafka. */
  readonly consumerSessionTimeoutMs: number
  /** How often they are told to heartbeat. Default 1,000; Kafka has 5,000. */
  readonly consumerHeartbeatIntervalMs: number
  /** Called late, because opening the journal needs the coordinator for its replay. */
  readonly journal: () => Journal<BrokerRecord>
}

export interface CommitRequest extends Committer {
  readonly groupId: string
}

/** All consumer groups of the broker. Each change that must survive a crash is a journal record; `replay` rebuilds the rest from them. */
export class GroupCoordinator {
  readonly #options: CoordinatorOptions
  readonly #groups = new Map<string, Group>()
  readonly #classicHost: ClassicGroupHost
  readonly #consumerHost: ConsumerGroupHost
  #expiryTimer: Timer | undefined

  constructor(options: CoordinatorOptions) {
    this.#options = options
    const { clock, logger } = options
    this.#classicHost = {
      clock,
      logger,
      initialRebalanceDelayMs: options.initialRebalanceDelayMs,
      persist: (record) => this.#persist([record]),
    }
    this.#consumerHost = {
      clock,
      logger,
      topics: options.topics,
      sessionTimeoutMs: options.consumerSessionTimeoutMs,
      heartbeatIntervalMs: options.consumerHeartbeatIntervalMs,
      persistAll: (records) => this.#persist(records),
    }
  }

  get groups(): Iterable<Group> {
    return this.#groups.values()
  }

  get groupCount(): number {
    return this.#groups.size
  }

  find(groupId: string): Group | undefined {
    return this.#groups.get(groupId)
  }

  /** Begins what takes time: sessions of restored members, and the expiry of offsets. */
  start(): void {
    for (const group of this.#groups.values()) group.resume()
    this.#scheduleExpiry()
  }

  close(): void {
    this.#expiryTimer?.cancel()
    for (const group of this.#groups.values()) group.kill()
    this.#groups.clear()
  }

  join(groupId: string, request: JoinRequest): JoinResult | Promise<JoinResult> {
    const { memberId, sessionTimeoutMs } = request
    if (groupId === '') return failedJoin(errorCodes.INVALID_GROUP_ID, memberId)
    if (
      sessionTimeoutMs < limits.minSessionTimeoutMs ||
      sessionTimeoutMs > limits.maxSessionTimeoutMs
    )
      return failedJoin(errorCodes.INVALID_SESSION_TIMEOUT, memberId)
    const subscriptionBytes = request.protocols.reduce(
      (sum, { metadata }) => sum + metadata.length,
      0,
    )
    if (subscriptionBytes > limits.memberMetadataBytes)
      return failedJoin(errorCodes.INVALID_REQUEST, memberId)
    const found = this.#groups.get(groupId)
    if (found?.type === 'consumer' && !found.isEmpty)
      return failedJoin(errorCodes.INCONSISTENT_GROUP_PROTOCOL, memberId)
    if (found?.type !== 'classic' && memberId !== '')
      return failedJoin(errorCodes.UNKNOWN_MEMBER_ID, memberId)
    const group = found?.type === 'classic' ? found : this.#makeClassic(groupId, found)
    if (group === undefined) return failedJoin(errorCodes.COORDINATOR_NOT_AVAILABLE, memberId)
    if (memberId === '' && group.memberCount >= limits.groupMembers)
      return failedJoin(errorCodes.GROUP_MAX_SIZE_REACHED, memberId)
    return group.join(request, `${request.instanceId ?? request.clientId}-${uuidv7()}`)
  }

  sync(groupId: string, request: SyncRequest): SyncResult | Promise<SyncResult> {
    if (groupId === '') return failedSync(errorCodes.INVALID_GROUP_ID)
    for (const assignment of request.assignments.values())
      if (assignment.length > limits.memberMetadataBytes)
        return failedSync(errorCodes.INVALID_REQUEST)
    return this.#classic(groupId)?.sync(request) ?? failedSync(errorCodes.UNKNOWN_MEMBER_ID)
  }

  heartbeat(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): number {
    if (groupId === '') return errorCodes.INVALID_GROUP_ID
    const group = this.#classic(groupId)
    return group?.heartbeat(memberId, instanceId, generation) ?? errorCodes.UNKNOWN_MEMBER_ID
  }

  leave(groupId: string, memberId: string, instanceId: string | null): number {
    if (groupId === '') return errorCodes.INVALID_GROUP_ID
    return this.#groups.get(groupId)?.leave(memberId, instanceId) ?? errorCodes.UNKNOWN_MEMBER_ID
  }

  /**
   * The heartbeat of a consumer group, by which its members join, live and leave (KIP-848). A group without members changes its protocol with
   * the first that comes; one with members does not (Kafka can let members of both into one group).
   */
  consumerHeartbeat(request: HeartbeatRequest, version: number): HeartbeatAnswer {
    const fault = faultOfHeartbeat(request, version)
    if (fault !== undefined) return fault
    const { groupId } = request
    const found = this.#groups.get(groupId)
    if (found?.type === 'consumer') return found.heartbeat(request)
    const isFirst = request.memberEpoch === JOIN_EPOCH && found?.isEmpty !== false
    if (!isFirst)
      return refusedHeartbeat(
        errorCodes.GROUP_ID_NOT_FOUND,
        found === undefined
          ? `Consumer group ${groupId} not found.`
          : `Group ${groupId} is not a consumer group.`,
      )
    if (found === undefined && this.#isFull)
      return refusedHeartbeat(errorCodes.COORDINATOR_NOT_AVAILABLE, 'There are too many groups.')
    const offsets = found?.offsets ?? new GroupOffsets()
    const group = new ConsumerGroup(groupId, this.#consumerHost, offsets)
    const answer = group.heartbeat(request)
    if (answer.errorCode !== errorCodes.NONE) return answer
    found?.kill()
    this.#groups.set(groupId, group)
    return answer
  }

  /** Whether the caller may commit. A group that is not there yet may be committed to by whoever manages its own partitions. */
  checkCommit(request: CommitRequest): number {
    const group = this.#groups.get(request.groupId)
    if (group !== undefined) return group.checkCommit(request)
    if (request.generation < 0) return errorCodes.NONE
    return request.version >= NOT_FOUND_VERSION
      ? errorCodes.GROUP_ID_NOT_FOUND
      : errorCodes.ILLEGAL_GENERATION
  }

  /** Stores offsets that `checkCommit` let through; resolves when they may be acknowledged. */
  async commit(groupId: string, offsets: readonly CommittedOffsetRow[]): Promise<void> {
    if (offsets.length === 0) return
    const committedMs = this.#options.clock.now()
    const group = this.#groups.get(groupId) ?? this.#makeClassic(groupId)
    if (group === undefined) throw new Error(`More than ${limits.groups} groups`)
    const record = { type: 'offsets', groupId, committedMs, offsets } as const
    this.#journal.append([record])
    group.offsets.apply(record)
    await this.#journal.durable()
  }

  /** Whether the offsets of a transaction may be committed for the group: not even a rebalance stands against it, only a wrong member. */
  checkTransactionCommit(request: CommitRequest): number {
    const { memberId, instanceId, generation } = request
    const isAnonymous = generation < 0 && memberId === '' && instanceId === null
    if (isAnonymous) return errorCodes.NONE
    const group = this.#groups.get(request.groupId)
    if (group !== undefined) return group.checkTransactionCommit(request)
    return generation < 0 ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION
  }

  /** Whether somebody who says who it is may read the group's offsets. @returns Kafka's error code, 0 when it may */
  checkFetch(groupId: string, memberId: string | null, epoch: number): number {
    return this.#groups.get(groupId)?.checkFetch(memberId, epoch) ?? errorCodes.NONE
  }

  /** Stores offsets that wait for the end of the producer's transaction; resolves when they may be acknowledged. */
  async commitPending(
    groupId: string,
    producerId: number,
    offsets: readonly CommittedOffsetRow[],
  ): Promise<void> {
    if (offsets.length === 0) return
    const committedMs = this.#options.clock.now()
    const group = this.#groups.get(groupId) ?? this.#makeClassic(groupId)
    if (group === undefined) throw new Error(`More than ${limits.groups} groups`)
    const record = { type: 'pendingOffsets', groupId, producerId, committedMs, offsets } as const
    this.#journal.append([record])
    group.offsets.applyPending(record)
    await this.#journal.durable()
  }

  /** The journal has the decision already; from it the same follows at every start. */
  endTransaction(groupIds: readonly string[], producerId: number, isCommit: boolean): void {
    for (const groupId of groupIds)
      this.#groups.get(groupId)?.offsets.endTransaction(producerId, isCommit)
  }

  /** True while an open transaction may still change the committed offset (KIP-447). */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#groups.get(groupId)?.offsets.isPending(topic, partition) ?? false
  }

  committed(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.offsets.get(topic, partition)
  }

  /** @returns Kafka's error code */
  async deleteGroup(groupId: string): Promise<number> {
    if (groupId === '') return errorCodes.INVALID_GROUP_ID
    const group = this.#groups.get(groupId)
    if (group === undefined) return errorCodes.GROUP_ID_NOT_FOUND
    if (!group.isEmpty) return errorCodes.NON_EMPTY_GROUP
    this.#remove(group)
    await this.#journal.durable()
    return errorCodes.NONE
  }

  async deleteOffsets(
    groupId: string,
    partitions: OffsetsDeletedRecord['partitions'],
  ): Promise<void> {
    this.#deleteOffsets(this.#groups.get(groupId), partitions)
    await this.#journal.durable()
  }

  /** Offsets of a deleted topic mean nothing for the next topic of that name. */
  forgetTopic(topic: string): void {
    for (const group of this.#groups.values())
      this.#deleteOffsets(
        group,
        [...group.offsets.entries(), ...group.offsets.pendingEntries()]
          .filter(([name]) => name === topic)
          .map(([name, partition]) => [name, partition] as const),
      )
  }

  /** Removes offsets that nobody has used for `limits.offsetsRetentionMs`, and groups that have nothing left (KIP-211). */
  expireOffsets(): void {
    const beforeMs = this.#options.clock.now() - limits.offsetsRetentionMs
    for (const group of this.#groups.values()) {
      if (!group.isEmpty) continue
      // A group that had members keeps its offsets from the time it became empty; a standalone consumer's from each commit.
      const emptySinceMs = group.protocolType === null ? 0 : group.sinceMs
      const expired = [...group.offsets.entries()]
        .filter(([, , { committedMs }]) => Math.max(committedMs, emptySinceMs) < beforeMs)
        .map(([topic, partition]) => [topic, partition] as const)
      this.#deleteOffsets(group, expired)
      if (group.offsets.isEmpty && group.memberCount === 0) this.#remove(group)
    }
  }

  replay(record: GroupJournalRecord): void {
    const { groupId } = record
    if (record.type === 'groupDeleted') return void this.#groups.delete(groupId)
    const known = this.#groups.get(groupId)
    switch (record.type) {
      case 'group':
        return (this.#classic(groupId) ?? this.#openClassic(groupId, known)).restore(record)
      case 'consumerGroup':
        return (this.#consumer(groupId) ?? this.#openConsumer(groupId, known)).restore(record)
      case 'consumerMember':
      case 'consumerMemberDeleted':
        return (this.#consumer(groupId) ?? this.#openConsumer(groupId, known)).restoreMember(record)
      case 'offsets':
        return (known ?? this.#openClassic(groupId)).offsets.apply(record)
      case 'pendingOffsets':
        return (known ?? this.#openClassic(groupId)).offsets.applyPending(record)
      case 'offsetsDeleted':
        return (known ?? this.#openClassic(groupId)).offsets.applyDeletion(record)
    }
  }

  *snapshot(): Generator<GroupJournalRecord> {
    for (const group of this.#groups.values()) {
      yield* group.toRecords()
      yield* group.offsets.toRecords(group.id)
    }
  }

  get #journal(): Journal<BrokerRecord> {
    return this.#options.journal()
  }

  /**
   * A group's membership that cannot be written costs a rebalance after the next crash and nothing else, so a full disk does not stop the
   * group; and half of these writes happen on timers, where nobody could be told.
   */
  #persist(records: readonly GroupJournalRecord[]): void {
    try {
      this.#journal.append(records)
    } catch (error) {
      this.#options.logger.error('the state of a group was not written', {
        groupId: records[0]?.groupId,
        error: toError(error),
      })
    }
  }

  get #isFull(): boolean {
    return this.#groups.size >= limits.groups
  }

  #classic(groupId: string): ClassicGroup | undefined {
    const group = this.#groups.get(groupId)
    return group?.type === 'classic' ? group : undefined
  }

  #consumer(groupId: string): ConsumerGroup | undefined {
    const group = this.#groups.get(groupId)
    return group?.type === 'consumer' ? group : undefined
  }

  /** @param before the group of the other protocol that it takes the place of */
  #makeClassic(groupId: string, before?: Group): ClassicGroup | undefined {
    return before === undefined && this.#isFull ? undefined : this.#openClassic(groupId, before)
  }

  #openClassic(groupId: string, before?: Group): ClassicGroup {
    const offsets = before?.offsets ?? new GroupOffsets()
    const group = new ClassicGroup(groupId, this.#classicHost, offsets)
    before?.kill()
    this.#groups.set(groupId, group)
    return group
  }

  #openConsumer(groupId: string, before?: Group): ConsumerGroup {
    const offsets = before?.offsets ?? new GroupOffsets()
    const group = new ConsumerGroup(groupId, this.#consumerHost, offsets)
    before?.kill()
    this.#groups.set(groupId, group)
    return group
  }

  #remove(group: Group): void {
    this.#journal.append([{ type: 'groupDeleted', groupId: group.id }])
    this.#groups.delete(group.id)
    group.kill()
  }

  #deleteOffsets(group: Group | undefined, partitions: OffsetsDeletedRecord['partitions']): void {
    if (group === undefined || partitions.length === 0) return
    const record = { type: 'offsetsDeleted', groupId: group.id, partitions } as const
    this.#journal.append([record])
    group.offsets.applyDeletion(record)
  }

  #scheduleExpiry(): void {
    this.#expiryTimer = this.#options.clock.setTimer(limits.offsetsRetentionIntervalMs, () => {
      try {
        this.expireOffsets()
      } catch (error) {
        this.#options.logger.error('offsets did not expire', { error: toError(error) })
      }
      this.#scheduleExpiry()
    })
  }
}

/** From this version on OffsetCommit says that there is no such group. */
const NOT_FOUND_VERSION = 9
