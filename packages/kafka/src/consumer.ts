/**
 * The consumer: a group membership, or `assign`, decides which partitions are owned, a fetcher fills them, and the user's loops take
 * batches out.
 *
 * Where a partition begins is what the group has committed, whenever it comes to be owned anew, so whatever was handed out but not
 * committed is handed out again, here or elsewhere. Nothing is skipped.
 */
import { noopMeter, Wakeup, type Counter } from '@millrace/core'
import type { AssignedPartition } from './assigned-partition.ts'
import { Cluster } from './cluster.ts'
import { consumerLimits, type ConsumerLimits } from './consumer-limits.ts'
import type {
  CommittedOffset,
  Consumer,
  ConsumerBatch,
  ConsumerCloseOptions,
  ConsumerOptions,
  OffsetAtTime,
  OffsetToCommit,
  PartitionToRead,
  TopicPartitionTime,
} from './consumer-types.ts'
import { KafkaError } from './errors.ts'
import { FetchedBatch } from './fetched-batch.ts'
import { Fetcher } from './fetcher.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { GroupMembership } from './group-membership.ts'
import { LeaderMetadata } from './leader-metadata.ts'
import { listOffsets, offsetsAtTimes, type OffsetAt } from './offsets.ts'
import { partitionKey } from './partition-key.ts'
import { badOption } from './options.ts'
import { OwnedPartitions } from './owned-partitions.ts'
import { ReconciledMembership } from './reconciled-membership.ts'
import { retrying } from './retrying.ts'
import { StartingOffsets } from './starting-offsets.ts'
import { Subscribed } from './subscribed.ts'
import type { GroupMetadata, TopicPartition, TopicPartitionOffset } from './types.ts'

const never = 2 ** 31 - 1

/** Makes a consumer. It connects when the iteration begins, and goes on trying while no broker is there. */
export async function createConsumer(options: ConsumerOptions): Promise<Consumer> {
  return new KafkaConsumer(options)
}

