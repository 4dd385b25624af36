import { backoffMs, type Clock, type Logger, type Timer } from '@millrace/core'
import type { ContractRegistry } from '@millrace/events'
import { KafkaError, type PartitionLag, type TopicPartition } from '@millrace/kafka'
import type { BatchEnd, BatchJob } from './batch-job.ts'
import type { BatchRunner } from './batch-runner.ts'
import type { DeadLetters } from './dead-letters.ts'
import { deliveryOf } from './delivery.ts'
import type { DueWorker } from './due-worker.ts'
import type { Failure } from './failure.ts'
import type { Counts } from './instruments.ts'
import type { LagMonitor } from './lag-monitor.ts'
import { keyOf, OffsetCommitter } from './offset-committer.ts'
import type { OutageGate } from './outage-gate.ts'
import type { OperationWorker } from './operations/operation-worker.ts'
import type { LogPartitions } from './partitions.ts'
import type { Patience } from './patience.ts'
import type { PartitionLedger } from './partition-ledger.ts'
import { waitAtMost } from './wait-at-most.ts'
import type {
  ConsumeOptions,
  GroupConsumer,
  InboxBatch,
  InboxConsumer,
  InboxConsumerStats,
  KafkaClient,
} from './types.ts'

const reconnectBackoff = { baseMs: 200, maxMs: 5_000 }

export interface InboxConsumerOptions {
  readonly consume: ConsumeOptions
  readonly client: KafkaClient
  readonly groupId: string
  readonly contracts: ContractRegistry
  readonly partitions: LogPartitions
  readonly ledger: PartitionLedger
  readonly runner: BatchRunner
  readonly due: DueWorker
  readonly operations: OperationWorker
  readonly gate: OutageGate
  readonly patience: Patience
  readonly counts: Counts
  readonly deadLetters: DeadLetters
  readonly lag: LagMonitor
  readonly maxBatchRecords: number
  readonly maxConcurrentPartitions: number
  readonly drainTimeoutMs: number
  readonly logger: Logger
  readonly clock: Clock
}

const drainedAway = new DOMException('The batch took too long to drain', 'AbortError')
/** A fenced partition is about to be taken from us; until we hear of it, looking again at once would only burn. */
const fencedPauseMs = 500
/** Longest wait for Kafka when offsets are committed a last time, ms. */
const lastCommitMs = 2_000
/** How long a handler may take to notice that its signal is aborted, ms, beyond the drain timeout. */
const abandonMs = 5_000

/** What is bound to one membership of the group. */
interface Session {
  readonly consumer: GroupConsumer
  readonly committer: OffsetCommitter
  /** Partitions that wait for something. */
  readonly paused: Map<string, { readonly at: TopicPartition; readonly timer: Timer }>
  /** Where partitions with lag stood at the last look, with nothing under way. */
  readonly idleAt: Map<string, bigint>
  /** Partitions that are being given up: nothing of them is begun any more. */
  readonly leaving: Set<string>
  /** The group has dealt its partitions out, and we know our share. */
  hasJoined: boolean
}

/** A batch under way. */
interface InFlight {
  readonly batch: InboxBatch
  readonly cancel: AbortController
  readonly done: Promise<true>
  /** It waits for infrastructure. */
  isWaiting: boolean
  /** Its partition is to be given up, or we close. */
  isDraining: boolean
}

/**
 * Reads the group's partitions, several at once but one batch at a time of each, and hands them to the runner. Owns the membership, the pauses and the
 * offsets; knows nothing of SQL. Comes back by itself whatever happens to the broker.
 */
export class KafkaInboxConsumer implements InboxConsumer {
  readonly #options: InboxConsumerOptions
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #session: Session | undefined
  /** By partition. */
  readonly #inFlight = new Map<string, InFlight>()
  #closed: Promise<void> | undefined
  #stoppedBy: Failure | undefined

