import { assert, type Clock, type Logger, type Timer } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import type { GroupOffsets } from '../group-offsets.ts'
import type { GroupRecord } from '../group-records.ts'
import type { Committer } from '../committer.ts'
import { groupMoves, GroupState } from './classic-group-state.ts'
import {
  failedJoin,
  failedSync,
  type JoinRequest,
  type JoinResult,
  type SyncRequest,
  type SyncResult,
} from './group-requests.ts'
import { hasSameProtocols, noAssignment } from './member-protocol.ts'
import { Member, type MemberHost } from './member.ts'
import { Members } from './members.ts'

/** What a group needs from the coordinator that holds it. */
export interface ClassicGroupHost {
  readonly clock: Clock
  readonly logger: Logger
  /** [group.initial.rebalance.delay.ms]: how long a group that was empty waits for more members to join its first generation. */
  readonly initialRebalanceDelayMs: number
  /** Writes the group's state to the journal. A crash before it is durable only makes members join again. */
  persist(record: GroupRecord): void
}

/**
 * One classic consumer group: its members, the rebalance they are in, and its committed offsets (Kafka: ClassicGroup and the classic half
 * of GroupMetadataManager). Requests and timers of the group call in here, run to their end on the broker's one thread, and answer
 * waiting joins and syncs by calling their functions; nothing here waits. It is one file because every method moves the one state
 * machine of `classic-group-state.ts`.
 */
export class ClassicGroup {
  readonly type = 'classic'
  readonly id: string
  readonly offsets: GroupOffsets
  readonly #host: ClassicGroupHost
  readonly #memberHost: MemberHost
  #state: GroupState = GroupState.EMPTY
  #generation = 0
  #protocolType: string | null = null
  #protocol: string | null = null
  #leader: string | null = null
  #sinceMs: number
  readonly #members = new Members()
  /** Ids given out under KIP-394 that have not joined yet, each with its session's timer. The barrier waits for them. */
  readonly #pendingJoins = new Map<string, Timer>()
  /** Members that have their generation but have not asked for their assignment yet. */
  readonly #pendingSyncs = new Set<string>()
  #joinTimer: Timer | undefined
  #syncTimer: Timer | undefined
  /** While true the barrier stays open although everybody is there. */
  #isInInitialDelay = false

