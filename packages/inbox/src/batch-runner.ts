import { backoffMs, faults, uuidTimeMs, type Clock, type Logger } from '@millrace/core'
import { PostgresError, type Database, type Transaction } from '@millrace/postgres'
import {
  concurrentDuplicate,
  cutShort,
  fenced,
  isConcurrentDuplicate,
  isFenced,
} from './batch-faults.ts'
import { labelsOf, placeOf, type BatchEnd, type BatchJob } from './batch-job.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Delivery } from './delivery.ts'
import { decodeFailure, failureOf, type Failure } from './failure.ts'
import type { Counts, Instruments } from './instruments.ts'
import type { Patience } from './patience.ts'
import { sortDeliveries, type NextMove } from './sort-deliveries.ts'
import { findKnown } from './sql/find-known.ts'
import { advancePosition, claimPosition, type Tally } from './sql/position.ts'
import { recordFailure, startAttempt } from './sql/record-failure.ts'
import { recordHandled } from './sql/record-handled.ts'
import type { InboxStatements } from './statements.ts'
import type { BatchHandler, HandlerEffects, ReceivedEvent } from './types.ts'
import { unlessAborted } from './wait-at-most.ts'

export interface RunnerOptions {
  readonly database: Database
  readonly statements: InboxStatements
  readonly serviceName: string
  readonly groupId: string
  readonly handler: BatchHandler
  readonly effects: HandlerEffects
  readonly maxAttempts: number
  readonly retryBackoff: { readonly baseMs: number; readonly maxMs: number }
  readonly keepsPayload: boolean
  readonly patience: Patience
  readonly onCommitted: (events: readonly ReceivedEvent[]) => void
  readonly deadLetters: DeadLetters
  readonly instruments: Instruments
  readonly counts: Counts
  readonly logger: Logger
  readonly clock: Clock
}

/** One try at a segment in one transaction, and how far it came. */
interface Attempt {
  readonly segment: readonly Delivery[]
  /** Errors from here on may be the handler's. */
  isHandling: boolean
  taken: readonly Delivery[]
}

/**
 * Takes batches through the database: a segment of a batch is one transaction. A segment that fails is halved until the failing
 * event stands alone; its attempts are counted in the log, and after the last one it is FAILED and copied to the dead letters.
 * Failures of infrastructure are waited out and held against nobody.
 */
export class BatchRunner {
  readonly #options: RunnerOptions

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** Never throws but for faults of this code; handles one job of a partition at a time. */
  async run(job: BatchJob): Promise<BatchEnd> {
    // A stack, the earliest segment on top.
    const segments: (readonly Delivery[])[] = [job.deliveries]
    for (let segment = segments.pop(); segment !== undefined; segment = segments.pop()) {
      const [first] = segment
      if (!first) continue
      try {
        const move = await this.#settle(job, segment)
        if (move.kind === 'later')
          return { kind: 'later', offset: first.record.offset, inMs: move.inMs }
        if (move.kind === 'split') segments.push(...move.segments.toReversed())
        else job.onProgress(nextOffsetOf(segment))
      } catch (error) {
        if (job.signal.aborted || isFenced(error))
          return { kind: 'stopped', offset: first.record.offset }
        throw error
      }
    }
    return { kind: 'done' }
  }

