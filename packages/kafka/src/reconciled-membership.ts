/**
 * Membership of a consumer group by the new protocol (KIP-848): heartbeats are all there is. With the first a member joins; each tells it
 * its epoch and what it is to have; it gives up, takes over, and says with the next what it has. The coordinator gives nobody what
 * another still has, so members do not wait for each other.
 *
 *   joining (epoch 0) ──answered──▶ member (epoch n) ◀──reconciles──┐
 *      ▲                                 │        └─────told anew───┘
 *      └────── fenced, unknown: lost, all given up at once
 *
 * One loop (`#run`) owns the state. While partitions change hands heartbeats go on beside that work, and what they answer is dealt with
 * after it. An outage of the broker ends nothing: the loop goes on trying, and the coordinator's answer decides.
 */
import { backoffMs, toError, uuidv7 } from '@millrace/core'
import type { ConsumerGroupHeartbeatResponse } from '@millrace/protocol'
import { code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { OffsetToCommit } from './consumer-types.ts'
import { isRetryable, KafkaError } from './errors.ts'
import { generationOver, noNewProtocol, type GroupCoordinator } from './group-coordinator.ts'
import { MembershipLoop, pauses, type MembershipOptions } from './membership-loop.ts'
import { partitionKey } from './partition-key.ts'
import type { TopicPartition } from './types.ts'
import { optionalWire } from './wire.ts'

export interface ReconciledOptions extends MembershipOptions {
  /** The broker's assignor; `undefined` leaves it to the broker. */
  readonly serverAssignor: string | undefined
}

/** Epochs that are none. */
const joinEpoch = 0
const leaveEpoch = -1
/** A static member goes and means to come back within its session. */
const staticLeaveEpoch = -2

/** Until the first answer says how often. */
const firstIntervalMs = 1_000
const maxHeartbeatTimeoutMs = 10_000
const leaveTimeoutMs = 2_000
/** How often a name is looked for that an id has not got yet. */
const nameCheckMs = 250

/** Thrown inside the loop: the coordinator does not know this member, or not in this epoch. */
class MembershipLost extends Error {
  readonly errorCode: number

  constructor(errorCode: number) {
    super(`The membership is over: ${errorCode}`)
    this.errorCode = errorCode
  }
}

type TopicRows = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]
type OwnedRow = TopicPartition & { readonly topicId: string }