  constructor(options: InboxConsumerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#closing.signal.aborted) return
    this.#running ??= this.#run()
    this.#options.due.start()
    this.#options.operations.start()
    this.#options.lag.start()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Told by a policy: leaves the group, and handles nothing any more. `stats` goes on telling why. */
  stop(failure: Failure): void {
    this.#stoppedBy ??= failure
    // Not awaited: what asks for it is a batch under way, which has to end first.
    this.close().catch((error: unknown) => {
      this.#options.logger.error('The stopped consumer could not be closed', { error })
    })
  }

  /** @internal Told by the runner. */
  setWaiting(job: BatchJob, isWaiting: boolean): void {
    const inFlight = this.#inFlight.get(keyOf(job.at))
    if (!inFlight) return
    inFlight.isWaiting = isWaiting
    if (isWaiting && inFlight.isDraining) inFlight.cancel.abort(drainedAway)
  }

  /**
   * @internal Told by the lag monitor. Behind the last record of a transactional topic may stand aborted records and markers, which no
   * batch brings: where nothing is under way, the position is committed, or the lag would never be 0. Only a position that was the same
   * a look ago: the one of a batch that was taken a moment ago is ahead of what is done.
   */
  commitIdle(lags: readonly PartitionLag[]): void {
    const session = this.#session
    // Of a batch that was given up when we closed, the position is ahead of what is done, for good.
    if (!session || this.#closing.signal.aborted) return
    const owned = new Set(session.consumer.assignment().map(keyOf))
    for (const { topic, partition, committedOffset, lagRecords } of lags) {
      const key = keyOf({ topic, partition })
      const before = session.idleAt.get(key)
      session.idleAt.delete(key)
      if (lagRecords === 0 || !owned.has(key)) continue
      if (this.#inFlight.has(key) || session.paused.has(key) || session.leaving.has(key)) continue
      const position = session.consumer.position({ topic, partition })
      if (position === null || position <= (committedOffset ?? 0n)) continue
      if (position === before) session.committer.note({ topic, partition }, position)
      else session.idleAt.set(key, position)
    }
  }

  stats(): InboxConsumerStats {
    const { counts, gate, lag } = this.#options
    const stoppedBy = this.#stoppedBy
    return {
      state: this.#state(),
      ...counts,
      outage: gate.outage,
      stoppedBy: stoppedBy
        ? { errorClass: stoppedBy.errorClass, message: stoppedBy.message }
        : null,
      lagRecords: lag.lagRecords,
      lagAgeMs: lag.lagAgeMs,
      partitions: lag.partitions,
      pausedPartitions: this.#session?.paused.size ?? 0,
      assignedPartitions: this.#session?.consumer.assignment().length ?? 0,
    }
  }

  #state(): InboxConsumerStats['state'] {
    if (this.#stoppedBy) return 'stopped'
    if (this.#closing.signal.aborted) return 'closed'
    if (!this.#running) return 'idle'
    if (this.#options.gate.outage) return 'outage'
    if (!this.#session?.hasJoined) return 'connecting'
    return this.#inFlight.values().some(({ isWaiting }) => isWaiting) ? 'waiting' : 'running'
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    const { due, operations, ledger } = this.#options
    const [drained] = await Promise.all([
      Promise.all(this.#inFlight.values().map((each) => this.#drain(each))),
      due.close(),
      operations.close(),
    ])
    if (this.#session) await this.#commitLast(this.#session)
    if (drained.every(Boolean)) await ledger.leaveAll()
    await this.#session?.consumer.close()
    if (drained.every(Boolean)) await this.#running
    await this.#options.lag.close()
    await this.#options.deadLetters.close()
  }

  async #run(): Promise<void> {
    const { logger, clock } = this.#options
    const { signal } = this.#closing
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#consume()
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        logger.error('The consumer stopped and starts again; it goes on where it had committed', {
          error,
        })
      }
      await clock.sleep(backoffMs(failures + 1, reconnectBackoff), signal).catch(() => {})
    }
  }

  /** One membership of the group, from joining to leaving. */
  async #consume(): Promise<void> {
    const session = await this.#open()
    this.#session = session
    const loops = Array.from({ length: this.#options.maxConcurrentPartitions }, () =>
      this.#loop(session),
    )
    try {
      await Promise.all(loops)
    } finally {
      this.#session = undefined
      for (const { timer } of session.paused.values()) timer.cancel()
      session.committer.close()
      await session.consumer.close()
      // With the consumer every loop ends; none may still be at work when the next session begins.
      await Promise.allSettled(loops)
    }
  }

  async #loop(session: Session): Promise<void> {
    if (this.#closing.signal.aborted) return
    for await (const batch of session.consumer) {
      if (this.#closing.signal.aborted) return
      await this.#handle(session, batch)
    }
  }

  async #open(): Promise<Session> {
    const { consume, client, groupId, maxBatchRecords, logger, clock } = this.#options
    let session: Session | undefined
    const consumer = await client.createConsumer({
      ...consume.kafka,
      ...consume.consumer,
      groupId,
      topics: consume.topics,
      maxBatchRecords,
      onAssigned: (partitions) => {
        if (!session) return
        session.hasJoined = true
        for (const each of partitions) session.leaving.delete(keyOf(each))
      },
      onRevoked: async (partitions) => {
        if (session) await this.#revoked(session, partitions)
      },
    })
    session = {
      consumer,
      committer: new OffsetCommitter(consumer, logger, clock),
      paused: new Map(),
      idleAt: new Map(),
      leaving: new Set(),
      hasJoined: false,
    }
    return session
  }

  async #handle(session: Session, batch: InboxBatch): Promise<void> {
    // Not committed, so the next owner reads it.
    if (session.leaving.has(keyOf(batch))) return
    const key = keyOf(batch)
    const cancel = new AbortController()
    const done = Promise.withResolvers<true>()
    const state = { isWaiting: false, isDraining: false }
    this.#inFlight.set(key, { batch, cancel, done: done.promise, ...state })
    try {
      const signal = AbortSignal.any([batch.signal, cancel.signal])
      this.#settle(session, batch, await this.#runBatch(session, batch, signal))
    } finally {
      this.#inFlight.delete(key)
      done.resolve(true)
    }
  }

  async #runBatch(session: Session, batch: InboxBatch, signal: AbortSignal): Promise<BatchEnd> {
    const { contracts, partitions, patience, ledger, runner, groupId, clock } = this.#options
    const { topic, partition } = batch
    const start = batch.records[0]?.offset ?? 0n
    let progress = start
    const frame: BatchJob = {
      deliveries: [],
      at: { groupId, topic, partition },
      generation: batch.generationId,
      carefulBelow: 0n,
      receivedMs: clock.monotonicMs(),
      signal,
      confirmOwnership: () =>
        confirmOwnership(session.consumer, { topic, partition, offset: progress }),
      onProgress: (nextOffset: bigint) => {
        progress = nextOffset
        session.committer.note(batch, nextOffset)
      },
    }
    try {
      await patience.persist(frame, () => partitions.load())
      const context = { contracts, receivedAt: clock.now(), hasDay: partitions.hasDay }
      const deliveries = batch.records.map((record) => deliveryOf(record, context))
      const carefulBelow = await patience.persist(frame, () => ledger.open(frame, start))
      const job = { ...frame, deliveries, carefulBelow }
      await runner.buryUndecodable(job)
      const end = await runner.run(job)
      // Markers and aborted records behind the last one are dealt with too, or the lag of a transactional topic would never be 0.
      if (end.kind === 'done') frame.onProgress(batch.nextOffset)
      return end
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped', offset: progress }
      throw error
    }
  }

  #settle(session: Session, batch: InboxBatch, end: BatchEnd): void {
    if (end.kind === 'done' || batch.signal.aborted || this.#closing.signal.aborted) return
    if (session.leaving.has(keyOf(batch))) return
    const { topic, partition } = batch
    this.#pause(session, { topic, partition }, end.kind === 'later' ? end.inMs : fencedPauseMs)
    session.consumer.seek({ topic, partition, offset: end.offset })
  }

  #pause(session: Session, at: TopicPartition, forMs: number): void {
    const key = keyOf(at)
    session.paused.get(key)?.timer.cancel()
    session.consumer.pause([at])
    const timer = this.#options.clock.setTimer(forMs, () => {
      session.paused.delete(key)
      if (session.consumer.assignment().some((each) => keyOf(each) === key))
        session.consumer.resume([at])
    })
    session.paused.set(key, { at, timer })
  }

  async #revoked(session: Session, partitions: readonly TopicPartition[]): Promise<void> {
    session.hasJoined = false
    for (const key of partitions.map(keyOf)) {
      session.leaving.add(key)
      session.paused.get(key)?.timer.cancel()
      session.paused.delete(key)
    }
    const leaving = [...this.#inFlight].filter(([key]) => session.leaving.has(key))
    const drained = await Promise.all(leaving.map(([, inFlight]) => this.#drain(inFlight)))
    await this.#commitLast(session)
    if (drained.every(Boolean)) await this.#options.ledger.leave(partitions)
    session.committer.drop(partitions)
  }

  /** An offset that is not committed costs a re-read that the log recognises: not worth a long wait. */
  async #commitLast(session: Session): Promise<void> {
    await waitAtMost(this.#options.clock, lastCommitMs, session.committer.flush())
  }

  /**
   * Lets the batch end by itself for a while, then aborts it and waits for its rollback; not for ever (then false), since a handler may
   * ignore its signal. Such a one cannot commit any more: the position is fenced, and the transaction looks at the signal.
   */
  async #drain(inFlight: InFlight): Promise<boolean> {
    const { clock, drainTimeoutMs, logger } = this.#options
    const gone = Promise.withResolvers<false>()
    inFlight.isDraining = true
    // What waits for a database that is away would only wait on.
    if (inFlight.isWaiting) inFlight.cancel.abort(drainedAway)
    const abandon = (): void => {
      logger.error('A handler goes on although its signal is aborted; it is left behind', {
        topic: inFlight.batch.topic,
        partition: inFlight.batch.partition,
      })
      gone.resolve(false)
    }
    const timers = [
      clock.setTimer(drainTimeoutMs, () => inFlight.cancel.abort(drainedAway)),
      clock.setTimer(2 * drainTimeoutMs + abandonMs, abandon, { keepsAlive: true }),
    ]
    const hasEnded = await Promise.race([inFlight.done, gone.promise])
    for (const timer of timers) timer.cancel()
    inFlight.isDraining = false
    return hasEnded
  }
}

/** Commits where we stand: the coordinator refuses it when the generation is over. */
async function confirmOwnership(
  consumer: GroupConsumer,
  position: TopicPartition & { readonly offset: bigint },
): Promise<boolean> {
  try {
    await consumer.commit([position])
    return true
  } catch (error) {
    if (error instanceof KafkaError && !error.retryable) return false
    throw error
  }
}
