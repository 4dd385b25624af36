import { isDeepStrictEqual } from 'node:util'
import type { Clock, Logger, Timer } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import { limits } from '../../limits.ts'
import type { Committer } from '../committer.ts'
import type { GroupOffsets } from '../group-offsets.ts'
import type {
  ConsumerGroupJournalRecord,
  ConsumerGroupRecord,
  ConsumerMemberDeletedRecord,
  ConsumerMemberRecord,
} from '../group-records.ts'
import { DEFAULT_ASSIGNOR, serverAssignors } from './assignors/server-assignors.ts'
import { ConsumerGroupState } from './consumer-group-state.ts'
import {
  areSameNames,
  fromMemberRecord,
  isReconciledTo,
  isSameMember,
  JOIN_EPOCH,
  MemberState,
  newMember,
  STATIC_LEAVE_EPOCH,
  toMemberRecord,
  type ConsumerMember,
} from './consumer-member.ts'
import {
  isLeaving,
  refusedHeartbeat,
  type HeartbeatAnswer,
  type HeartbeatRequest,
} from './heartbeat.ts'
import { MemberTable } from './member-table.ts'
import {
  areSamePartitions,
  arePartOf,
  noPartitions,
  partitionSets,
  type PartitionSets,
} from './partition-sets.ts'
import { PatternFault } from './pattern/topic-pattern.ts'
import { reconcile } from './reconciliation.ts'
import { Subscriptions, type TopicCatalog } from './subscriptions.ts'

/** What a consumer group needs from the coordinator that holds it. */
export interface ConsumerGroupHost {
  readonly clock: Clock
  readonly logger: Logger
  readonly topics: TopicCatalog
  /** [group.consumer.session.timeout.ms] */
  readonly sessionTimeoutMs: number
  /** [group.consumer.heartbeat.interval.ms]: how often members are told to heartbeat. */
  readonly heartbeatIntervalMs: number
  /** Writes to the journal, all of it or none. A crash before it is durable fences members, who join again. */
  persistAll(records: readonly ConsumerGroupJournalRecord[]): void
}

/** A member found for a heartbeat: as it is, and whom it replaces as static instance. */
interface Found {
  readonly member: ConsumerMember
  readonly target: PartitionSets
  readonly replaces: ConsumerMember | undefined
}

/**
 * One group of the new protocol (KIP-848; Kafka: ConsumerGroup and that half of GroupMetadataManager): the broker makes the assignment, and
 * every member is taken towards its own part of it by its heartbeats (`reconciliation.ts`), without a barrier that all must come to.
 *
 * Three epochs: the group's rises when members, what they read, or those topics change; the next heartbeat makes a target for it, which
 * then has that epoch; a member has the epoch of the target that it has reached. Every heartbeat runs to its end on the broker's one
 * thread, and what it changes stands in the journal before it is answered.
 */
export class ConsumerGroup {
  readonly type = 'consumer'
  readonly id: string
  readonly offsets: GroupOffsets
  readonly protocolType = 'consumer'
  readonly #host: ConsumerGroupHost
  readonly #members = new MemberTable()
  readonly #subscriptions: Subscriptions
  readonly #sessions = new Map<string, Timer>()
  readonly #revocations = new Map<string, Timer>()
  #epoch = 0
  #assignmentEpoch = 0
  #topicsHash = ''
  #sinceMs: number
  #isDead = false

  constructor(id: string, host: ConsumerGroupHost, offsets: GroupOffsets) {
    this.id = id
    this.#host = host
    this.offsets = offsets
    this.#subscriptions = new Subscriptions(host.topics)
    this.#sinceMs = host.clock.now()
  }