export class ReconciledMembership {
  readonly #cluster: Cluster
  readonly #coordinator: GroupCoordinator
  readonly #options: ReconciledOptions
  readonly #loop: MembershipLoop
  readonly #memberId = uuidv7()
  #epoch = joinEpoch
  #intervalMs = firstIntervalMs
  /** The last answer's assignment; `undefined` until there is one. */
  #wanted: TopicRows | undefined
  /** Of topics that were ever wanted. */
  readonly #nameById = new Map<string, string>()
  /** Under which id each owned topic was assigned: one made anew is another topic. */
  readonly #idByName = new Map<string, string>()
  /** Say everything: on joining, and when it is not known what the coordinator has heard. */
  #saysAll = true
  /** Partitions have changed hands since they were last told. */
  #hasNews = false
  /** Something was taken since it joined, be it nothing: the user is told of that too. */
  #hasTaken = false
  #topicsTold = ''
  #nextTopicCheckMs = 0
  #heldInstanceSinceMs: number | undefined
  #isEnding = false
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, coordinator: GroupCoordinator, options: ReconciledOptions) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#options = options
    this.#loop = new MembershipLoop(cluster, coordinator, options)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  get memberId(): string {
    return this.#memberId
  }

  /** The member's epoch, -1 where it has none. */
  get generationId(): number {
    return this.#epoch > joinEpoch ? this.#epoch : -1
  }

  /**
   * Gives up the partitions and ends. Idempotent.
   * @param leaves false: a static member says that it will be back within its session, the session of another runs out
   */
  async close(leaves: boolean): Promise<void> {
    if (!this.#isEnding) {
      this.#isEnding = true
      await this.#options.onRevoked(false)
      this.#loop.close()
      await this.#running
      const isStatic = this.#coordinator.instanceId !== null
      if (this.#epoch !== joinEpoch && (leaves || isStatic))
        await this.#leave(leaves ? leaveEpoch : staticLeaveEpoch)
    }
    await this.#running
  }

  /**
   * @param areOwned whether the partitions have been owned since the call, looked at before each attempt
   * @throws KafkaError `MR_KAFKA_FENCED` when they are given up; retryable ones when the coordinator stays away for 5 s
   */
  heartbeatNow(): void {
    this.#loop.heartbeatNow()
  }

  async commit(offsets: readonly OffsetToCommit[], areOwned: () => boolean): Promise<void> {
    await this.#loop.commit({
      member: () => {
        if (this.#epoch === joinEpoch || !areOwned())
          throw generationOver(this.#coordinator.groupId)
        return { memberId: this.#memberId, generationId: this.#epoch }
      },
      send: (member) => this.#coordinator.commit(member, offsets, optionalWire.offsetCommitInEpoch),
      isPassing: (error) => isRetryable(error) || isStale(error),
    })
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#loop.isClosing;) {
      try {
        await this.#turn()
        failures = 0
      } catch (error) {
        if (this.#loop.isClosing) return
        if (error instanceof MembershipLost) await this.#lose(error.errorCode)
        else if (isRetryable(error)) {
          this.#coordinator.forget()
          this.#saysAll = true
          this.#loop.tell('heartbeat failed, trying again', ++failures, error)
          await this.#loop.pause(backoffMs(failures, pauses))
        } else {
          await this.#giveUpLost().catch(() => {}) // The first failure is the one to tell.
          this.#options.onFailure(toError(error))
          return
        }
      }
    }
  }

  /** One heartbeat, what it asks for, and the wait for the next. */
  async #turn(): Promise<void> {
    await this.#resolveTopics()
    await this.#heartbeat()
    const partitions = await this.#wantedPartitions()
    if (partitions !== undefined && !this.#isEnding) {
      const next = this.#nextStep(partitions)
      if (next !== undefined) return this.#withHeartbeats(this.#take(next))
    }
    const isNameless = this.#wanted !== undefined && partitions === undefined
    const waitMs = isNameless ? Math.min(nameCheckMs, this.#intervalMs) : this.#intervalMs
    this.#tellOfStarving(await this.#loop.wait(waitMs))
    if (this.#loop.isHeldTooLong) await this.#stepAside()
  }

  /** Sends one and takes in what it answers, partitions aside. @throws MembershipLost, KafkaError */
  async #heartbeat(saysOwned = true): Promise<void> {
    const { rebalanceTimeoutMs, serverAssignor, subscribed } = this.#options
    const saysAll = this.#saysAll || this.#epoch === joinEpoch
    const topics = [...subscribed.topics].toSorted()
    const topicsText = topics.join()
    const hasNews = saysOwned && this.#hasNews
    const answer = await this.#coordinator.memberHeartbeat(
      {
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        rebalanceTimeoutMs: saysAll ? rebalanceTimeoutMs : -1,
        subscribedTopicNames: saysAll || topicsText !== this.#topicsTold ? topics : null,
        serverAssignor: saysAll ? (serverAssignor ?? null) : null,
        topicPartitions: saysAll || hasNews ? this.#ownedRows() : null,
      },
      Math.min(maxHeartbeatTimeoutMs, this.#cluster.requestTimeoutMs),
    )
    this.#expectMember(answer)
    this.#saysAll = false
    if (hasNews) this.#hasNews = false
    this.#topicsTold = topicsText
    this.#heldInstanceSinceMs = undefined
    this.#epoch = answer.memberEpoch
    this.#intervalMs = Math.max(answer.heartbeatIntervalMs, 1)
    if (answer.assignment !== null) this.#wanted = answer.assignment.topicPartitions
  }

  #expectMember({ errorCode, errorMessage }: ConsumerGroupHeartbeatResponse): void {
    const { groupId, instanceId } = this.#coordinator
    this.#coordinator.forgetIfMoved(errorCode)
    const isMember = this.#epoch > joinEpoch
    switch (errorCode) {
      case code.FENCED_MEMBER_EPOCH:
      case code.UNKNOWN_MEMBER_ID:
        throw new MembershipLost(errorCode)
      case code.GROUP_ID_NOT_FOUND:
        if (isMember) throw new MembershipLost(errorCode)
        throw new KafkaError(
          'MR_KAFKA_REFUSED',
          `Group "${groupId}" has members of the classic protocol (${errorMessage ?? ''}). Let them leave first, or join with groupProtocol 'classic'.`,
          { groupId, errorCode },
        )
      case code.UNSUPPORTED_VERSION:
        throw noNewProtocol(groupId)
      case code.UNRELEASED_INSTANCE_ID:
        return this.#awaitInstance()
      case code.FENCED_INSTANCE_ID:
        throw this.#loop.fencedInstance()
      default:
        expectNone(
          `Heartbeat of group "${groupId}"${errorMessage === null ? '' : ` (${errorMessage})`}`,
          errorCode,
          { groupId, instanceId },
        )
    }
  }

  /** A process that was killed holds its instance until its session is over; a living one for good. */
  #awaitInstance(): never {
    const nowMs = this.#cluster.clock.monotonicMs()
    this.#heldInstanceSinceMs ??= nowMs
    if (nowMs - this.#heldInstanceSinceMs > this.#options.rebalanceTimeoutMs)
      throw this.#loop.fencedInstance()
    const { groupId, instanceId } = this.#coordinator
    throw new KafkaError(
      'MR_KAFKA_BROKER_BUSY',
      `Instance "${instanceId}" of group "${groupId}" is held by a member that has not left. It is waited for until that one's session is over, for ${this.#options.rebalanceTimeoutMs} ms at most.`,
      { groupId, instanceId, errorCode: code.UNRELEASED_INSTANCE_ID },
    )
  }

  /** What the coordinator wants this member to have, by name; `undefined` before it has said, or where it is not known how a topic is called. */
  async #wantedPartitions(): Promise<readonly OwnedRow[] | undefined> {
    const wanted = this.#wanted
    if (wanted === undefined) return undefined
    const nameless = wanted.map(({ topicId }) => topicId).filter((id) => !this.#nameById.has(id))
    if (nameless.length > 0)
      for (const [id, name] of await this.#cluster.topicNames(nameless))
        this.#nameById.set(id, name)
    const rows: OwnedRow[] = []
    for (const { topicId, partitions } of wanted) {
      const topic = this.#nameById.get(topicId)
      if (topic === undefined) return undefined
      for (const partition of partitions) rows.push({ topicId, topic, partition })
    }
    return rows
  }

  /** What to own next on the way to what is wanted; `undefined` where it is owned. */
  #nextStep(wanted: readonly OwnedRow[]): readonly OwnedRow[] | undefined {
    const owned = new Set(this.#options.owned().map(partitionKey))
    // A topic that was deleted and made again is given up first, and comes back as the one it is now.
    const isOther = ({ topic, topicId, ...row }: OwnedRow): boolean =>
      owned.has(partitionKey({ topic, ...row })) && this.#idByName.get(topic) !== topicId
    const step = wanted.filter((row) => !isOther(row))
    const isThere = step.length === owned.size && step.every((row) => owned.has(partitionKey(row)))
    return isThere && step.length === wanted.length && this.#hasTaken ? undefined : step
  }

  /** Gives up what is owned and not in `rows`, and takes over the rest. */
  async #take(rows: readonly OwnedRow[]): Promise<void> {
    const { groupId } = this.#coordinator
    await this.#options.onAssigned(rows, this.#epoch)
    this.#idByName.clear()
    for (const { topic, topicId } of rows) this.#idByName.set(topic, topicId)
    this.#hasNews = true
    this.#hasTaken = true
    this.#loop.countRebalance()
    this.#cluster.logger.info('owns other partitions of the group', {
      groupId,
      memberEpoch: this.#epoch,
      memberId: this.#memberId,
      partitions: rows.map(({ topic, partition }) => `${topic}/${partition}`),
    })
  }

  #ownedRows(): { topicId: string; partitions: number[] }[] {
    if (this.#epoch === joinEpoch) return []
    const byTopic = Map.groupBy(this.#options.owned(), ({ topic }) => topic)
    return [...byTopic].flatMap(([topic, rows]) => {
      const topicId = this.#idByName.get(topic)
      return topicId === undefined
        ? []
        : [{ topicId, partitions: rows.map(({ partition }) => partition) }]
    })
  }

  /** Keeps the session while `work` goes on. Losing it meanwhile, and what else fails, is told afterwards. */
  async #withHeartbeats(work: Promise<void>): Promise<void> {
    const intervalMs = (): number => this.#intervalMs
    await this.#loop.withHeartbeats(work, intervalMs, async () => {
      try {
        await this.#heartbeat(false)
      } catch (error) {
        this.#saysAll = true
        if (!isRetryable(error)) throw error
      }
    })
  }

  /** Somebody else may own the partitions already. */
  async #lose(errorCode: number): Promise<void> {
    const { groupId } = this.#coordinator
    this.#cluster.logger.warn('group membership lost, joining again', { groupId, errorCode })
    await this.#giveUpLost()
    // Where the coordinator has this member in another epoch, it would refuse it until its session is over.
    if (errorCode === code.FENCED_MEMBER_EPOCH) {
      await this.#leave(leaveEpoch)
      await this.#loop.pause(backoffMs(1, pauses))
    }
  }

  async #giveUpLost(): Promise<void> {
    this.#epoch = joinEpoch
    this.#wanted = undefined
    this.#saysAll = true
    await this.#options.onRevoked(true)
    this.#idByName.clear()
    this.#hasTaken = false
  }

  /** KIP-62: a member that does not come back for more leaves its partitions to others, and joins again once it has come back. */
  async #stepAside(): Promise<void> {
    await this.#loop.stepAside(async () => {
      await this.#giveUpLost()
      await this.#leave(leaveEpoch)
    })
  }

  /** Takes the member out, if the coordinator can be reached at once. Never throws. */
  async #leave(memberEpoch: number): Promise<void> {
    const { groupId } = this.#coordinator
    if (!this.#coordinator.isFound) return
    try {
      const { errorCode } = await this.#coordinator.memberHeartbeat(
        { memberId: this.#memberId, memberEpoch },
        leaveTimeoutMs,
      )
      if (errorCode !== code.NONE)
        this.#cluster.logger.debug('there was nothing to leave', { groupId, errorCode })
    } catch (error) {
      const message = 'leaving the group failed; its session runs out instead'
      this.#cluster.logger.info(message, { groupId, error })
    }
    this.#epoch = joinEpoch
  }

  async #resolveTopics(): Promise<void> {
    const nowMs = this.#cluster.clock.monotonicMs()
    if (nowMs < this.#nextTopicCheckMs) return
    await this.#options.subscribed.resolve()
    this.#nextTopicCheckMs = nowMs + this.#options.metadataMaxAgeMs
  }

  /** A timer as late as that: something blocked the event loop, and heartbeats with it. */
  #tellOfStarving(lateMs: number): void {
    if (lateMs < 3 * this.#intervalMs) return
    this.#cluster.logger.warn(
      "heartbeat was late because the event loop was blocked; beyond the broker's session time-out the group goes on without this member",
      { groupId: this.#coordinator.groupId, lateMs: Math.round(lateMs) },
    )
  }
}

/** The epoch has risen since it was last heard of. */
function isStale(error: unknown): boolean {
  return error instanceof KafkaError && error.details['errorCode'] === code.STALE_MEMBER_EPOCH
}