class KafkaConsumer implements Consumer {
  readonly #options: ConsumerOptions
  readonly #limits: ConsumerLimits
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #owned: OwnedPartitions
  readonly #starting: StartingOffsets
  readonly #fetcher: Fetcher
  /** `undefined` without a group id. */
  readonly #coordinator: GroupCoordinator | undefined
  /** `undefined` where partitions are chosen by `assign`. */
  readonly #membership: GroupMembership | ReconciledMembership | undefined
  readonly #consumed: Counter
  /** The loops that wait for something new: records, a failure, the end. */
  readonly #waiting = new Set<Wakeup>()
  #failure: Error | undefined
  #closing: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    const limits = consumerLimits(options)
    this.#options = options
    this.#limits = limits
    this.#cluster = new Cluster(options, limits.fetchMaxBytes)
    this.#metadata = new LeaderMetadata(this.#cluster, () => this.#fetcher.pump())
    this.#owned = new OwnedPartitions({
      clock: this.#cluster.clock,
      drainMs: limits.drainMs,
      onGivenUp: async (partitions, isLost) =>
        isLost && options.onLost ? options.onLost(partitions) : options.onRevoked?.(partitions),
    })
    this.#coordinator =
      options.groupId === undefined
        ? undefined
        : new GroupCoordinator(this.#cluster, options.groupId, options.instanceId ?? null)
    this.#starting = new StartingOffsets(this.#cluster, {
      isolationLevel: limits.isolationLevel,
      autoOffsetReset: limits.autoOffsetReset,
      committed: this.#coordinator && ((rows) => this.#coordinatorOf('committed').committed(rows)),
      onKnown: () => this.#fetcher.pump(),
      onFailure: (error) => this.#fail(error),
    })
    this.#fetcher = new Fetcher(this.#cluster, this.#metadata, {
      isolationLevel: limits.isolationLevel,
      maxWaitMs: limits.maxWaitMs,
      fetchMaxBytes: limits.fetchMaxBytes,
      maxPartitionFetchBytes: limits.maxPartitionFetchBytes,
      partitions: () => this.#owned.all,
      onRecords: () => this.#signal(),
      onOutOfRange: (partition) => this.#starting.outOfRange(partition),
      onFailure: (error) => this.#fail(error),
    })
    this.#membership = this.#coordinator && this.#membershipOf(this.#coordinator)
    this.#consumed = (options.meter ?? noopMeter).counter({
      name: 'mr_kafka_records_consumed_total',
      help: 'Records handed out to the loop of the consumer',
      labelNames: ['topic', 'group'],
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    if (!this.#closing) this.#membership?.start()
    for (;;) {
      const partition = await this.#nextPartition()
      if (!partition) return
      let isDone = false
      try {
        yield this.#takeBatch(partition)
        isDone = true
      } finally {
        this.#owned.release(partition, isDone)
        // Another loop may have found nothing but this partition.
        if (partition.hasRecords) this.#signal()
        else if (!isDone) this.#fetcher.pump()
      }
    }
  }

  assign(partitions: readonly PartitionToRead[]): void {
    if (this.#membership)
      throw badOption(
        'topics',
        String(this.#options.topics),
        'must be left out to choose partitions',
      )
    if (this.#closing) throw new KafkaError('MR_KAFKA_CLOSED', 'The consumer is closed.')
    this.#owned.drop(this.#owned.others(partitions))
    const added = this.#owned.add(partitions, -1)
    const wanted = new Map(partitions.map((row) => [partitionKey(row), row.offset ?? 'committed']))
    const begin = Map.groupBy(added, (row) => wanted.get(partitionKey(row)) as bigint | string)
    for (const [at, rows] of begin)
      if (typeof at === 'bigint') for (const row of rows) row.jump(offsetOf(at))
      else if (at === 'committed') this.#starting.begin(rows)
      else this.#starting.reset(rows, at as OffsetAt)
    this.#fetcher.pump()
  }

  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return
    const coordinator = this.#coordinatorOf('commit')
    if (!this.#membership)
      return this.#retrying('commit', () => coordinator.commit(noMember, offsets))
    const owners = offsets.map((row) => this.#owned.find(row))
    const lost = offsets[owners.indexOf(undefined)]
    if (lost)
      throw new KafkaError(
        'MR_KAFKA_FENCED',
        `Partition ${lost.partition} of "${lost.topic}" is not owned (any more); nothing was committed. Whoever owns it now reads the records again.`,
        { topic: lost.topic, partition: lost.partition, groupId: coordinator.groupId },
      )
    const areOwned = (): boolean =>
      owners.every((each) => this.#owned.has(each as AssignedPartition))
    await this.#membership.commit(offsets, areOwned)
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    const coordinator = this.#coordinatorOf('committed')
    const found = await this.#retrying('committed', () => coordinator.committed(partitions))
    return partitions.map(({ topic, partition }) => {
      const { offset, metadata } = found.get(partitionKey({ topic, partition })) ?? nothing
      return { topic, partition, offset, metadata }
    })
  }

  seek(position: TopicPartitionOffset): void {
    const offset = offsetOf(position.offset)
    this.#ownedRow(position).jump(offset)
    this.#fetcher.pump()
  }

  seekToBeginning(partitions: readonly TopicPartition[]): void {
    this.#seekTo(partitions, 'earliest')
  }

  seekToEnd(partitions: readonly TopicPartition[]): void {
    this.#seekTo(partitions, 'latest')
  }

  position(partition: TopicPartition): bigint | null {
    const { position } = this.#ownedRow(partition)
    return position === undefined ? null : BigInt(position)
  }

  lagRecords(partition: TopicPartition): number | null {
    const { position, endOffset } = this.#ownedRow(partition)
    if (position === undefined || endOffset === undefined) return null
    return Math.max(0, endOffset - position)
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((row) => this.#ownedRow(row))) partition.isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((row) => this.#ownedRow(row))) partition.isPaused = false
    this.#signal()
    this.#fetcher.pump()
  }

  assignment(): readonly TopicPartition[] {
    return this.#owned.all.map(({ topic, partition }) => ({ topic, partition }))
  }

  groupMetadata(): Required<GroupMetadata> {
    const { groupId, instanceId } = this.#coordinatorOf('groupMetadata')
    const { generationId, memberId } = this.#membership ?? noMember
    return { groupId, generationId, memberId, instanceId }
  }

  enforceRebalance(reason: string): void {
    if (this.#membership instanceof GroupMembership) this.#membership.enforceRebalance(reason)
  }

  heartbeatNow(): void {
    this.#membership?.heartbeatNow()
  }

  beginningOffsets(
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartitionOffset[]> {
    return this.#ends(partitions, 'earliest')
  }

  endOffsets(partitions: readonly TopicPartition[]): Promise<readonly TopicPartitionOffset[]> {
    return this.#ends(partitions, 'latest')
  }

  offsetsForTimes(times: readonly TopicPartitionTime[]): Promise<readonly OffsetAtTime[]> {
    return this.#asking('offsetsForTimes', times, () =>
      offsetsAtTimes(this.#cluster, times, this.#limits.isolationLevel),
    )
  }

  close({ groupMembershipOperation = 'DEFAULT' }: ConsumerCloseOptions = {}): Promise<void> {
    const isDynamic = this.#options.instanceId === undefined
    const leaves =
      groupMembershipOperation === 'LEAVE_GROUP' ||
      (groupMembershipOperation === 'DEFAULT' && isDynamic)
    if (this.#closing) return this.#closing.catch(() => {}) // Told to who closed it first.
    this.#closing = this.#close(leaves)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(leaves: boolean): Promise<void> {
    this.#signal()
    try {
      await this.#membership?.close(leaves)
    } finally {
      if (this.#membership) await this.#owned.giveUp(() => this.#owned.all, true)
      else this.#owned.drop(this.#owned.all)
      this.#starting.close()
      this.#fetcher.close()
      this.#metadata.close()
      this.#cluster.close()
    }
  }

  #membershipOf(coordinator: GroupCoordinator): GroupMembership | ReconciledMembership | undefined {
    const { topics, meter, serverAssignor } = this.#options
    if (topics === undefined) return undefined
    const { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs } = this.#limits
    const { metadataMaxAgeMs, maxPollIntervalMs } = this.#limits
    const options = {
      subscribed: new Subscribed(this.#cluster, topics),
      rebalanceTimeoutMs,
      metadataMaxAgeMs,
      maxPollIntervalMs,
      meter,
      owned: () => this.#owned.all,
      heldSinceMs: () => this.#owned.heldSinceMs,
      onAssigned: (partitions: readonly TopicPartition[], generationId: number) =>
        this.#assigned(partitions, generationId),
      onRevoked: (isLost: boolean) => this.#owned.giveUp(() => this.#owned.all, isLost),
      onFailure: (error: Error) => this.#fail(error),
    }
    if (this.#limits.groupProtocol === 'consumer')
      return new ReconciledMembership(this.#cluster, coordinator, { ...options, serverAssignor })
    const { assignors } = this.#limits
    const classic = { assignors, sessionTimeoutMs, heartbeatIntervalMs }
    return new GroupMembership(this.#cluster, coordinator, { ...options, ...classic })
  }

  /** The share of a new generation. What is kept goes on as it is. */
  async #assigned(partitions: readonly TopicPartition[], generationId: number): Promise<boolean> {
    const leaving = this.#owned.others(partitions)
    await this.#owned.giveUp(() => leaving.filter(({ isOver }) => !isOver), false)
    const added = this.#owned.add(partitions, generationId)
    await this.#options.onAssigned?.(added.map(({ topic, partition }) => ({ topic, partition })))
    this.#starting.begin(added)
    return leaving.length > 0
  }

  /** Waits for a partition with records that no loop holds; `undefined` at the end. */
  async #nextPartition(): Promise<AssignedPartition | undefined> {
    const news = new Wakeup(this.#cluster.clock)
    for (;;) {
      if (this.#failure) throw this.#failure
      if (this.#closing) return undefined
      const partition = this.#owned.hold()
      if (partition) return partition
      this.#waiting.add(news)
      await news.wait(never)
      this.#waiting.delete(news)
    }
  }

  #signal(): void {
    for (const news of this.#waiting) news.signal()
  }

  #takeBatch(owner: AssignedPartition): ConsumerBatch {
    const { topic, partition, highWatermark } = owner
    const generationId = this.#membership?.generationId ?? -1
    const facts = { topic, partition, highWatermark, generationId, signal: owner.end.signal }
    const handOut = owner.takeOut(this.#limits.maxBatchRecords)
    const batch = new FetchedBatch(facts, handOut.runs, () => handOut.letGo())
    this.#consumed.add(batch.length, { topic, group: this.#options.groupId ?? '' })
    this.#fetcher.pump()
    return batch
  }

  #seekTo(partitions: readonly TopicPartition[], at: OffsetAt): void {
    const rows = partitions.map((row) => this.#ownedRow(row))
    for (const row of rows) row.jump(undefined)
    this.#starting.reset(rows, at)
  }

  #ends(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
  ): Promise<readonly TopicPartitionOffset[]> {
    return this.#asking(`${at} offsets`, partitions, () =>
      listOffsets(this.#cluster, partitions, at, this.#limits.isolationLevel),
    )
  }

  /** Leaders are asked for anew before each attempt. */
  #asking<T>(
    what: string,
    partitions: readonly TopicPartition[],
    ask: () => Promise<T>,
  ): Promise<T> {
    return this.#retrying(what, async () => {
      await this.#cluster.refresh([...new Set(partitions.map(({ topic }) => topic))])
      return ask()
    })
  }

  #retrying<T>(what: string, work: () => Promise<T>): Promise<T> {
    return retrying(this.#cluster, what, work)
  }

  #coordinatorOf(what: string): GroupCoordinator {
    if (this.#coordinator) return this.#coordinator
    throw badOption('groupId', undefined, `must be given for ${what}`)
  }

  #ownedRow(row: TopicPartition): AssignedPartition {
    const found = this.#owned.find(row)
    if (found) return found
    const name = `${row.topic}/${row.partition}`
    throw badOption('partition', name, 'must be one that this consumer owns')
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#signal()
  }
}

const noMember = { generationId: -1, memberId: '' } as const
const nothing = { offset: null, metadata: null } as const

function offsetOf(offset: bigint): number {
  if (offset < 0n || offset > BigInt(Number.MAX_SAFE_INTEGER))
    throw badOption('offset', String(offset), 'must be from 0 to 2^53 - 1')
  return Number(offset)
}