  get state(): ConsumerGroupState {
    if (this.#isDead) return ConsumerGroupState.DEAD
    if (this.isEmpty) return ConsumerGroupState.EMPTY
    if (this.#epoch > this.#assignmentEpoch) return ConsumerGroupState.ASSIGNING
    for (const member of this.#members)
      if (!isReconciledTo(member, this.#assignmentEpoch)) return ConsumerGroupState.RECONCILING
    return ConsumerGroupState.STABLE
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  get memberCount(): number {
    return this.#members.size
  }

  get members(): Iterable<ConsumerMember> {
    return this.#members
  }

  targetOf(memberId: string): PartitionSets {
    return this.#members.targetOf(memberId)
  }

  /** The group's epoch. */
  get generation(): number {
    return this.#epoch
  }

  get assignmentEpoch(): number {
    return this.#assignmentEpoch
  }

  /** The assignor that most members ask for. */
  get protocol(): string {
    return this.#assignorOf(this.#members)
  }

  /** When the group became empty or ceased to be, ms since the epoch. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  isSubscribedTo(topic: string): boolean {
    for (const member of this.#members)
      if (this.#subscriptions.namesOf(member).has(topic)) return true
    return false
  }

  /** @param request that `faultOfHeartbeat` finds nothing wrong with */
  heartbeat(request: HeartbeatRequest): HeartbeatAnswer {
    if (isLeaving(request)) return this.#leave(request)
    const found = this.#find(request)
    return 'errorCode' in found ? found : this.#advance(found, request)
  }

  /** An admin takes a member out, by instance id alone too (LeaveGroup). @returns Kafka's error code */
  leave(memberId: string, instanceId: string | null): number {
    const member =
      instanceId === null ? this.#members.get(memberId) : this.#members.ofInstance(instanceId)
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID
    if (memberId !== '' && member.id !== memberId) return errorCodes.FENCED_INSTANCE_ID
    this.#remove(member, 'it was taken out')
    return errorCodes.NONE
  }

  /** Whether offsets may be committed (Kafka: ConsumerGroup.validateOffsetCommit). @returns Kafka's error code, 0 when they may */
  checkCommit({ memberId, generation, version }: Committer): number {
    if (generation < 0 && this.isEmpty) return errorCodes.NONE
    const member = this.#members.get(memberId)
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID
    if (version < MEMBER_EPOCH_VERSION) return errorCodes.UNSUPPORTED_VERSION
    return generation === member.epoch ? errorCodes.NONE : errorCodes.STALE_MEMBER_EPOCH
  }

  /** The same for offsets of a transaction, in the words of that request. */
  checkTransactionCommit({ memberId, generation }: Committer): number {
    if (generation < 0 && this.isEmpty) return errorCodes.NONE
    const member = this.#members.get(memberId)
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID
    return generation === member.epoch ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION
  }

  /** Whether a member that says who it is may read offsets. @returns Kafka's error code, 0 when it may */
  checkFetch(memberId: string | null, epoch: number): number {
    if (memberId === null && epoch < 0) return errorCodes.NONE
    const member = this.#members.get(memberId ?? '')
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID
    return epoch === member.epoch ? errorCodes.NONE : errorCodes.STALE_MEMBER_EPOCH
  }

  kill(): void {
    this.#isDead = true
    for (const timers of [this.#sessions, this.#revocations]) {
      for (const timer of timers.values()) timer.cancel()
      timers.clear()
    }
  }

  *toRecords(): Generator<ConsumerGroupJournalRecord> {
    yield this.#record()
    for (const member of this.#members)
      yield toMemberRecord(this.id, member, this.#members.targetOf(member.id))
  }

  restore(record: ConsumerGroupRecord): void {
    this.#epoch = record.epoch
    this.#assignmentEpoch = record.assignmentEpoch
    this.#topicsHash = record.topicsHash
    this.#sinceMs = record.sinceMs
  }

  restoreMember(record: ConsumerMemberRecord | ConsumerMemberDeletedRecord): void {
    const known = this.#members.get(record.id)
    if (known !== undefined) this.#members.remove(known)
    if (record.type === 'consumerMember')
      this.#members.put(fromMemberRecord(record), partitionSets(record.target))
  }

  /** Gives every restored member a whole session to be heard of, and a whole time to give up what it must. */
  resume(): void {
    for (const member of this.#members) {
      this.#renewSession(member.id)
      this.#watchRevocation(member)
    }
  }

  /** The member of a heartbeat that is none of leaving. @returns why not */
  #find(request: HeartbeatRequest): Found | HeartbeatAnswer {
    const { memberId, instanceId } = request
    const isJoining = request.memberEpoch === JOIN_EPOCH
    const member = this.#members.get(memberId)
    if (member === undefined && this.#members.size >= limits.groupMembers)
      return refusedHeartbeat(
        errorCodes.GROUP_MAX_SIZE_REACHED,
        `The consumer group has reached its maximum capacity of ${limits.groupMembers} members.`,
      )
    if (instanceId !== null) return this.#findStatic(request, instanceId, isJoining)
    if (member === undefined) return isJoining ? this.#newMember(request) : this.#unknown(memberId)
    return faultOfEpoch(member, request) ?? this.#known(member)
  }

  /** KIP-345: a static instance comes back under another member id, once the one before has said that it goes. */
  #findStatic(
    request: HeartbeatRequest,
    instanceId: string,
    isJoining: boolean,
  ): Found | HeartbeatAnswer {
    const { memberId } = request
    const holder = this.#members.ofInstance(instanceId)
    if (holder === undefined)
      return isJoining
        ? this.#newMember(request)
        : refusedHeartbeat(errorCodes.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
    if (!isJoining)
      return (
        this.#faultOfInstance(holder, request) ??
        faultOfEpoch(holder, request) ??
        this.#known(holder)
      )
    if (holder.epoch !== STATIC_LEAVE_EPOCH)
      return refusedHeartbeat(
        errorCodes.UNRELEASED_INSTANCE_ID,
        `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${holder.id} member.`,
      )
    const member = { ...holder, id: memberId, epoch: JOIN_EPOCH, previousEpoch: JOIN_EPOCH }
    return { member, target: this.#members.targetOf(holder.id), replaces: holder }
  }

  #newMember(request: HeartbeatRequest): Found {
    const { instanceId, rackId, clientId, clientHost, rebalanceTimeoutMs, assignor } = request
    const facts = { instanceId, rackId, clientId, clientHost, rebalanceTimeoutMs, assignor }
    // It reads nothing yet: what it asks for is news, and calls for a new assignment.
    const member = newMember(request.memberId, { ...facts, topicNames: [], topicRegex: '' })
    return { member, target: noPartitions, replaces: undefined }
  }

  #known(member: ConsumerMember): Found {
    return { member, target: this.#members.targetOf(member.id), replaces: undefined }
  }

  #unknown(memberId: string): HeartbeatAnswer {
    const text = `Member ${memberId} is not a member of group ${this.id}.`
    return refusedHeartbeat(errorCodes.UNKNOWN_MEMBER_ID, text)
  }

  #faultOfInstance(
    holder: ConsumerMember,
    { memberId, instanceId }: HeartbeatRequest,
  ): HeartbeatAnswer | undefined {
    if (holder.id === memberId) return undefined
    const text = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.id}.`
    return refusedHeartbeat(errorCodes.FENCED_INSTANCE_ID, text)
  }

  /** Takes in what the member says, makes a new target where one is due, and takes the member a step towards its own. */
  #advance({ member, target, replaces }: Found, request: HeartbeatRequest): HeartbeatAnswer {
    const told = withNews(member, request)
    if (told.topicRegex !== '' && told.topicRegex !== member.topicRegex) {
      const fault = this.#faultOfRegex(told.topicRegex)
      if (fault !== undefined) return fault
    }
    const before = this.#record()
    const changed = new Set<string>()
    if (this.isEmpty) this.#sinceMs = this.#host.clock.now()
    if (replaces !== undefined) this.#drop(replaces)
    this.#members.put(told, target)
    this.#updateEpoch(member, told, request)
    if (this.#epoch > this.#assignmentEpoch) this.#makeTargets(changed)
    const next = reconcile(told, {
      target: { epoch: this.#assignmentEpoch, partitions: this.#members.targetOf(told.id) },
      isFree: (topicId, partition) => this.#members.isFree(topicId, partition),
      owned: request.owned,
    })
    this.#members.put(next, this.#members.targetOf(next.id))
    if (replaces !== undefined || !isSameMember(next, member)) changed.add(next.id)
    if (next !== told) this.#watchRevocation(next)
    this.#renewSession(next.id)
    this.#persist(before, changed, replaces?.id)
    return {
      errorCode: errorCodes.NONE,
      errorMessage: null,
      memberId: next.id,
      memberEpoch: next.epoch,
      heartbeatIntervalMs: this.#host.heartbeatIntervalMs,
      assignment:
        isFull(request) || !areSamePartitions(member.assigned, next.assigned)
          ? next.assigned
          : null,
    }
  }

  #updateEpoch(member: ConsumerMember, told: ConsumerMember, { maySee }: HeartbeatRequest): void {
    const hasOtherTopics =
      !areSameNames(member.topicNames, told.topicNames) || member.topicRegex !== told.topicRegex
    const isNew = this.#epoch === 0 || hasOtherTopics
    if (!isNew && !this.#subscriptions.isOutdated) return
    this.#subscriptions.resolve(this.#members, maySee)
    const hash = this.#subscriptions.hashOf(this.#members)
    if (isNew || hash !== this.#topicsHash) this.#epoch++
    this.#topicsHash = hash
  }

  /** @param changed gets the members whose target is another one now */
  #makeTargets(changed: Set<string>): void {
    const assignor = serverAssignors.get(this.protocol)!
    const members = [...this.#members]
    const shares = assignor.assign(
      members.map((each) =>
        this.#subscriptions.assignorMember(each, this.#members.targetOf(each.id)),
      ),
      this.#subscriptions.partitionCounts(members),
    )
    for (const { id } of members) {
      const target = shares.get(id) ?? noPartitions
      if (areSamePartitions(target, this.#members.targetOf(id))) continue
      this.#members.setTarget(id, target)
      changed.add(id)
    }
    this.#assignmentEpoch = this.#epoch
    this.#host.logger.info('a consumer group has a new assignment', {
      groupId: this.id,
      epoch: this.#epoch,
      assignor: assignor.name,
      members: members.length,
    })
  }

  #leave(request: HeartbeatRequest): HeartbeatAnswer {
    const { memberId, memberEpoch, instanceId } = request
    const member =
      instanceId === null ? this.#members.get(memberId) : this.#members.ofInstance(instanceId)
    if (member === undefined)
      return instanceId === null
        ? this.#unknown(memberId)
        : refusedHeartbeat(errorCodes.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
    const fault = instanceId === null ? undefined : this.#faultOfInstance(member, request)
    if (fault !== undefined) return fault
    if (memberEpoch === STATIC_LEAVE_EPOCH) this.#setAside(member)
    else this.#remove(member, 'it left')
    return {
      errorCode: errorCodes.NONE,
      errorMessage: null,
      memberId: member.id,
      memberEpoch,
      heartbeatIntervalMs: 0,
      assignment: null,
    }
  }

  /** A static member means to come back within its session: it keeps its partitions, and nobody reads them meanwhile. */
  #setAside(member: ConsumerMember): void {
    const before = this.#record()
    const aside = { ...member, epoch: STATIC_LEAVE_EPOCH, revoking: noPartitions }
    this.#members.put(aside, this.#members.targetOf(member.id))
    this.#revocations.get(member.id)?.cancel()
    this.#persist(before, new Set([member.id]), undefined)
  }

  #remove(member: ConsumerMember, reason: string): void {
    this.#host.logger.info('a member is no longer in its consumer group', {
      groupId: this.id,
      memberId: member.id,
      reason,
    })
    const before = this.#record()
    this.#drop(member)
    this.#epoch++
    if (this.isEmpty) this.#sinceMs = this.#host.clock.now()
    this.#topicsHash = this.#subscriptions.hashOf(this.#members)
    this.#persist(before, new Set(), member.id)
  }

  #drop(member: ConsumerMember): void {
    this.#members.remove(member)
    for (const timers of [this.#sessions, this.#revocations]) {
      timers.get(member.id)?.cancel()
      timers.delete(member.id)
    }
  }

  #renewSession(memberId: string): void {
    this.#sessions.get(memberId)?.cancel()
    const timer = this.#host.clock.setTimer(this.#host.sessionTimeoutMs, () => {
      const member = this.#members.get(memberId)
      if (member !== undefined) this.#remove(member, 'it was not heard of within its session')
    })
    this.#sessions.set(memberId, timer)
  }

  /** Who does not give up in time what others are to have is taken out. */
  #watchRevocation({ id, epoch, state, rebalanceTimeoutMs }: ConsumerMember): void {
    this.#revocations.get(id)?.cancel()
    this.#revocations.delete(id)
    if (state !== MemberState.UNREVOKED_PARTITIONS) return
    const timer = this.#host.clock.setTimer(rebalanceTimeoutMs, () => {
      const member = this.#members.get(id)
      if (member?.epoch === epoch) this.#remove(member, 'it did not give its partitions up in time')
    })
    this.#revocations.set(id, timer)
  }

  #faultOfRegex(regex: string): HeartbeatAnswer | undefined {
    try {
      this.#subscriptions.check(regex)
      return undefined
    } catch (error) {
      if (!(error instanceof PatternFault)) throw error
      const text = `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${error.message}.`
      return refusedHeartbeat(errorCodes.INVALID_REGULAR_EXPRESSION, text)
    }
  }

  #assignorOf(members: Iterable<ConsumerMember>): string {
    const votes = new Map<string, number>()
    for (const { assignor } of members)
      if (assignor !== null) votes.set(assignor, (votes.get(assignor) ?? 0) + 1)
    let elected = DEFAULT_ASSIGNOR
    for (const [name, count] of votes) if (count > (votes.get(elected) ?? 0)) elected = name
    return elected
  }

  #persist(
    before: ConsumerGroupRecord,
    changed: Iterable<string>,
    removed: string | undefined,
  ): void {
    const records: ConsumerGroupJournalRecord[] = []
    const now = this.#record()
    if (!isDeepStrictEqual(now, before)) records.push(now)
    if (removed !== undefined)
      records.push({ type: 'consumerMemberDeleted', groupId: this.id, id: removed })
    for (const memberId of changed)
      records.push(
        toMemberRecord(this.id, this.#members.get(memberId)!, this.#members.targetOf(memberId)),
      )
    if (records.length > 0) this.#host.persistAll(records)
  }

  #record(): ConsumerGroupRecord {
    return {
      type: 'consumerGroup',
      groupId: this.id,
      epoch: this.#epoch,
      assignmentEpoch: this.#assignmentEpoch,
      topicsHash: this.#topicsHash,
      sinceMs: this.#sinceMs,
    }
  }
}

/** From this version of OffsetCommit on the number sent may be a member's epoch. */
const MEMBER_EPOCH_VERSION = 9

/** A member that names the epoch before is taken for one whose answer was lost, unless it owns what it should not. */
function faultOfEpoch(
  member: ConsumerMember,
  { memberEpoch, owned }: HeartbeatRequest,
): HeartbeatAnswer | undefined {
  if (memberEpoch === member.epoch) return undefined
  const isBehindByOne =
    memberEpoch < member.epoch &&
    memberEpoch === member.previousEpoch &&
    owned !== null &&
    arePartOf(owned, member.assigned)
  if (isBehindByOne) return undefined
  const than = memberEpoch > member.epoch ? 'greater' : 'smaller'
  return refusedHeartbeat(
    errorCodes.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${than} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`,
  )
}

function withNews(member: ConsumerMember, request: HeartbeatRequest): ConsumerMember {
  return {
    ...member,
    clientId: request.clientId,
    clientHost: request.clientHost,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs < 0 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    topicNames: request.topicNames ?? member.topicNames,
    topicRegex: request.topicRegex ?? member.topicRegex,
    assignor: request.assignor ?? member.assignor,
  }
}

/** Who joins, and who says everything because it is not sure what was heard, is told everything. */
function isFull({ memberEpoch, rebalanceTimeoutMs, ...request }: HeartbeatRequest): boolean {
  const hasTopics = request.topicNames !== null || request.topicRegex !== null
  return (
    memberEpoch === JOIN_EPOCH || (rebalanceTimeoutMs !== -1 && hasTopics && request.owned !== null)
  )
}
