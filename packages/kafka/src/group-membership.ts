/**
 * Membership of a consumer group by the classic protocol (KIP-62 and later): join, sync, heartbeats, and again after every rebalance.
 * Rebalances are eager: all partitions are given up before a member joins the next generation. The member that the coordinator
 * makes leader assigns ranges to all.
 *
 *   joining ──answered by join and sync──▶ owning ──rebalance: batches may finish, then given up──▶ joining
 *      ▲                                     │
 *      └──── session or generation over: lost, given up at once ────┘
 *
 * One loop (`#run`) moves between these states and owns them. An outage of the broker ends neither: it goes on trying, and the
 * coordinator's answer decides, for with the broker away nobody else can be given the partitions.
 */
import { backoffMs, noopMeter, toError, Wakeup, type Counter, type Meter } from '@millrace/core'
import type { JoinGroupResponse } from '@millrace/protocol'
import { code, expectNone, isMembershipOver } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isRetryable, KafkaError } from './errors.ts'
import { assignmentsOf, membersOf, partitionCounts, readAssignment } from './group-assignment.ts'
import { generationOver, type GroupCoordinator } from './group-coordinator.ts'
import { isWorthTelling } from './retrying.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'

export interface GroupOptions {
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly meter?: Meter | undefined
  /** The partitions of a new generation. */
  readonly onAssigned: (
    partitions: readonly TopicPartition[],
    generationId: number,
  ) => Promise<void>
  /** The generation ends. `isLost`: others may own the partitions already, so there is nothing to wait for. */
  readonly onRevoked: (isLost: boolean) => Promise<void>
  /** Something that no retry mends; the membership is over. */
  readonly onFailure: (error: Error) => void
}

const pauses = { baseMs: 50, maxMs: 1_000 }
/** How often the leader looks for new partitions; and for topics that do not exist yet. */
const topicCheckMs = 30_000
const missingTopicCheckMs = 1_000
/** How long `commit` bridges an outage before it gives up. */
const maxCommitMs = 5_000

/** Thrown inside the loop: join again at once. */
class Rejoin extends Error {}

