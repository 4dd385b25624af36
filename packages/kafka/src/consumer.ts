/**
 * The consumer: a group membership decides which partitions are owned, a fetcher fills them, and the user's loops take batches out. A
 * loop holds one batch at a time, and a partition is held by one loop at a time; several loops handle several partitions at once.
 *
 * Where a partition begins is what the group has committed, in every generation anew, so whatever was handed out but not committed is
 * handed out again, here or elsewhere. Nothing is skipped.
 */
import { noopMeter, toError, Wakeup, type Counter } from '@millrace/core'
import { AssignedPartition } from './assigned-partition.ts'
import { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { FetchedBatch } from './fetched-batch.ts'
import { Fetcher } from './fetcher.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { GroupMembership } from './group-membership.ts'
import { LeaderMetadata } from './leader-metadata.ts'
import { listOffsets, partitionKey, type IsolationLevel } from './offsets.ts'
import { badOption, integerOption } from './options.ts'
import { retrying } from './retrying.ts'
import type { Consumer, ConsumerBatch, ConsumerOptions } from './consumer-types.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'

/** How long a batch may still be finished and committed when its partition is to be given up. */
const maxDrainMs = 3_000
const never = 2 ** 31 - 1

/** Makes a consumer. It connects when the iteration begins, and goes on trying while no broker is there. */
export async function createConsumer(options: ConsumerOptions): Promise<Consumer> {
  return new KafkaConsumer(options)
}

class KafkaConsumer implements Consumer {
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #coordinator: GroupCoordinator
  readonly #membership: GroupMembership
  readonly #fetcher: Fetcher
  readonly #options: ConsumerOptions
  readonly #isolationLevel: IsolationLevel
  readonly #maxBatchRecords: number
  readonly #drainMs: number
  readonly #consumed: Counter
  /** The loops that wait for something new: records, a failure, the end. */
  readonly #waiting = new Set<Wakeup>()
  /** Signalled when a batch has come back. */
  readonly #cameBack: Wakeup
  /** What is owned now, in the order of turns. */
  #assigned: AssignedPartition[] = []
  /** What the loops hold. */
  readonly #outstanding = new Set<AssignedPartition>()
  /** Nothing is handed out while partitions are being given up. */
  #revoking: Promise<void> | undefined
  /** Since the last assignment: somebody else may own the partitions. */
  #isLost = false
  #failure: Error | undefined
  #closing: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    const limits = limitsOf(options)
    this.#options = options
    this.#isolationLevel = options.isolationLevel ?? 'read_committed'
    this.#maxBatchRecords = limits.maxBatchRecords
    this.#drainMs = Math.min(maxDrainMs, limits.rebalanceTimeoutMs / 2)
    this.#cluster = new Cluster(options)
    this.#cameBack = new Wakeup(this.#cluster.clock)
    this.#metadata = new LeaderMetadata(this.#cluster, () => this.#fetcher.pump())
    this.#fetcher = new Fetcher(this.#cluster, this.#metadata, {
      isolationLevel: this.#isolationLevel,
      maxWaitMs: limits.maxWaitMs,
      partitions: () => this.#assigned,
      onRecords: () => this.#signal(),
      onOutOfRange: (partition) => this.#outOfRange(partition),
      onFailure: (error) => this.#fail(error),
    })
    const { groupId, instanceId } = options
    this.#coordinator = new GroupCoordinator(this.#cluster, groupId, instanceId ?? null)
    this.#membership = new GroupMembership(this.#cluster, this.#coordinator, {
      topics: [...new Set(options.topics)],
      sessionTimeoutMs: limits.sessionTimeoutMs,
      heartbeatIntervalMs: limits.heartbeatIntervalMs,
      rebalanceTimeoutMs: limits.rebalanceTimeoutMs,
      meter: options.meter,
      onAssigned: (partitions, generationId) => this.#assign(partitions, generationId),
      onRevoked: (isLost) => this.#revoke(isLost),
      onFailure: (error) => this.#fail(error),
    })
    this.#consumed = (options.meter ?? noopMeter).counter({
      name: 'mr_kafka_records_consumed_total',
      help: 'Records handed out to the loop of the consumer',
      labelNames: ['topic', 'group'],
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    if (!this.#closing) this.#membership.start()
    for (;;) {
      const taken = await this.#nextBatch()
      if (!taken) return
      const { partition, batch } = taken
      let isDone = false
      try {
        yield batch
        isDone = true
      } finally {
        this.#takeBack(partition, isDone)
      }
    }
  }

  async commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return
    const lost = offsets.find((row) => !this.#find(row))
    if (lost)
      throw new KafkaError(
        'MR_KAFKA_FENCED',
        `Partition ${lost.partition} of "${lost.topic}" is not owned (any more); nothing was committed. Whoever owns it now reads the records again.`,
        { topic: lost.topic, partition: lost.partition, groupId: this.#options.groupId },
      )
    await this.#membership.commit(offsets)
  }

  seek(position: TopicPartitionOffset): void {
    this.#owned(position).jump(Number(position.offset))
    this.#fetcher.pump()
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((row) => this.#owned(row))) partition.isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((row) => this.#owned(row))) partition.isPaused = false
    this.#signal()
    this.#fetcher.pump()
  }

  assignment(): readonly TopicPartition[] {
    return this.#assigned.map(({ topic, partition }) => ({ topic, partition }))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#signal()
    await this.#membership.close()
    await this.#revoke(true)
    this.#fetcher.close()
    this.#metadata.close()
    this.#cluster.close()
  }

  /** Waits for a partition with records that no loop holds, and takes a batch of it; `undefined` at the end. */
  async #nextBatch(): Promise<
    { readonly partition: AssignedPartition; readonly batch: ConsumerBatch } | undefined
  > {
    const news = new Wakeup(this.#cluster.clock)
    for (;;) {
      if (this.#failure) throw this.#failure
      if (this.#closing) return undefined
      const index = this.#revoking
        ? -1
        : this.#assigned.findIndex(
            (each) => each.hasRecords && !each.isPaused && !this.#outstanding.has(each),
          )
      if (index >= 0) {
        const [partition] = this.#assigned.splice(index, 1) as [AssignedPartition]
        this.#assigned.push(partition) // To the end of the order, so that every partition gets its turn.
        return { partition, batch: this.#takeBatch(partition) }
      }
      this.#waiting.add(news)
      await news.wait(never)
      this.#waiting.delete(news)
    }
  }

  #signal(): void {
    for (const news of this.#waiting) news.signal()
  }

  #takeBatch(owner: AssignedPartition): ConsumerBatch {
    const { topic, partition, highWatermark, generationId } = owner
    const facts = { topic, partition, highWatermark, generationId, signal: owner.end.signal }
    const batch = new FetchedBatch(facts, owner.takeOut(this.#maxBatchRecords))
    this.#outstanding.add(owner)
    this.#consumed.add(batch.length, { topic, group: this.#options.groupId })
    this.#fetcher.pump()
    return batch
  }

  #takeBack(owner: AssignedPartition, isDone: boolean): void {
    if (isDone) owner.comeBack()
    else owner.putBack()
    this.#outstanding.delete(owner)
    this.#cameBack.signal()
    // Another loop may have found nothing but this partition.
    if (owner.hasRecords) this.#signal()
  }

  async #assign(partitions: readonly TopicPartition[], generationId: number): Promise<void> {
    this.#isLost = false
    this.#assigned = partitions.map((row) => new AssignedPartition(row, generationId))
    await this.#options.onAssigned?.(partitions)
    const assigned = this.#assigned
    void this.#locate(assigned).catch((error: unknown) => {
      if (assigned.some(({ isOver }) => !isOver)) this.#fail(toError(error))
    })
  }

  /** Finds out where to begin in partitions that do not know yet. */
  async #locate(partitions: readonly AssignedPartition[]): Promise<void> {
    const [first] = partitions
    if (!first) return
    const committed = await retrying(
      this.#cluster,
      'OffsetFetch',
      () => this.#coordinator.committed(partitions),
      { timeoutMs: Infinity, signal: first.end.signal },
    )
    const unknown: AssignedPartition[] = []
    for (const partition of partitions) {
      const offset = committed.get(partitionKey(partition)) ?? null
      if (offset === null) unknown.push(partition)
      else if (partition.fetchOffset === undefined) partition.fetchOffset = Number(offset)
    }
    this.#fetcher.pump()
    if (unknown.length > 0) await this.#reset(unknown)
  }

  /** Begins where `autoOffsetReset` says. */
  async #reset(partitions: readonly AssignedPartition[]): Promise<void> {
    const signal = (partitions[0] as AssignedPartition).end.signal
    const tickets = partitions.map(({ ticket }) => ticket)
    const offsets = await retrying(
      this.#cluster,
      'ListOffsets',
      async () => {
        await this.#cluster.refresh([...new Set(partitions.map(({ topic }) => topic))])
        return listOffsets(
          this.#cluster,
          partitions,
          this.#options.autoOffsetReset ?? 'earliest',
          this.#isolationLevel,
        )
      },
      { timeoutMs: Infinity, signal },
    )
    const offsetOf = new Map(offsets.map((row) => [partitionKey(row), row.offset]))
    partitions.forEach((partition, index) => {
      const isWanted = partition.accepts(tickets[index] as number)
      if (isWanted && partition.fetchOffset === undefined)
        partition.fetchOffset = Number(offsetOf.get(partitionKey(partition)))
    })
    this.#fetcher.pump()
  }

  #outOfRange(partition: AssignedPartition): void {
    this.#cluster.logger.error('offset is not in the log, going on by autoOffsetReset', {
      groupId: this.#options.groupId,
      topic: partition.topic,
      partition: partition.partition,
      offset: partition.fetchOffset,
    })
    partition.jump(undefined)
    this.#reset([partition]).catch((error: unknown) => {
      if (!partition.isOver) this.#fail(toError(error))
    })
  }

  /**
   * Gives up everything that is owned. Unless it is lost already, the batches under way may be finished and committed first. Whoever
   * comes second waits for the first.
   */
  #revoke(isLost: boolean): Promise<void> {
    if (isLost) {
      this.#isLost = true
      this.#cameBack.signal()
    }
    this.#revoking ??= this.#revokeAll().finally(() => (this.#revoking = undefined))
    return this.#revoking
  }

  async #revokeAll(): Promise<void> {
    const given = this.#assigned
    await this.#drain()
    for (const { end } of given) end.abort()
    // Owned until then: unless they are lost, what was handled can still be committed there.
    try {
      if (given.length > 0)
        await this.#options.onRevoked?.(given.map(({ topic, partition }) => ({ topic, partition })))
    } finally {
      this.#assigned = []
    }
  }

  /** Waits for the batches under way, for a while, and only as long as the partitions are ours. */
  async #drain(): Promise<void> {
    const { clock } = this.#cluster
    const deadlineMs = clock.monotonicMs() + this.#drainMs
    while (this.#outstanding.size > 0 && !this.#isLost) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) return
      await this.#cameBack.wait(leftMs)
    }
  }

  #find({ topic, partition }: TopicPartition): AssignedPartition | undefined {
    return this.#assigned.find((row) => row.topic === topic && row.partition === partition)
  }

  #owned(row: TopicPartition): AssignedPartition {
    const found = this.#find(row)
    if (!found)
      throw badOption(
        'partition',
        `${row.topic}/${row.partition}`,
        'must be one that this consumer owns',
      )
    return found
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#signal()
  }
}

function limitsOf(options: ConsumerOptions) {
  if (options.groupId === '') throw badOption('groupId', '', 'must not be empty')
  if (options.topics.length === 0) throw badOption('topics', [], 'must name at least one topic')
  const sessionTimeoutMs = integerOption('sessionTimeoutMs', options.sessionTimeoutMs, {
    min: 1_000,
    max: 1_800_000,
    default: 10_000,
  })
  return {
    sessionTimeoutMs,
    heartbeatIntervalMs: integerOption('heartbeatIntervalMs', options.heartbeatIntervalMs, {
      min: 10,
      max: sessionTimeoutMs - 1,
      default: Math.min(3_000, Math.floor(sessionTimeoutMs / 3)),
    }),
    rebalanceTimeoutMs: integerOption('rebalanceTimeoutMs', options.rebalanceTimeoutMs, {
      min: 100,
      max: 3_600_000,
      default: 60_000,
    }),
    maxWaitMs: integerOption('maxWaitMs', options.maxWaitMs, { min: 1, max: 60_000, default: 500 }),
    maxBatchRecords: integerOption('maxBatchRecords', options.maxBatchRecords, {
      min: 1,
      max: 1_000_000,
      default: 500,
    }),
  }
}
