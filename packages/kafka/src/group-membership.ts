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
import {
  consumerAssignment,
  consumerSubscription,
  readVersioned,
  writeVersioned,
  type JoinGroupResponse,
} from '@millrace/protocol'
import {
  brokerError,
  code,
  expectNone,
  isCoordinatorMoved,
  isMembershipOver,
} from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isRetryable, KafkaError } from './errors.ts'
import { assignRanges, type GroupMember } from './range-assignor.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'
import { wire } from './wire.ts'

export interface GroupOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly instanceId: string | null
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

const protocolType = 'consumer'
const protocolName = 'range'
const subscriptionVersion = 1
const pauses = { baseMs: 50, maxMs: 1_000 }
/** How often the leader looks for new partitions; and for topics that do not exist yet. */
const topicCheckMs = 30_000
const missingTopicCheckMs = 1_000
/** How long `commit` bridges an outage before it gives up. */
const maxCommitMs = 5_000
const leaveTimeoutMs = 2_000

/** Thrown inside the loop: join again at once. */
class Rejoin extends Error {}

export class GroupMembership {
  readonly #cluster: Cluster
  readonly #options: GroupOptions
  readonly #rebalances: Counter
  readonly #closing = new AbortController()
  readonly #wakeup: Wakeup
  #coordinator: number | undefined
  #memberId = ''
  /** `undefined` while no partitions are owned. */
  #generationId: number | undefined
  /** Partition counts by which the leader assigned; `undefined` for the other members. */
  #assignedCounts: ReadonlyMap<string, number> | undefined
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, options: GroupOptions) {
    this.#cluster = cluster
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
      this.#wakeup.signal()
      if (this.#coordinator !== undefined) this.#cluster.interrupt(this.#coordinator, 'join')
      await this.#leave()
    }
    await this.#running
  }

  /**
   * @throws KafkaError `MR_KAFKA_FENCED` when the generation is over; retryable ones when the coordinator stays away for 5 s
   */
  async commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const { clock } = this.#cluster
    const generationId = this.#generationId
    const deadlineMs = clock.monotonicMs() + Math.min(maxCommitMs, this.#cluster.requestTimeoutMs)
    for (let attempt = 1; ; attempt++) {
      if (generationId === undefined || generationId !== this.#generationId) throw this.#fenced()
      try {
        return await this.#commitOnce(generationId, offsets)
      } catch (error) {
        const pauseMs = backoffMs(attempt, pauses)
        if (!isRetryable(error) || clock.monotonicMs() + pauseMs > deadlineMs) throw error
        await clock.sleep(pauseMs, this.#closing.signal).catch(() => {}) // Closed: the check above ends the loop.
      }
    }
  }

  async #commitOnce(generationId: number, offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const { groupId, instanceId } = this.#options
    const answer = await this.#cluster.request(
      await this.#findCoordinator(),
      'group',
      wire.offsetCommit,
      {
        groupId,
        generationIdOrMemberEpoch: generationId,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, rows]) => ({
          name,
          partitions: rows.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: offset,
            committedMetadata: null,
          })),
        })),
      },
    )
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode === code.NONE) continue
        this.#noteCoordinator(errorCode)
        if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS) {
          this.#wakeup.signal() // The next heartbeat finds out, and need not wait for its turn.
          throw this.#fenced(errorCode)
        }
        throw brokerError(`Committing "${name}" partition ${partitionIndex}`, errorCode, {
          topic: name,
          partition: partitionIndex,
          groupId,
        })
      }
  }

  /** The node that coordinates the group, as last known or looked up. @throws KafkaError */
  async #findCoordinator(): Promise<number> {
    this.#coordinator ??= await this.#cluster.coordinatorOf(this.#options.groupId)
    return this.#coordinator
  }

  get coordinator(): Promise<number> {
    return this.#findCoordinator()
  }

  /** After a fault: the group may have moved to another broker. */
  forgetCoordinator(): void {
    this.#coordinator = undefined
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
          continue
        }
        if (!isRetryable(error)) {
          await this.#giveUp(true).catch(() => {}) // The first failure is the one to tell.
          this.#options.onFailure(toError(error))
          return
        }
        this.forgetCoordinator()
        const pauseMs = backoffMs(++failures, pauses)
        const { groupId } = this.#options
        this.#cluster.logger.warn('joining the group failed, trying again', {
          groupId,
          pauseMs,
          error,
        })
        await this.#pause(pauseMs)
      }
    }
  }

  /** Enters the next generation. */
  async #join(): Promise<void> {
    const { groupId, rebalanceTimeoutMs, sessionTimeoutMs, topics, instanceId } = this.#options
    const answer = await this.#cluster.request(
      await this.#findCoordinator(),
      'join',
      wire.joinGroup,
      {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType,
        protocols: [
          {
            name: protocolName,
            metadata: writeVersioned(consumerSubscription, subscriptionVersion, { topics }),
          },
        ],
      },
      rebalanceTimeoutMs + this.#cluster.requestTimeoutMs,
    )
    if (answer.errorCode === code.MEMBER_ID_REQUIRED) {
      this.#memberId = answer.memberId
      throw new Rejoin()
    }
    this.#expectMember('Joining', answer.errorCode)
    this.#memberId = answer.memberId
    await this.#sync(answer)
  }

  async #sync(joined: JoinGroupResponse): Promise<void> {
    const { groupId, instanceId } = this.#options
    const { generationId } = joined
    const isLeader = joined.leader === joined.memberId
    const answer = await this.#cluster.request(
      await this.#findCoordinator(),
      'join',
      wire.syncGroup,
      {
        groupId,
        generationId,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType,
        protocolName,
        assignments: isLeader ? await this.#assign(joined) : [],
      },
      this.#options.rebalanceTimeoutMs + this.#cluster.requestTimeoutMs,
    )
    this.#expectMember('Syncing with', answer.errorCode)
    if (!isLeader) this.#assignedCounts = undefined
    if (this.#closing.signal.aborted) return
    const partitions = readAssignment(answer.assignment)
    this.#generationId = generationId
    this.#rebalances.add(1, { group: groupId })
    this.#cluster.logger.info('entered a generation of the group', {
      groupId,
      generationId,
      memberId: this.#memberId,
      isLeader,
      partitions: partitions.map(({ topic, partition }) => `${topic}/${partition}`),
    })
    await this.#options.onAssigned(partitions, generationId)
  }

  /** As leader: shares out the partitions of all topics that any member asks for. */
  async #assign(joined: JoinGroupResponse) {
    const members: GroupMember[] = joined.members.map(
      ({ memberId, groupInstanceId, metadata }) => ({
        memberId,
        instanceId: groupInstanceId,
        topics: readVersioned(consumerSubscription, metadata).topics,
      }),
    )
    const topics = [
      ...new Set([...this.#options.topics, ...members.flatMap((member) => member.topics)]),
    ]
    await this.#cluster.refresh(topics)
    this.#assignedCounts = this.#partitionCounts(topics)
    const assignment = assignRanges(members, this.#assignedCounts)
    return [...assignment].map(([memberId, partitions]) => ({
      memberId,
      assignment: writeAssignment(partitions),
    }))
  }

  /** Holds the generation by heartbeats until it ends; then the partitions have been given up. */
  async #own(): Promise<void> {
    let nextCheckMs = this.#nextTopicCheckMs()
    for (let failures = 0; !this.#closing.signal.aborted;) {
      await this.#wakeup.wait(
        failures > 0 ? backoffMs(failures, pauses) : this.#options.heartbeatIntervalMs,
        this.#closing.signal,
      )
      const generationId = this.#generationId
      if (this.#closing.signal.aborted || generationId === undefined) return
      try {
        const errorCode = await this.#heartbeat(generationId)
        if (errorCode === code.REBALANCE_IN_PROGRESS) return await this.#giveUpWithHeartbeats()
        if (isMembershipOver(errorCode)) return await this.#lose(errorCode)
        this.#noteCoordinator(errorCode)
        expectNone(`Heartbeat of group "${this.#options.groupId}"`, errorCode)
        failures = 0
        if (this.#cluster.clock.monotonicMs() >= nextCheckMs) {
          if (await this.#topicsChanged()) return await this.#giveUpWithHeartbeats()
          nextCheckMs = this.#nextTopicCheckMs()
        }
      } catch (error) {
        if (!isRetryable(error)) throw error
        if (this.#closing.signal.aborted) return
        if (failures++ === 0)
          this.#cluster.logger.warn('heartbeat failed, trying again', {
            groupId: this.#options.groupId,
            error,
          })
        this.forgetCoordinator()
      }
    }
  }

  async #heartbeat(generationId: number): Promise<number> {
    const { groupId, instanceId, sessionTimeoutMs } = this.#options
    const answer = await this.#cluster.request(
      await this.#findCoordinator(),
      'group',
      wire.heartbeat,
      {
        groupId,
        generationId,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
      },
      Math.min(sessionTimeoutMs, this.#cluster.requestTimeoutMs),
    )
    return answer.errorCode
  }

  /** Batches may be finished and committed meanwhile, so the session has to be kept. */
  async #giveUpWithHeartbeats(): Promise<void> {
    const generationId = this.#generationId as number
    const given = new AbortController()
    const givingUp = this.#giveUp(false).finally(() => {
      given.abort()
      this.#wakeup.signal()
    })
    while (!given.signal.aborted) {
      await this.#wakeup.wait(this.#options.heartbeatIntervalMs)
      if (given.signal.aborted) break
      await this.#heartbeat(generationId).catch((error: unknown) => {
        this.#cluster.logger.debug('heartbeat failed while giving up partitions', { error })
      })
    }
    await givingUp
  }

  /** The coordinator has gone on without this member: somebody else may own the partitions. */
  async #lose(errorCode: number): Promise<void> {
    const { groupId } = this.#options
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
    this.#noteCoordinator(errorCode)
    if (errorCode === code.FENCED_INSTANCE_ID) throw this.#fencedInstance()
    if (errorCode === code.UNKNOWN_MEMBER_ID) this.#memberId = ''
    if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS) throw new Rejoin()
    const { groupId } = this.#options
    expectNone(`${what} group "${groupId}"`, errorCode, { groupId })
  }

  #noteCoordinator(errorCode: number): void {
    if (isCoordinatorMoved(errorCode)) this.forgetCoordinator()
  }

  async #leave(): Promise<void> {
    const { groupId, instanceId } = this.#options
    if (this.#memberId === '' || this.#coordinator === undefined || instanceId !== null) return
    await this.#cluster
      .request(
        this.#coordinator,
        'group',
        wire.leaveGroup,
        { groupId, members: [{ memberId: this.#memberId }] },
        leaveTimeoutMs,
      )
      .catch((error: unknown) => {
        this.#cluster.logger.info('leaving the group failed; its session runs out instead', {
          groupId,
          error,
        })
      })
  }

  async #topicsChanged(): Promise<boolean> {
    if (!this.#assignedCounts) return false
    const topics = [...new Set([...this.#options.topics, ...this.#assignedCounts.keys()])]
    await this.#cluster.refresh(topics)
    const counts = this.#partitionCounts(topics)
    return topics.some((topic) => counts.get(topic) !== this.#assignedCounts?.get(topic))
  }

  #nextTopicCheckMs(): number {
    const isMissing = this.#options.topics.some(
      (topic) => this.#assignedCounts?.has(topic) === false,
    )
    return this.#cluster.clock.monotonicMs() + (isMissing ? missingTopicCheckMs : topicCheckMs)
  }

  #partitionCounts(topics: readonly string[]): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const topic of topics) {
      const known = this.#cluster.topic(topic)
      if (known?.errorCode === code.NONE) counts.set(topic, known.leaders.length)
    }
    return counts
  }

  #fenced(errorCode?: number): KafkaError {
    const { groupId } = this.#options
    return new KafkaError(
      'MR_KAFKA_FENCED',
      `The generation of group "${groupId}" is over; nothing was committed. Whoever owns the partitions now reads the records again.`,
      { groupId, errorCode },
    )
  }

  #fencedInstance(): KafkaError {
    const { groupId, instanceId } = this.#options
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

function readAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  return readVersioned(consumerAssignment, bytes).assignedPartitions.flatMap(
    ({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })),
  )
}

function writeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return writeVersioned(consumerAssignment, 0, {
    assignedPartitions: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, rows]) => ({
      topic,
      partitions: rows.map(({ partition }) => partition),
    })),
  })
}
