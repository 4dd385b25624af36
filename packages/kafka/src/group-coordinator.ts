/** The requests of one group to its coordinator, wherever that is at the moment. State: only where it was last found. */
import type {
  ConsumerGroupHeartbeatRequestInput,
  ConsumerGroupHeartbeatResponse,
  HeartbeatResponse,
  JoinGroupRequestInput,
  JoinGroupResponse,
  SyncGroupRequestInput,
  SyncGroupResponse,
} from '@millrace/protocol'
import { brokerError, code, isCoordinatorMoved, isMembershipOver } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { committedOffsets, type Committed } from './offsets.ts'
import type { OffsetToCommit } from './consumer-types.ts'
import type { TopicPartition } from './types.ts'
import { optionalWire, wire } from './wire.ts'

const protocolType = 'consumer'
const leaveTimeoutMs = 2_000

export interface JoinOptions {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** What the member offers, see `protocolsOf`. */
  readonly protocols: JoinGroupRequestInput['protocols']
  /** Why it joins, for the broker's log (KIP-800). */
  readonly reason: string
}

/** A member in one generation. */
export interface Membership {
  readonly memberId: string
  readonly generationId: number
}

export class GroupCoordinator {
  readonly groupId: string
  readonly instanceId: string | null
  readonly #cluster: Cluster
  #node: number | undefined

  constructor(cluster: Cluster, groupId: string, instanceId: string | null) {
    this.#cluster = cluster
    this.groupId = groupId
    this.instanceId = instanceId
  }

  /** False where it would have to be looked for. */
  get isFound(): boolean {
    return this.#node !== undefined
  }

  /** After a fault, or an answer that says so: the group may have moved to another broker. */
  forget(): void {
    this.#node = undefined
  }

  forgetIfMoved(errorCode: number): void {
    if (isCoordinatorMoved(errorCode)) this.forget()
  }

  /** @throws KafkaError for faults on the way; the answer's error code is the caller's */
  async join(memberId: string, options: JoinOptions): Promise<JoinGroupResponse> {
    const { sessionTimeoutMs, rebalanceTimeoutMs, protocols, reason } = options
    const node = await this.#find()
    const newest = optionalWire.joinGroupWithReason
    return this.#cluster.request(
      node,
      'join',
      (await this.#cluster.serves(node, 'join', newest)) ? newest : wire.joinGroup,
      {
        groupId: this.groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        groupInstanceId: this.instanceId,
        protocolType,
        protocols,
        reason,
      },
      rebalanceTimeoutMs + this.#cluster.requestTimeoutMs,
    )
  }

