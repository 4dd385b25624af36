/**
 * Membership of a consumer group by the classic protocol (KIP-62 and later): join, sync, heartbeats, and again after every rebalance.
 * The member that the coordinator makes leader deals the partitions out.
 *
 *   joining ──answered by join and sync──▶ owning ──rebalance──▶ joining
 *      ▲                                     │
 *      └──── session or generation over: lost, given up at once ────┘
 *
 * Eager, where any assignor offered is: all partitions are given up before a member joins, batches being finished first. Cooperative
 * (KIP-429), where every assignor offered is: they are kept, and read, while it joins; what its share has no more is given up then,
 * and the member joins once more, so that others can get it.
 *
 * One loop (`#run`) moves between these states and owns them. An outage of the broker ends neither: it goes on trying, and the
 * coordinator's answer decides, for with the broker away nobody else can be given the partitions.
 */
import { backoffMs, toError } from '@millrace/core'
import type { JoinGroupResponse } from '@millrace/protocol'
import { code, expectNone, isMembershipOver } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isRetryable, KafkaError } from './errors.ts'
import type { OffsetToCommit } from './consumer-types.ts'
import {
  assignmentsOf,
  membersOf,
  partitionCounts,
  protocolsOf,
  readAssignment,
} from './group-assignment.ts'
import { generationOver, type GroupCoordinator } from './group-coordinator.ts'
import { MembershipLoop, pauses, type MembershipOptions } from './membership-loop.ts'
import type { PartitionAssignor } from './partition-assignor.ts'