  constructor(id: string, host: ClassicGroupHost, offsets: GroupOffsets) {
    this.id = id
    this.offsets = offsets
    this.#host = host
    this.#memberHost = {
      clock: host.clock,
      onMissed: (member, reason) => this.#removeMissed(member, reason),
    }
    this.#sinceMs = host.clock.now()
  }

  get state(): GroupState {
    return this.#state
  }

  get isEmpty(): boolean {
    return this.#state === GroupState.EMPTY
  }

  get generation(): number {
    return this.#generation
  }

  get protocolType(): string | null {
    return this.#protocolType
  }

  /** The strategy in force; null between generations. */
  get protocol(): string | null {
    return this.#state === GroupState.STABLE ? this.#protocol : null
  }

  get members(): Iterable<Readonly<Member>> {
    return this.#members
  }

  /** Members and ids given out. */
  get memberCount(): number {
    return this.#members.size + this.#pendingJoins.size
  }

  /** When the group became what it is, ms since the epoch. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  /** A member's subscription under the strategy in force. */
  metadataOf(member: Readonly<Member>): Buffer {
    return member.protocols.find(({ name }) => name === this.#protocol)?.metadata ?? noAssignment
  }

  /** Whether members read the topic, as far as their subscriptions can be understood. */
  isSubscribedTo(topic: string): boolean {
    return this.#members.areSubscribedTo(topic)
  }

  /** @param newMemberId the id to use if this join makes a member; callers make it up before */
  join(request: JoinRequest, newMemberId: string): JoinResult | Promise<JoinResult> {
    const { memberId, instanceId } = request
    if (this.#state === GroupState.DEAD)
      return failedJoin(errorCodes.COORDINATOR_NOT_AVAILABLE, memberId)
    if (!this.#supports(request))
      return failedJoin(errorCodes.INCONSISTENT_GROUP_PROTOCOL, memberId)
    if (memberId === '') return this.#joinUnknown(request, newMemberId)
    if (this.#pendingJoins.has(memberId) && instanceId === null)
      return this.#addMember(request, memberId)
    const fault = this.#members.faultOf(memberId, instanceId)
    return fault === undefined ? this.#joinKnown(request) : failedJoin(fault, memberId)
  }

  sync(request: SyncRequest): SyncResult | Promise<SyncResult> {
    const { memberId, instanceId } = request
    if (this.#state === GroupState.DEAD) return failedSync(errorCodes.COORDINATOR_NOT_AVAILABLE)
    const fault = this.#members.faultOf(memberId, instanceId)
    if (fault !== undefined) return failedSync(fault)
    if (request.generation !== this.#generation) return failedSync(errorCodes.ILLEGAL_GENERATION)
    if (this.#disagrees(request)) return failedSync(errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    const member = this.#members.get(memberId)!
    switch (this.#state) {
      case GroupState.EMPTY:
        return failedSync(errorCodes.UNKNOWN_MEMBER_ID)
      case GroupState.PREPARING_REBALANCE:
        return failedSync(errorCodes.REBALANCE_IN_PROGRESS)
      case GroupState.COMPLETING_REBALANCE:
        return this.#awaitAssignment(member, request)
      case GroupState.STABLE:
        this.#pendingSyncs.delete(memberId)
        member.renewSession()
        return this.#syncResultOf(member)
    }
  }

  /** @returns Kafka's error code, 0 when all is well */
  heartbeat(memberId: string, instanceId: string | null, generation: number): number {
    if (this.#state === GroupState.DEAD) return errorCodes.COORDINATOR_NOT_AVAILABLE
    const fault = this.#members.faultOf(memberId, instanceId)
    if (fault !== undefined) return fault
    if (generation !== this.#generation) return errorCodes.ILLEGAL_GENERATION
    this.#members.get(memberId)!.renewSession()
    return this.#state === GroupState.PREPARING_REBALANCE
      ? errorCodes.REBALANCE_IN_PROGRESS
      : errorCodes.NONE
  }

  /** @returns Kafka's error code, 0 when the member has gone */
  leave(memberId: string, instanceId: string | null): number {
    if (this.#state === GroupState.DEAD) return errorCodes.COORDINATOR_NOT_AVAILABLE
    if (instanceId === null && this.#pendingJoins.has(memberId)) {
      this.#removePendingJoin(memberId)
      return errorCodes.NONE
    }
    // KIP-345: an admin removes static members by instance id alone.
    const ownId =
      instanceId !== null && memberId === ''
        ? (this.#members.idOfInstance(instanceId) ?? '')
        : memberId
    const fault = this.#members.faultOf(ownId, instanceId)
    if (fault !== undefined) return fault
    this.#removeMemberAndRebalance(ownId, 'a member left')
    return errorCodes.NONE
  }

  /** Whether offsets may be committed (Kafka: ClassicGroup.validateOffsetCommit). @returns Kafka's error code, 0 when they may */
  checkCommit({ memberId, instanceId, generation }: Committer): number {
    if (this.#state === GroupState.DEAD) return errorCodes.COORDINATOR_NOT_AVAILABLE
    if (generation < 0 && this.#state === GroupState.EMPTY) return errorCodes.NONE
    if (generation < 0 && memberId === '' && instanceId === null)
      return this.#state === GroupState.EMPTY ? errorCodes.NONE : errorCodes.UNKNOWN_MEMBER_ID
    const fault = this.#members.faultOf(memberId, instanceId)
    if (fault !== undefined) return fault
    if (generation !== this.#generation) return errorCodes.ILLEGAL_GENERATION
    if (this.#state === GroupState.COMPLETING_REBALANCE) return errorCodes.REBALANCE_IN_PROGRESS
    this.#members.get(memberId)!.renewSession()
    return errorCodes.NONE
  }

  /** The same for offsets of a transaction, which a member of the generation may commit in the middle of a rebalance too (KIP-447). */
  checkTransactionCommit({ memberId, instanceId, generation }: Committer): number {
    if (this.#state === GroupState.DEAD) return errorCodes.COORDINATOR_NOT_AVAILABLE
    const fault = this.#members.faultOf(memberId, instanceId)
    if (fault !== undefined) return fault
    return generation === this.#generation ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION
  }

  /** Offsets of a classic group are read by whoever asks. */
  checkFetch(): number {
    return errorCodes.NONE
  }

  /** Ends the group: timers stop, whoever waits is sent to look for the coordinator again. */
  kill(): void {
    this.#move(GroupState.DEAD)
    this.#joinTimer?.cancel()
    this.#syncTimer?.cancel()
    for (const timer of this.#pendingJoins.values()) timer.cancel()
    for (const member of this.#members) member.end(errorCodes.COORDINATOR_NOT_AVAILABLE)
  }

  /** The group as the journal keeps it. */
  toRecord(): GroupRecord {
    return {
      type: 'group',
      groupId: this.id,
      generation: this.#generation,
      protocolType: this.#protocolType,
      protocol: this.#protocol,
      leader: this.#leader,
      sinceMs: this.#sinceMs,
      members: [...this.#members].map((member) => member.toRecord()),
    }
  }

  *toRecords(): Generator<GroupRecord> {
    // A group in the middle of a rebalance stands as it would after a crash: its members, to be heard of anew.
    if (this.#generation > 0) yield this.toRecord()
  }

  /** Takes the state of a record over. Sessions begin with `resume`, when the broker can be reached again. */
  restore(record: GroupRecord): void {
    this.#members.clear()
    this.#generation = record.generation
    this.#protocolType = record.protocolType
    this.#protocol = record.protocol
    this.#leader = record.leader
    this.#sinceMs = record.sinceMs
    for (const row of record.members) this.#members.add(Member.fromRecord(row, this.#memberHost))
    this.#state = this.#members.size === 0 ? GroupState.EMPTY : GroupState.STABLE
  }

  /** Gives every restored member a whole session to be heard of; who does not come back is removed. */
  resume(): void {
    for (const member of this.#members) member.renewSession()
  }

  #joinUnknown(request: JoinRequest, newMemberId: string): JoinResult | Promise<JoinResult> {
    const { instanceId } = request
    if (instanceId !== null) {
      const oldId = this.#members.idOfInstance(instanceId)
      return oldId === undefined
        ? this.#addMember(request, newMemberId)
        : this.#replaceStaticMember(request, oldId, newMemberId)
    }
    if (!request.requiresKnownMemberId) return this.#addMember(request, newMemberId)
    const expire = (): void => this.#removePendingJoin(newMemberId)
    this.#pendingJoins.set(newMemberId, this.#host.clock.setTimer(request.sessionTimeoutMs, expire))
    return failedJoin(errorCodes.MEMBER_ID_REQUIRED, newMemberId)
  }

  #joinKnown(request: JoinRequest): JoinResult | Promise<JoinResult> {
    const member = this.#members.get(request.memberId)!
    const isUnchanged = hasSameProtocols(member.protocols, request.protocols)
    switch (this.#state) {
      case GroupState.PREPARING_REBALANCE:
        return this.#rejoin(member, request, undefined)
      case GroupState.COMPLETING_REBALANCE:
        // Its answer was lost on the way: the same again.
        if (!isUnchanged) return this.#rejoin(member, request, 'a subscription changed')
        member.renewSession()
        return this.#joinResultOf(member)
      case GroupState.STABLE:
        if (member.id === this.#leader) return this.#rejoin(member, request, 'the leader rejoined')
        if (!isUnchanged) return this.#rejoin(member, request, 'a subscription changed')
        member.renewSession()
        return this.#joinResultOf(member)
      case GroupState.EMPTY:
      case GroupState.DEAD:
        return failedJoin(errorCodes.UNKNOWN_MEMBER_ID, request.memberId)
    }
  }

  #addMember(request: JoinRequest, memberId: string): Promise<JoinResult> {
    this.#pendingJoins.get(memberId)?.cancel()
    this.#pendingJoins.delete(memberId)
    const member = new Member(memberId, request, this.#memberHost)
    if (this.#members.size === 0) this.#protocolType = request.protocolType
    this.#members.add(member)
    this.#leader ??= memberId
    const result = member.holdJoin()
    this.#openBarrier('a member joined')
    return result
  }

  #rejoin(member: Member, request: JoinRequest, reason: string | undefined): Promise<JoinResult> {
    member.update(request)
    const result = member.holdJoin()
    if (reason === undefined) this.#tryCompleteJoin()
    else this.#openBarrier(reason)
    return result
  }

  /** KIP-345: a static member that restarted comes without its old member id. Its place is kept, its former self fenced. */
  #replaceStaticMember(
    request: JoinRequest,
    oldId: string,
    newId: string,
  ): JoinResult | Promise<JoinResult> {
    const member = this.#members.get(oldId)!
    const oldLeader = this.#leader
    member.answerJoin(failedJoin(errorCodes.FENCED_INSTANCE_ID, oldId))
    member.answerSync(failedSync(errorCodes.FENCED_INSTANCE_ID))
    this.#rename(member, newId)
    member.update(request)
    if (this.#state !== GroupState.STABLE) {
      const result = member.holdJoin()
      if (this.#state === GroupState.PREPARING_REBALANCE) this.#tryCompleteJoin()
      else this.#openBarrier('a static member rejoined')
      return result
    }
    if (this.#members.electProtocol() !== this.#protocol) {
      const result = member.holdJoin()
      this.#openBarrier('a static member rejoined with another strategy')
      return result
    }
    member.renewSession()
    this.#host.persist(this.toRecord())
    const result = this.#joinResultOf(member)
    if (request.maySkipAssignment) return { ...result, skipAssignment: this.#leader === newId }
    // An older client that is told it leads would compute an assignment nobody waits for.
    return { ...result, leader: oldLeader ?? '', members: [] }
  }

  #awaitAssignment(member: Member, request: SyncRequest): Promise<SyncResult> {
    this.#pendingSyncs.delete(member.id)
    const result = member.holdSync()
    if (member.id !== this.#leader) return result
    for (const other of this.#members)
      other.assignment = Buffer.from(request.assignments.get(other.id) ?? noAssignment)
    this.#move(GroupState.STABLE)
    this.#host.persist(this.toRecord())
    for (const other of this.#members) other.answerSync(this.#syncResultOf(other))
    return result
  }

  /** Begins a rebalance unless one is in its join phase already; that one has room for whoever came. */
  #openBarrier(reason: string): void {
    if (this.#state !== GroupState.PREPARING_REBALANCE) this.#prepareRebalance(reason)
    else this.#tryCompleteJoin()
  }

  #prepareRebalance(reason: string): void {
    this.#host.logger.debug('a group rebalances', {
      groupId: this.id,
      generation: this.#generation,
      reason,
    })
    const isFirst = this.#state === GroupState.EMPTY
    this.#syncTimer?.cancel()
    this.#pendingSyncs.clear()
    this.#move(GroupState.PREPARING_REBALANCE)
    for (const member of this.#members)
      member.answerSync(failedSync(errorCodes.REBALANCE_IN_PROGRESS))
    const { initialRebalanceDelayMs } = this.#host
    if (isFirst && initialRebalanceDelayMs > 0) {
      this.#isInInitialDelay = true
      this.#setJoinTimer(initialRebalanceDelayMs, () => {
        this.#isInInitialDelay = false
        this.#setJoinTimer(this.#members.rebalanceTimeoutMs, () => this.#completeJoin())
        this.#tryCompleteJoin()
      })
      return
    }
    this.#setJoinTimer(this.#members.rebalanceTimeoutMs, () => this.#completeJoin())
    this.#tryCompleteJoin()
  }

  #tryCompleteJoin(): void {
    if (this.#state !== GroupState.PREPARING_REBALANCE || this.#isInInitialDelay) return
    if (this.#pendingJoins.size > 0) return
    if (!this.#members.areAllJoining) return
    this.#completeJoin()
  }

  /** Everybody is in the barrier, or its time is up. */
  #completeJoin(): void {
    this.#joinTimer?.cancel()
    for (const member of this.#members)
      if (!member.isJoining && member.instanceId === null) this.#drop(member)
    if (this.#members.size === 0) return this.#becomeEmpty()
    if (!this.#electLeader()) {
      // Only static members, none of them back yet: their places are kept, so the barrier stays open.
      this.#setJoinTimer(this.#members.rebalanceTimeoutMs, () => this.#completeJoin())
      return
    }
    this.#generation++
    this.#protocol = this.#members.electProtocol()
    this.#sinceMs = this.#host.clock.now()
    this.#move(GroupState.COMPLETING_REBALANCE)
    for (const member of this.#members) {
      member.isNew = false
      this.#pendingSyncs.add(member.id)
      const result = this.#joinResultOf(member)
      if (!member.answerJoin(result)) member.renewSession()
    }
    this.#syncTimer = this.#host.clock.setTimer(this.#members.rebalanceTimeoutMs, () =>
      this.#dropUnsynced(),
    )
  }

  #becomeEmpty(): void {
    this.#generation++
    this.#protocol = null
    this.#leader = null
    this.#sinceMs = this.#host.clock.now()
    this.#move(GroupState.EMPTY)
    this.#host.persist(this.toRecord())
  }

  /** Members that took their generation and never asked for their assignment hold the group up: they go. */
  #dropUnsynced(): void {
    const late = [...this.#pendingSyncs]
    this.#pendingSyncs.clear()
    if (late.length === 0) return
    for (const memberId of late) {
      const member = this.#members.get(memberId)
      if (member !== undefined) this.#drop(member)
    }
    this.#prepareRebalance('members did not sync in time')
  }

  #removeMissed(member: Member, reason: string): void {
    this.#host.logger.info('a group member was not heard of in time', {
      groupId: this.id,
      memberId: member.id,
      sessionTimeoutMs: member.sessionTimeoutMs,
      reason,
    })
    this.#removeMemberAndRebalance(member.id, reason)
  }

  #removeMemberAndRebalance(memberId: string, reason: string): void {
    this.#drop(this.#members.get(memberId)!)
    this.#openBarrier(reason)
  }

  #removePendingJoin(memberId: string): void {
    this.#pendingJoins.get(memberId)?.cancel()
    this.#pendingJoins.delete(memberId)
    this.#tryCompleteJoin()
  }

  #drop(member: Member): void {
    this.#members.remove(member)
    this.#pendingSyncs.delete(member.id)
    if (this.#leader === member.id) this.#leader = this.#members.first?.id ?? null
    member.end(errorCodes.UNKNOWN_MEMBER_ID)
  }

  #rename(member: Member, newId: string): void {
    if (this.#pendingSyncs.delete(member.id)) this.#pendingSyncs.add(newId)
    if (this.#leader === member.id) this.#leader = newId
    this.#members.rename(member, newId)
  }

  /** The leader if it is in the barrier, else any member that is; false when none is. */
  #electLeader(): boolean {
    const leader = this.#leader === null ? undefined : this.#members.get(this.#leader)
    if (leader?.isJoining === true) return true
    for (const member of this.#members) {
      if (!member.isJoining) continue
      this.#leader = member.id
      return true
    }
    return false
  }

  #setJoinTimer(ms: number, fn: () => void): void {
    this.#joinTimer?.cancel()
    this.#joinTimer = this.#host.clock.setTimer(ms, fn)
  }

  #supports({ protocolType, protocols }: JoinRequest): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    if (this.#members.size === 0) return true
    return this.#protocolType === protocolType && this.#members.support(protocols)
  }

  /** KIP-559: what the member believes, when it says so, must be the group's. */
  #disagrees({ protocolType, protocol }: SyncRequest): boolean {
    return (
      (protocolType !== null && protocolType !== this.#protocolType) ||
      (protocol !== null && protocol !== this.#protocol)
    )
  }

  #joinResultOf(member: Member): JoinResult {
    const isLeader = member.id === this.#leader
    return {
      errorCode: errorCodes.NONE,
      memberId: member.id,
      generation: this.#generation,
      protocolType: this.#protocolType,
      protocol: this.#protocol,
      leader: this.#leader ?? '',
      skipAssignment: false,
      members: isLeader
        ? [...this.#members].map((other) => ({
            memberId: other.id,
            instanceId: other.instanceId,
            metadata: this.metadataOf(other),
          }))
        : [],
    }
  }

  #syncResultOf(member: Member): SyncResult {
    return {
      errorCode: errorCodes.NONE,
      protocolType: this.#protocolType,
      protocol: this.#protocol,
      assignment: member.assignment,
    }
  }

  #move(next: GroupState): void {
    const moves: readonly GroupState[] = groupMoves[this.#state]
    assert(moves.includes(next), `Group ${this.id}: illegal move ${this.#state} → ${next}`)
    this.#state = next
  }
}