  /** @throws KafkaError for faults on the way; the answer's error code is the caller's */
  async sync(
    { memberId, generationId }: Membership,
    protocolName: string,
    assignments: SyncGroupRequestInput['assignments'],
    rebalanceTimeoutMs: number,
  ): Promise<SyncGroupResponse> {
    return this.#cluster.request(
      await this.#find(),
      'join',
      wire.syncGroup,
      {
        groupId: this.groupId,
        generationId,
        memberId,
        groupInstanceId: this.instanceId,
        protocolType,
        protocolName,
        assignments,
      },
      rebalanceTimeoutMs + this.#cluster.requestTimeoutMs,
    )
  }

  /** @throws KafkaError for faults on the way; the answer's error code is the caller's */
  async heartbeat(
    { memberId, generationId }: Membership,
    timeoutMs: number,
  ): Promise<HeartbeatResponse> {
    return this.#cluster.request(
      await this.#find(),
      'group',
      wire.heartbeat,
      { groupId: this.groupId, generationId, memberId, groupInstanceId: this.instanceId },
      Math.min(timeoutMs, this.#cluster.requestTimeoutMs),
    )
  }

  /**
   * The heartbeat of the new protocol (KIP-848), by which a member joins, lives and leaves too.
   * @throws KafkaError for faults on the way; the answer's error code is the caller's
   */
  async memberHeartbeat(
    member: Omit<ConsumerGroupHeartbeatRequestInput, 'groupId' | 'instanceId'>,
    timeoutMs: number,
  ): Promise<ConsumerGroupHeartbeatResponse> {
    const node = await this.#find()
    const pinned = optionalWire.consumerGroupHeartbeat
    if (!(await this.#cluster.serves(node, 'group', pinned))) throw noNewProtocol(this.groupId)
    const names = { groupId: this.groupId, instanceId: this.instanceId }
    return this.#cluster.request(node, 'group', pinned, { ...member, ...names }, timeoutMs)
  }

  /**
   * @param pinned the version that takes a member's epoch, for a member that has one
   * @throws KafkaError `MR_KAFKA_FENCED` when the generation is over
   */
  async commit(
    { memberId, generationId }: Membership,
    offsets: readonly OffsetToCommit[],
    pinned: typeof wire.offsetCommit = wire.offsetCommit,
  ): Promise<void> {
    const answer = await this.#cluster.request(await this.#find(), 'group', pinned, {
      groupId: this.groupId,
      generationIdOrMemberEpoch: generationId,
      memberId,
      groupInstanceId: this.instanceId,
      topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, rows]) => ({
        name,
        partitions: rows.map(({ partition, offset, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata ?? null,
        })),
      })),
    })
    for (const { name, partitions } of answer.topics)
      for (const row of partitions) this.#expectCommitted(name, row.partitionIndex, row.errorCode)
  }

  /** What the group has committed, `null` where nothing. @throws KafkaError */
  async committed(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, Committed | null>> {
    try {
      return await committedOffsets(this.#cluster, await this.#find(), this.groupId, partitions)
    } catch (error) {
      this.forget()
      throw error
    }
  }

  /** Ends a JoinGroup or SyncGroup that waits at the broker. */
  interruptJoin(): void {
    if (this.#node !== undefined) this.#cluster.interrupt(this.#node, 'join')
  }

  /**
   * Takes a member out, if the coordinator can be reached at once. Never throws.
   * @returns what the coordinator said of the member; 0 too where it could not be asked
   */
  async leave(memberId: string, reason: string): Promise<number> {
    const { groupId, instanceId: groupInstanceId } = this
    if (memberId === '' || this.#node === undefined) return code.NONE
    try {
      const newest = optionalWire.leaveGroupWithReason
      const pinned = (await this.#cluster.serves(this.#node, 'group', newest))
        ? newest
        : wire.leaveGroup
      // Both names: by the instance's alone (KIP-345) the process that has taken it over would be thrown out.
      const { members } = await this.#cluster.request(
        this.#node,
        'group',
        pinned,
        { groupId, members: [{ memberId, groupInstanceId, reason }] },
        leaveTimeoutMs,
      )
      return members[0]?.errorCode ?? code.NONE
    } catch (error) {
      const message = 'leaving the group failed; its session runs out instead'
      this.#cluster.logger.info(message, { groupId, error })
      return code.NONE
    }
  }

  async #find(): Promise<number> {
    this.#node ??= await this.#cluster.coordinatorOf(this.groupId)
    return this.#node
  }

  #expectCommitted(topic: string, partition: number, errorCode: number): void {
    if (errorCode === code.NONE) return
    const { groupId } = this
    this.forgetIfMoved(errorCode)
    if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS)
      throw generationOver(groupId, errorCode)
    throw brokerError(`Committing "${topic}" partition ${partition}`, errorCode, {
      topic,
      partition,
      groupId,
    })
  }
}

/** @throws nothing: makes the error */
export function noNewProtocol(groupId: string): KafkaError {
  return new KafkaError(
    'MR_KAFKA_UNSUPPORTED_BROKER',
    `The cluster does not offer groupProtocol 'consumer' (KIP-848), which group "${groupId}" asks for: Apache Kafka does since 4.0, with group.version 1. Use groupProtocol 'classic' until then.`,
    { groupId },
  )
}

export function generationOver(groupId: string, errorCode?: number): KafkaError {
  return new KafkaError(
    'MR_KAFKA_FENCED',
    `The generation of group "${groupId}" is over; nothing was committed. Whoever owns the partitions now reads the records again.`,
    { groupId, errorCode },
  )
}