export class GroupMembership {
  readonly #cluster: Cluster
  readonly #coordinator: GroupCoordinator
  readonly #options: GroupOptions
  readonly #rebalances: Counter
  readonly #closing = new AbortController()
  readonly #wakeup: Wakeup
  #memberId = ''
  /** `undefined` while no partitions are owned. */
  #generationId: number | undefined
  /** Partition counts by which the leader assigned; `undefined` for the other members. */
  #assignedCounts: ReadonlyMap<string, number> | undefined
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, coordinator: GroupCoordinator, options: GroupOptions) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#options = options
    this.#wakeup = new Wakeup(cluster.clock)
    this.#rebalances = (options.meter ?? noopMeter).counter({
      name: 'mr_kafka_rebalances_total',
      help: 'Generations of the consumer group that this member has entered',
      labelNames: ['group'],
    })
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Gives up the partitions, leaves the group (a static member stays, KIP-345) and ends. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      if (this.#generationId !== undefined) await this.#giveUp(false)
      this.#closing.abort()
      this.#coordinator.interruptJoin()
      await this.#coordinator.leave(this.#memberId)
    }
    await this.#running
  }

  /**
   * @throws KafkaError `MR_KAFKA_FENCED` when the generation is over; retryable ones when the coordinator stays away for 5 s
   */
  async commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const { clock } = this.#cluster
    const generationId = this.#generationId
    const memberId = this.#memberId
    const deadlineMs = clock.monotonicMs() + Math.min(maxCommitMs, this.#cluster.requestTimeoutMs)
    for (let attempt = 1; ; attempt++) {
      if (generationId === undefined || generationId !== this.#generationId)
        throw generationOver(this.#coordinator.groupId)
      try {
        return await this.#coordinator.commit({ memberId, generationId }, offsets)
      } catch (error) {
        this.#wakeup.signal() // The next heartbeat finds out what is wrong, and need not wait for its turn.
        const pauseMs = backoffMs(attempt, pauses)
        if (!isRetryable(error) || clock.monotonicMs() + pauseMs > deadlineMs) throw error
        await this.#pause(pauseMs)
      }
    }
  }

  async #run(): Promise<void> {
    for (let failures = 0, rejoins = 0; !this.#closing.signal.aborted;) {
      try {
        await this.#join()
        failures = rejoins = 0
        await this.#own()
      } catch (error) {
        if (this.#closing.signal.aborted) return
        if (error instanceof Rejoin) {
          // The first is routine (MEMBER_ID_REQUIRED); a group that goes on refusing is not to be stormed.
          if (++rejoins > 1) await this.#pause(backoffMs(rejoins - 1, pauses))
        } else if (isRetryable(error)) {
          this.#coordinator.forget()
          this.#tell('joining the group failed, trying again', ++failures, error)
          await this.#pause(backoffMs(failures, pauses))
        } else {
          await this.#giveUp(true).catch(() => {}) // The first failure is the one to tell.
          this.#options.onFailure(toError(error))
          return
        }
      }
    }
  }

  /** Enters the next generation. */
  async #join(): Promise<void> {
    const joined = await this.#coordinator.join(this.#memberId, this.#options)
    if (joined.errorCode === code.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId
      throw new Rejoin()
    }
    this.#expectMember('Joining', joined.errorCode)
    this.#memberId = joined.memberId
    const { generationId, memberId } = joined
    const isLeader = joined.leader === memberId
    const synced = await this.#coordinator.sync(
      { memberId, generationId },
      isLeader ? await this.#assign(joined) : [],
      this.#options.rebalanceTimeoutMs,
    )
    this.#expectMember('Syncing with', synced.errorCode)
    if (!isLeader) this.#assignedCounts = undefined
    if (this.#closing.signal.aborted) return
    const partitions = readAssignment(synced.assignment)
    this.#generationId = generationId
    this.#rebalances.add(1, { group: this.#coordinator.groupId })
    this.#cluster.logger.info('entered a generation of the group', {
      groupId: this.#coordinator.groupId,
      generationId,
      memberId,
      isLeader,
      partitions: partitions.map(({ topic, partition }) => `${topic}/${partition}`),
    })
    await this.#options.onAssigned(partitions, generationId)
  }

  /** As leader: shares out the partitions of all topics that any member asks for. */
  async #assign(joined: JoinGroupResponse) {
    const members = membersOf(joined)
    const topics = new Set([...this.#options.topics, ...members.flatMap((row) => row.topics)])
    this.#assignedCounts = await partitionCounts(this.#cluster, [...topics])
    return assignmentsOf(members, this.#assignedCounts)
  }

  /** Holds the generation by heartbeats until it ends; then the partitions have been given up. */
  async #own(): Promise<void> {
    let nextCheckMs = this.#nextTopicCheckMs()
    for (let failures = 0; ;) {
      const waitMs = failures > 0 ? backoffMs(failures, pauses) : this.#options.heartbeatIntervalMs
      await this.#wakeup.wait(waitMs, this.#closing.signal)
      const generationId = this.#generationId
      if (this.#closing.signal.aborted || generationId === undefined) return
      try {
        const errorCode = await this.#heartbeat(generationId)
        if (isMembershipOver(errorCode)) return await this.#lose(errorCode)
        const isRebalancing =
          errorCode === code.REBALANCE_IN_PROGRESS ||
          (this.#cluster.clock.monotonicMs() >= nextCheckMs && (await this.#topicsChanged()))
        if (isRebalancing) return await this.#giveUpWithHeartbeats(generationId)
        expectNone(`Heartbeat of group "${this.#coordinator.groupId}"`, errorCode)
        failures = 0
        if (this.#cluster.clock.monotonicMs() >= nextCheckMs) nextCheckMs = this.#nextTopicCheckMs()
      } catch (error) {
        if (this.#closing.signal.aborted) return
        if (!isRetryable(error)) throw error
        this.#coordinator.forget()
        this.#tell('heartbeat failed, trying again', ++failures, error)
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

  /** Batches may be finished and committed meanwhile, so the session has to be kept. */
  async #giveUpWithHeartbeats(generationId: number): Promise<void> {
    const given = new AbortController()
    const givingUp = this.#giveUp(false).finally(() => given.abort())
    givingUp.catch(() => {}) // Awaited below, after a heartbeat that may be under way: until then nobody listens.
    while (!given.signal.aborted) {
      await this.#wakeup.wait(this.#options.heartbeatIntervalMs, given.signal)
      if (given.signal.aborted) break
      await this.#heartbeat(generationId).catch((error: unknown) => {
        this.#cluster.logger.debug('heartbeat failed while giving up partitions', { error })
      })
    }
    await givingUp
  }

  /** The coordinator has gone on without this member: somebody else may own the partitions. */
  async #lose(errorCode: number): Promise<void> {
    const { groupId } = this.#coordinator
    this.#cluster.logger.warn('group membership lost, joining again', { groupId, errorCode })
    if (errorCode === code.FENCED_INSTANCE_ID) throw this.#fencedInstance()
    if (errorCode === code.UNKNOWN_MEMBER_ID) this.#memberId = ''
    await this.#giveUp(true)
  }

  async #giveUp(isLost: boolean): Promise<void> {
    if (isLost) this.#generationId = undefined
    await this.#options.onRevoked(isLost)
    this.#generationId = undefined
  }

  /** Sorts out the answers to JoinGroup and SyncGroup. */
  #expectMember(what: string, errorCode: number): void {
    const { groupId } = this.#coordinator
    this.#coordinator.forgetIfMoved(errorCode)
    if (errorCode === code.FENCED_INSTANCE_ID) throw this.#fencedInstance()
    if (errorCode === code.UNKNOWN_MEMBER_ID) this.#memberId = ''
    if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS) throw new Rejoin()
    expectNone(`${what} group "${groupId}"`, errorCode, { groupId })
  }

  async #topicsChanged(): Promise<boolean> {
    const assigned = this.#assignedCounts
    if (!assigned) return false
    const topics = [...new Set([...this.#options.topics, ...assigned.keys()])]
    const counts = await partitionCounts(this.#cluster, topics)
    return topics.some((topic) => counts.get(topic) !== assigned.get(topic))
  }

  #nextTopicCheckMs(): number {
    const isMissing = this.#options.topics.some((name) => this.#assignedCounts?.has(name) === false)
    return this.#cluster.clock.monotonicMs() + (isMissing ? missingTopicCheckMs : topicCheckMs)
  }

  #tell(message: string, attempt: number, error: unknown): void {
    const { groupId } = this.#coordinator
    if (isWorthTelling(attempt)) this.#cluster.logger.warn(message, { groupId, attempt, error })
  }

  #fencedInstance(): KafkaError {
    const { groupId, instanceId } = this.#coordinator
    return new KafkaError(
      'MR_KAFKA_FENCED',
      `Another process has joined group "${groupId}" as instance "${instanceId}"; this one has stopped. Give each process an instanceId of its own.`,
      { groupId, instanceId },
    )
  }

  async #pause(ms: number): Promise<void> {
    await this.#cluster.clock.sleep(ms, this.#closing.signal).catch(() => {}) // Closed: the loop's condition ends it.
  }
}