export interface GroupOptions extends MembershipOptions {
  readonly assignors: readonly PartitionAssignor[]
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** How often topics that do not exist yet are looked for. */
const missingTopicCheckMs = 1_000
/** How long a member that closes waits for the id that it has asked for. */
const idPatienceMs = 2_000
const never = 2 ** 31 - 1

/** Thrown inside the loop: join again at once. */
class Rejoin extends Error {}

export class GroupMembership {
  readonly #cluster: Cluster
  readonly #coordinator: GroupCoordinator
  readonly #options: GroupOptions
  readonly #loop: MembershipLoop
  /** Partitions are kept while joining. */
  readonly #isCooperative: boolean
  #memberId = ''
  /** `undefined` while no partitions can be owned. */
  #generationId: number | undefined
  /** Told to the assignors: the last generation in which something was assigned here. */
  #assignedIn = -1
  #joinReason = 'begins to read'
  /** Why the group is to deal out anew, where this member wants it. */
  #wanted: string | undefined
  #isJoining = false
  /** The first JoinGroup is under way, which the coordinator answers with an id. */
  #isAskingForId = false
  /** The id is new: no generation with it has been settled yet, so the coordinator has not written it down. */
  #isUnsettled = false
  /**
   * A static member was given its id, and the coordinator went away before a generation with it was settled: it may have come back with what it
   * had written down last, where the id of the process before stands in this one's place.
   */
  #mayBeForgotten = false
  #isEnding = false
  /** Partition counts by which the leader assigned; `undefined` for the other members. */
  #assignedCounts: ReadonlyMap<string, number> | undefined
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, coordinator: GroupCoordinator, options: GroupOptions) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#options = options
    this.#loop = new MembershipLoop(cluster, coordinator, options)
    this.#isCooperative = options.assignors.every(({ isCooperative }) => isCooperative)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  get memberId(): string {
    return this.#memberId
  }

  /** -1 where the member is in none. */
  get generationId(): number {
    return this.#generationId ?? -1
  }

  /**
   * Gives up the partitions and ends. Idempotent.
   * @param leaves false: the group goes on with this member until its session is over
   * @throws KafkaError `MR_KAFKA_INSTANCE_FENCED` where the group has another process for the static member that leaves
   */
  async close(leaves: boolean): Promise<void> {
    let answer: number = code.NONE
    if (!this.#isEnding) {
      this.#isEnding = true
      if (this.#generationId !== undefined) await this.#giveUp(false)
      this.#loop.close()
      // The group keeps a place for a member as soon as it has given it an id: to leave, that answer is needed. It comes at once.
      if (this.#isAskingForId && leaves) await this.#settled(this.#running)
      this.#coordinator.interruptJoin()
      if (leaves) answer = await this.#coordinator.leave(this.#memberId, 'the consumer is closed')
    }
    await this.#running
    if (answer === code.FENCED_INSTANCE_ID) throw this.#loop.fencedInstance()
  }

  /** Joins again with the next heartbeat, so that the group deals out anew. */
  enforceRebalance(reason: string): void {
    this.#wanted = reason
  }

  heartbeatNow(): void {
    this.#loop.heartbeatNow()
  }

  /**
   * @param areOwned whether the partitions have been owned since the call, looked at before each attempt
   * @throws KafkaError `MR_KAFKA_FENCED` when they are given up; retryable ones when the coordinator stays away for 5 s
   */
  async commit(offsets: readonly OffsetToCommit[], areOwned: () => boolean): Promise<void> {
    const before = this.#generationId
    await this.#loop.commit({
      member: () => {
        const generationId = this.#generationId
        const isOver = generationId !== before && !this.#isCooperative
        if (generationId === undefined || isOver || !areOwned())
          throw generationOver(this.#coordinator.groupId)
        return { memberId: this.#memberId, generationId }
      },
      send: (member) => this.#coordinator.commit(member, offsets),
      isPassing: (error, { generationId }) =>
        isRetryable(error) || this.#isBetweenGenerations(error, generationId),
    })
  }

  /** Cooperative: the coordinator is dealing out anew, or has done so and this member is about to hear of it. */
  #isBetweenGenerations(error: unknown, generationId: number): boolean {
    if (!this.#isCooperative || !(error instanceof KafkaError)) return false
    const { errorCode } = error.details
    if (errorCode === code.REBALANCE_IN_PROGRESS) return true
    return (
      errorCode === code.ILLEGAL_GENERATION &&
      (this.#isJoining || generationId !== this.#generationId)
    )
  }

  /** For as long as an answer may take, no longer: the coordinator may be away. */
  async #settled(work: Promise<void> | undefined): Promise<void> {
    const done = new AbortController()
    const limit = this.#cluster.clock.sleep(idPatienceMs, done.signal).catch(() => {})
    await Promise.race([work, limit])
    done.abort()
  }

  async #run(): Promise<void> {
    for (let failures = 0, rejoins = 0; !this.#loop.isClosing;) {
      try {
        const isSettled = await this.#join()
        failures = rejoins = 0
        if (isSettled) await this.#own()
      } catch (error) {
        if (this.#loop.isClosing) return
        if (error instanceof Rejoin) {
          // The first is routine (MEMBER_ID_REQUIRED); a group that goes on refusing is not to be stormed.
          if (++rejoins > 1) await this.#loop.pause(backoffMs(rejoins - 1, pauses))
        } else if (isRetryable(error)) {
          this.#mayBeForgotten ||= this.#isUnsettled
          this.#coordinator.forget()
          this.#loop.tell('joining the group failed, trying again', ++failures, error)
          await this.#loop.pause(backoffMs(failures, pauses))
        } else {
          await this.#giveUp(true).catch(() => {}) // The first failure is the one to tell.
          this.#options.onFailure(toError(error))
          return
        }
      }
    }
  }

  /** Enters the next generation. False when something was given up there, for which the group has to deal out once more. */
  async #join(): Promise<boolean> {
    this.#isJoining = true
    this.#wanted = undefined
    const joined = await this.#askToJoin()
    const { generationId, memberId } = joined
    this.#isUnsettled ||= memberId !== this.#memberId
    this.#memberId = memberId
    // What is kept meanwhile is committed under the new generation from here on.
    if (this.#generationId !== undefined) this.#generationId = generationId
    const assignor = this.#assignorOf(joined)
    const isLeader = joined.leader === memberId
    const synced = await this.#coordinator.sync(
      { memberId, generationId },
      assignor.name,
      isLeader ? await this.#assign(joined, assignor) : [],
      this.#options.rebalanceTimeoutMs,
    )
    await this.#expectMember('Syncing with', synced.errorCode)
    this.#isUnsettled = this.#mayBeForgotten = false
    if (!isLeader) this.#assignedCounts = undefined
    if (this.#isEnding) {
      await this.#loop.pause(never)
      return false
    }
    this.#isJoining = false
    const share = readAssignment(synced.assignment)
    this.#generationId = this.#assignedIn = generationId
    assignor.onAssignment?.(share, generationId)
    this.#loop.countRebalance()
    this.#cluster.logger.info('entered a generation of the group', {
      groupId: this.#coordinator.groupId,
      generationId,
      memberId,
      isLeader,
      assignor: assignor.name,
      partitions: share.partitions.map(({ topic, partition }) => `${topic}/${partition}`),
    })
    const hasGivenUp = await this.#withHeartbeats(
      generationId,
      this.#options.onAssigned(share.partitions, generationId),
    )
    if (hasGivenUp) this.#joinReason = 'gave up partitions that go to others'
    return !hasGivenUp
  }

  async #askToJoin(): Promise<JoinGroupResponse> {
    await this.#options.subscribed.resolve()
    const { sessionTimeoutMs, rebalanceTimeoutMs, assignors, subscribed, owned } = this.#options
    if (this.#loop.isClosing) throw new Rejoin()
    this.#isAskingForId = this.#memberId === ''
    const joined = await this.#coordinator
      .join(this.#memberId, {
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        protocols: protocolsOf(assignors, {
          topics: subscribed.topics,
          ownedPartitions: owned(),
          generationId: this.#assignedIn,
        }),
        reason: this.#joinReason,
      })
      .finally(() => (this.#isAskingForId = false))
    if (joined.errorCode === code.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId
      throw new Rejoin()
    }
    await this.#expectMember('Joining', joined.errorCode)
    return joined
  }

  #assignorOf({ protocolName }: JoinGroupResponse): PartitionAssignor {
    const found = this.#options.assignors.find(({ name }) => name === protocolName)
    if (found) return found
    const { groupId } = this.#coordinator
    throw new KafkaError(
      'MR_KAFKA_REFUSED',
      `Group "${groupId}" deals partitions out by "${protocolName}", which this member has not offered. Is it a group of another kind?`,
      { groupId, protocolName },
    )
  }

  /** As leader: shares out the partitions of all topics that any member asks for. */
  async #assign(joined: JoinGroupResponse, assignor: PartitionAssignor) {
    const members = membersOf(joined)
    const topics = new Set([
      ...this.#options.subscribed.topics,
      ...members.flatMap((row) => row.topics),
    ])
    this.#assignedCounts = await partitionCounts(this.#cluster, [...topics])
    // KIP-814: a leader that came back as static member is told to leave everything as it is, and to go on watching the topics.
    if (joined.skipAssignment) return []
    return assignmentsOf(assignor.assign(members, this.#assignedCounts))
  }

  /** Holds the generation by heartbeats until it ends; then the partitions have been given up, or are kept until the next. */
  async #own(): Promise<void> {
    const { clock } = this.#cluster
    let nextCheckMs = this.#nextTopicCheckMs()
    for (let failures = 0; ;) {
      const waitMs = failures > 0 ? backoffMs(failures, pauses) : this.#options.heartbeatIntervalMs
      const lateMs = await this.#loop.wait(waitMs)
      const generationId = this.#generationId
      if (this.#loop.isClosing || generationId === undefined) return
      this.#tellOfStarving(lateMs)
      if (this.#loop.isHeldTooLong) return await this.#stepAside()
      try {
        const errorCode = await this.#heartbeat(generationId)
        if (isMembershipOver(errorCode)) return await this.#lose(errorCode)
        const isCheckDue = clock.monotonicMs() >= nextCheckMs
        if (errorCode === code.REBALANCE_IN_PROGRESS) this.#joinReason = 'the group rebalances'
        else if (errorCode === code.NONE && this.#wanted !== undefined)
          this.#joinReason = this.#wanted
        else if (isCheckDue && (await this.#topicsChanged()))
          this.#joinReason = 'topics or partitions have changed'
        else {
          expectNone(`Heartbeat of group "${this.#coordinator.groupId}"`, errorCode)
          failures = 0
          if (isCheckDue) nextCheckMs = this.#nextTopicCheckMs()
          continue
        }
        // Batches may be finished and committed meanwhile, so the session has to be kept.
        if (!this.#isCooperative) await this.#withHeartbeats(generationId, this.#giveUp(false))
        return
      } catch (error) {
        if (this.#loop.isClosing) return
        if (!isRetryable(error)) throw error
        this.#coordinator.forget()
        this.#loop.tell('heartbeat failed, trying again', ++failures, error)
      }
    }
  }

  async #heartbeat(generationId: number): Promise<number> {
    const { errorCode } = await this.#coordinator.heartbeat(
      { memberId: this.#memberId, generationId },
      this.#options.sessionTimeoutMs,
    )
    return errorCode
  }

  /** Keeps the session while `work` goes on. What the heartbeats answer is dealt with afterwards. */
  async #withHeartbeats<T>(generationId: number, work: Promise<T>): Promise<T> {
    const intervalMs = (): number => this.#options.heartbeatIntervalMs
    return this.#loop.withHeartbeats(work, intervalMs, async () => {
      try {
        await this.#heartbeat(generationId)
      } catch (error) {
        this.#cluster.logger.debug('heartbeat failed while partitions change hands', { error })
      }
    })
  }

  /** A timer as late as that: something blocked the event loop, and heartbeats with it. */
  #tellOfStarving(lateMs: number): void {
    if (lateMs < this.#options.sessionTimeoutMs / 3) return
    this.#cluster.logger.warn(
      'heartbeat was late because the event loop was blocked; beyond sessionTimeoutMs the group goes on without this member',
      {
        groupId: this.#coordinator.groupId,
        lateMs: Math.round(lateMs),
        sessionTimeoutMs: this.#options.sessionTimeoutMs,
      },
    )
  }

  /** KIP-62: a member that does not come back for more leaves its partitions to others, and joins again once it has come back. */
  async #stepAside(): Promise<void> {
    const text = `a batch was not dealt with in ${this.#options.maxPollIntervalMs} ms`
    await this.#loop.stepAside(async () => {
      await this.#giveUp(true)
      // A static member keeps its place until its session is over, as Java's does.
      if (this.#coordinator.instanceId !== null) return
      await this.#coordinator.leave(this.#memberId, text)
      this.#memberId = ''
    })
    this.#joinReason = `comes back after ${text}`
  }

  /** The coordinator has gone on without this member: somebody else may own the partitions. */
  async #lose(errorCode: number): Promise<void> {
    const { groupId } = this.#coordinator
    this.#cluster.logger.warn('group membership lost, joining again', { groupId, errorCode })
    if (errorCode === code.FENCED_INSTANCE_ID) throw this.#loop.fencedInstance()
    if (errorCode === code.UNKNOWN_MEMBER_ID) this.#memberId = ''
    this.#joinReason = 'lost its membership'
    await this.#giveUp(true)
  }

  async #giveUp(isLost: boolean): Promise<void> {
    if (isLost) {
      this.#generationId = undefined
      this.#assignedIn = -1
    }
    await this.#options.onRevoked(isLost)
    this.#generationId = undefined
  }

  /** Sorts out the answers to JoinGroup and SyncGroup. */
  async #expectMember(what: string, errorCode: number): Promise<void> {
    const { groupId } = this.#coordinator
    this.#coordinator.forgetIfMoved(errorCode)
    if (errorCode === code.FENCED_INSTANCE_ID) {
      if (!this.#mayBeForgotten) throw this.#loop.fencedInstance()
      // Once: whoever really has another process for this instance is told so by the next answer.
      this.#mayBeForgotten = false
      this.#memberId = ''
      throw new Rejoin()
    }
    if (errorCode === code.UNKNOWN_MEMBER_ID) this.#memberId = ''
    if (isMembershipOver(errorCode) && this.#generationId !== undefined) await this.#giveUp(true)
    if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS) throw new Rejoin()
    expectNone(`${what} group "${groupId}"`, errorCode, { groupId })
  }

  async #topicsChanged(): Promise<boolean> {
    const { subscribed } = this.#options
    if (await subscribed.resolve()) return true
    const assigned = this.#assignedCounts
    if (!assigned) return false
    const topics = [...new Set([...subscribed.topics, ...assigned.keys()])]
    const counts = await partitionCounts(this.#cluster, topics)
    return topics.some((topic) => counts.get(topic) !== assigned.get(topic))
  }

  #nextTopicCheckMs(): number {
    const { subscribed, metadataMaxAgeMs } = this.#options
    const { topics } = subscribed
    const isMissing =
      topics.length === 0 || topics.some((name) => this.#assignedCounts?.has(name) === false)
    const checkMs = isMissing ? Math.min(missingTopicCheckMs, metadataMaxAgeMs) : metadataMaxAgeMs
    return this.#cluster.clock.monotonicMs() + checkMs
  }
}