  /** Copies records that cannot be read to the dead letters; their rows come with the batch. */
  async buryUndecodable(job: BatchJob): Promise<void> {
    const unread = job.deliveries.filter((each) => each.kind === 'undecodable')
    if (unread.length === 0) return
    const { database, statements, groupId } = this.#options
    const known = await this.#options.patience.persist(job, () =>
      findKnown(
        database,
        statements.findKnown,
        groupId,
        unread.map((each) => each.logId),
      ),
    )
    for (const delivery of unread) {
      if (known.has(delivery.logId)) continue
      const failure = decodeFailure(delivery.reason ?? '')
      await this.#bury(job, delivery, failure, 1)
    }
  }

  async #settle(
    job: BatchJob,
    segment: readonly Delivery[],
  ): Promise<
    | { readonly kind: 'done' }
    | { readonly kind: 'later'; readonly inMs: number }
    | { readonly kind: 'split'; readonly segments: readonly (readonly Delivery[])[] }
  > {
    const [first] = segment
    if (!first) return { kind: 'done' }
    const attempt: Attempt = { segment, isHandling: false, taken: [] }
    let move: NextMove
    try {
      move = await this.#options.patience.persist(
        job,
        () => this.#transact(job, attempt),
        (error) => {
          const isInfrastructure = !attempt.isHandling
          attempt.isHandling = false
          return (
            isInfrastructure ||
            isConcurrentDuplicate(error) ||
            this.#options.patience.isTransient(error)
          )
        },
      )
    } catch (error) {
      if (job.signal.aborted || isFenced(error)) throw error
      if (segment.length > 1) return { kind: 'split', segments: halvesOf(segment) }
      return this.#failed(job, first, failureOf(error))
    }
    switch (move.kind) {
      case 'done':
      case 'later':
        return move
      case 'isolate':
        return { kind: 'split', segments: isolated(segment, move.index) }
      case 'start':
        await this.#start(job, first, move.attempt)
        return { kind: 'split', segments: [segment] }
      case 'exhausted':
        first.attempt = move.attempts
        return this.#failed(job, first, failureOf(cutShort(move.attempts)))
    }
  }

  /** The transaction: claim the position, leave out what is known, handle the rest, write the log, move the position. */
  async #transact(job: BatchJob, attempt: Attempt): Promise<NextMove> {
    attempt.isHandling = false
    attempt.taken = []
    const { database, statements, groupId, effects, maxAttempts, clock } = this.#options
    const { segment } = attempt
    let duplicates = 0
    let recovered: readonly Delivery[] = []
    let handlerMs = 0
    const move = await database
      .transaction(async (tx): Promise<NextMove> => {
        const [isOurs, known] = await Promise.all([
          claimPosition(
            tx,
            statements.position,
            job.at,
            segment[0]?.record.offset ?? 0n,
            job.generation,
          ),
          findKnown(
            tx,
            statements.findKnown,
            groupId,
            segment.map((each) => each.logId),
          ),
        ])
        if (!isOurs) throw fenced(job)
        const sorted = sortDeliveries(segment, known, { effects, maxAttempts })
        if (sorted.move.kind !== 'done') return sorted.move
        duplicates = sorted.duplicates
        recovered = sorted.recovered
        attempt.taken = sorted.taken
        attempt.isHandling = true
        const startMs = clock.monotonicMs()
        const events = receivedOf(sorted.taken)
        if (events.length > 0) await this.#options.handler(events, { tx, signal: job.signal })
        handlerMs = clock.monotonicMs() - startMs
        await faults.at('inbox.consumer.afterHandler')
        job.signal.throwIfAborted()
        await this.#record(tx, job, sorted.taken, handlerMs)
        const tally = tallyOf(sorted.taken, sorted.duplicates)
        advancePosition(tx, statements.position, job.at, nextOffsetOf(segment), tally)
        return sorted.move
      })
      .catch((error: unknown) => {
        if (error instanceof PostgresError && error.code === 'MR_POSTGRES_COMMIT_UNKNOWN')
          for (const delivery of attempt.taken) delivery.maybeCommitted = true
        throw error
      })
    if (move.kind === 'done') {
      await faults.at('inbox.consumer.afterCommit')
      this.#committed(job, [...recovered, ...attempt.taken], duplicates, handlerMs)
    }
    return move
  }

  async #record(
    tx: Transaction,
    job: BatchJob,
    taken: readonly Delivery[],
    handlerMs: number,
  ): Promise<void> {
    const { statements, groupId, serviceName, maxAttempts, keepsPayload } = this.#options
    const receivedAgoMs = this.#receivedAgoMs(job)
    const handled = taken.filter((each) => each.kind !== 'undecodable')
    const eventCount = taken.filter((each) => each.kind === 'event').length
    if (handled.length > 0) {
      const written = await recordHandled(
        tx,
        statements.recordHandled,
        {
          groupId,
          serviceName,
          topic: job.at.topic,
          partition: job.at.partition,
          maxAttempts,
          receivedAgoMs,
          shareMs: handlerMs / Math.max(1, eventCount),
          keepsPayload,
        },
        handled,
      )
      if (written < handled.length) throw concurrentDuplicate(job, handled.length - written)
    }
    for (const delivery of taken) {
      if (delivery.kind !== 'undecodable') continue
      delivery.attempt = 1
      await recordFailure(tx, statements.failure, {
        groupId,
        serviceName,
        maxAttempts,
        receivedAgoMs,
        delivery,
        failure: decodeFailure(delivery.reason ?? ''),
        retryInMs: null,
      })
    }
  }

  /** An attempt at a single event failed: plan the next, or give the event up. */
  async #failed(
    job: BatchJob,
    delivery: Delivery,
    failure: Failure,
  ): Promise<{ readonly kind: 'done' } | { readonly kind: 'later'; readonly inMs: number }> {
    const { database, statements, maxAttempts, counts, instruments, logger } = this.#options
    delivery.attempt = Math.max(1, delivery.attempt)
    counts.failedAttempts++
    instruments.failedAttempts.add(1, labelsOf(job))
    const row = { ...this.#rowOf(job, delivery), failure }
    if (delivery.attempt < maxAttempts) {
      const inMs = backoffMs(delivery.attempt, this.#options.retryBackoff)
      await this.#options.patience.persist(job, () =>
        recordFailure(database, statements.failure, { ...row, retryInMs: inMs }),
      )
      return { kind: 'later', inMs }
    }
    await this.#bury(job, delivery, failure, delivery.attempt)
    await this.#options.patience.persist(job, () =>
      database.transaction(async (tx) => {
        const { offset } = delivery.record
        if (!(await claimPosition(tx, statements.position, job.at, offset, job.generation)))
          throw fenced(job)
        await recordFailure(tx, statements.failure, { ...row, retryInMs: null })
        const tally = { ...tallyOf([], 0), failed: 1 }
        advancePosition(tx, statements.position, job.at, offset + 1n, tally)
      }),
    )
    counts.failed++
    instruments.failed.add(1, labelsOf(job))
    logger.error('An event was given up', {
      ...placeOf(job),
      offset: delivery.record.offset,
      eventId: delivery.logId,
      correlationId: delivery.correlationId,
      errorClass: failure.errorClass,
      cause: failure.message,
      attempts: delivery.attempt,
    })
    return { kind: 'done' }
  }

  /** Writes the dead letter, however long the broker is away; not waited for when the job is stopped. */
  async #bury(
    job: BatchJob,
    delivery: Delivery,
    failure: Failure,
    attempts: number,
  ): Promise<void> {
    const { deadLetters } = this.#options
    await this.#options.patience.persist(job, () =>
      unlessAborted(job.signal, deadLetters.write(delivery, failure, attempts)),
    )
  }

  async #start(job: BatchJob, delivery: Delivery, attempt: number): Promise<void> {
    const { database, statements } = this.#options
    delivery.attempt = attempt
    await this.#options.patience.persist(job, () =>
      startAttempt(database, statements.failure, this.#rowOf(job, delivery)),
    )
  }

  #committed(
    job: BatchJob,
    taken: readonly Delivery[],
    duplicates: number,
    handlerMs: number,
  ): void {
    const { counts, instruments, onCommitted, clock, logger } = this.#options
    const labels = labelsOf(job)
    const { processed, skipped, failed } = tallyOf(taken, duplicates)
    counts.processed += processed
    counts.skipped += skipped
    counts.failed += failed
    counts.duplicatesSkipped += duplicates
    if (skipped > 0) instruments.skipped.add(skipped, labels)
    if (failed > 0) instruments.failed.add(failed, labels)
    if (duplicates > 0) instruments.duplicates.add(duplicates, labels)
    const events = receivedOf(taken)
    const [oldest] = events
    if (!oldest) return
    instruments.processed.add(processed, labels)
    instruments.handlerSeconds.observe(handlerMs / 1_000, labels)
    const ageMs = Math.max(0, clock.now() - uuidTimeMs(oldest.event.eventId))
    instruments.ageSeconds.observe(ageMs / 1_000, labels)
    try {
      onCommitted(events)
    } catch (error) {
      logger.error('onCommitted threw; the events are committed all the same', { error })
    }
  }

  #rowOf(
    job: BatchJob,
    delivery: Delivery,
  ): {
    readonly groupId: string
    readonly serviceName: string
    readonly maxAttempts: number
    readonly receivedAgoMs: number
    readonly delivery: Delivery
  } {
    const { groupId, serviceName, maxAttempts } = this.#options
    const receivedAgoMs = this.#receivedAgoMs(job)
    return { groupId, serviceName, maxAttempts, receivedAgoMs, delivery }
  }

  #receivedAgoMs(job: BatchJob): number {
    return Math.max(0, this.#options.clock.monotonicMs() - job.receivedMs)
  }
}

function receivedOf(deliveries: readonly Delivery[]): ReceivedEvent[] {
  const events: ReceivedEvent[] = []
  for (const { received } of deliveries) if (received) events.push(received)
  return events
}

function tallyOf(taken: readonly Delivery[], duplicatesSkipped: number): Tally {
  const processed = taken.filter((each) => each.kind === 'event').length
  const skipped = taken.filter((each) => each.kind === 'unknown-type').length
  return { processed, skipped, duplicatesSkipped, failed: taken.length - processed - skipped }
}

function nextOffsetOf(segment: readonly Delivery[]): bigint {
  return (segment.at(-1)?.record.offset ?? -1n) + 1n
}

function halvesOf(segment: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const middle = Math.ceil(segment.length / 2)
  return [segment.slice(0, middle), segment.slice(middle)]
}

function isolated(segment: readonly Delivery[], index: number): readonly (readonly Delivery[])[] {
  return [segment.slice(0, index), segment.slice(index, index + 1), segment.slice(index + 1)]
}
