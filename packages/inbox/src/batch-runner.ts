import { faults, uuidTimeMs, type Clock, type Logger } from '@millrace/core'
import type { Database, Transaction } from '@millrace/postgres'
import { afterCommit, isCommitUnknown } from './after-commit.ts'
import {
  concurrentDuplicate,
  cutShort,
  fenced,
  isConcurrentDuplicate,
  isFenced,
} from './batch-faults.ts'
import { blamedEvent } from './blame.ts'
import { labelsOf, placeOf, type BatchEnd, type BatchJob } from './batch-job.ts'
import type { Delivery } from './delivery.ts'
import type { FailedEvents } from './failed-events.ts'
import { decodeFailure, type Failure } from './failure.ts'
import { handleInParts } from './handle-in-parts.ts'
import type { HandlerCall } from './handler-call.ts'
import type { Counts, Instruments } from './instruments.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { OutageGate } from './outage-gate.ts'
import type { LogPartitions } from './partitions.ts'
import type { Patience } from './patience.ts'
import { SharedBatches } from './shared-batches.ts'
import {
  sortDeliveries,
  type NextMove,
  type RefusedDelivery,
  type SortedDeliveries,
} from './sort-deliveries.ts'
import { blockKeys, parkOnKeys, readBlockedKeys } from './sql/blocked-keys.ts'
import { findKnown } from './sql/find-known.ts'
import { noteRepeats } from './sql/note-repeats.ts'
import { advancePosition, claimPosition, type Tally } from './sql/position.ts'
import { recordFailure, startAttempt } from './sql/record-failure.ts'
import { recordHandled } from './sql/record-handled.ts'
import { setAside, type SetAside } from './sql/set-aside.ts'
import type { InboxStatements } from './statements.ts'
import type { HandlerEffects, ReceivedEvent } from './types.ts'

export interface RunnerOptions {
  readonly database: Database
  readonly statements: InboxStatements
  readonly serviceName: string
  readonly groupId: string
  readonly call: HandlerCall
  readonly effects: HandlerEffects
  /** Batches of several partitions share transactions. */
  readonly sharesTransactions: boolean
  readonly partitions: LogPartitions
  readonly maxBatchRecords: number
  readonly maxAttempts: number
  /** Later events of a key wait for an earlier one that waits. */
  readonly isOrdered: boolean
  /** A key stays shut behind an event that was given up. */
  readonly holdsKeys: boolean
  readonly maxParkedEvents: number
  readonly keepsPayload: boolean
  readonly patience: Patience
  readonly failures: FailedEvents
  readonly gate: OutageGate
  /** For events that may have killed a process. */
  readonly suspects: OneAtATime
  readonly onCommitted: (events: readonly ReceivedEvent[]) => void
  /** Told that an event of the log will be due. */
  readonly onDue: (inMs: number) => void
  readonly instruments: Instruments
  readonly counts: Counts
  readonly logger: Logger
  readonly clock: Clock
}

/** How long a partition waits for parked events to become fewer, ms. */
const fullWaitMs = 1_000
/** Keys of a partition that may wait: this share of the events that may. */
const eventsPerKey = 100

type Settled =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly inMs: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'split'; readonly segments: readonly (readonly Delivery[])[] }

/** One try at a segment in one transaction, and how far it came. */
interface Attempt {
  readonly segment: readonly Delivery[]
  /** Errors from here on may be the handler's. */
  isHandling: boolean
  taken: readonly Delivery[]
}

/**
 * Takes batches through the database: a segment of a batch is one transaction. A segment that fails is halved until the failing
 * event stands alone; then it is left in the log, to be tried from there, and the partition goes on without the later events of its key.
 * Failures of infrastructure are waited out and held against nobody.
 */
export class BatchRunner {
  readonly #options: RunnerOptions
  readonly #shared: SharedBatches | undefined
  /** The last batch had events that were refused: the next is handled in parts from the start. */
  #expectsFailures = false

  constructor(options: RunnerOptions) {
    this.#options = options
    // What has effects elsewhere is counted before, event by event.
    if (!options.sharesTransactions || options.effects === 'external') return
    this.#shared = new SharedBatches({
      ...options,
      onCommitted: (job, taken, repeatCount, handlerMs) =>
        this.#afterCommit(job, async () => {
          await faults.at('inbox.consumer.afterCommit')
          this.#committed(job, taken, repeatCount, handlerMs)
        }),
    })
  }

  /** Never throws but for faults of this code; handles one job of a partition at a time. */
  async run(job: BatchJob): Promise<BatchEnd> {
    const { gate } = this.#options
    if (this.#shared && !gate.outage && (await this.#shared.run(job))) {
      job.onProgress(nextOffsetOf(job.deliveries))
      return { kind: 'done' }
    }
    // A stack, the earliest segment on top.
    const segments: (readonly Delivery[])[] = [job.deliveries]
    for (let segment = segments.pop(); segment !== undefined; segment = segments.pop()) {
      const [first] = segment
      if (!first) continue
      const { offset } = first.record
      const permit = gate.admit()
      if (permit.kind === 'closed') return { kind: 'later', offset, inMs: permit.inMs }
      if (segment.length > 1 && (permit.kind === 'probe' || offset < job.carefulBelow)) {
        segments.push(segment.slice(1))
        segment = [first]
      }
      try {
        const end = await this.#alone(job, segment)
        if (end.kind === 'later') return { kind: 'later', offset, inMs: end.inMs }
        if (end.kind === 'stopped') return { kind: 'stopped', offset }
        if (end.kind === 'split') segments.push(...end.segments.toReversed())
        else job.onProgress(nextOffsetOf(segment))
      } catch (error) {
        if (job.signal.aborted || isFenced(error)) return { kind: 'stopped', offset }
        throw error
      } finally {
        if (permit.kind === 'probe') gate.endProbe()
      }
    }
    return { kind: 'done' }
  }

  /** Copies records that cannot be read to the dead letters; their rows come with the batch. */
  async buryUndecodable(job: BatchJob): Promise<void> {
    const unread = job.deliveries.filter((each) => each.kind === 'undecodable')
    if (unread.length === 0) return
    const { database, statements, groupId, failures, patience } = this.#options
    const known = await patience.persist(job, () =>
      findKnown(
        database,
        statements.findKnown,
        groupId,
        unread.map((each) => each.logId),
      ),
    )
    for (const delivery of unread) {
      if (known.has(delivery.logId)) continue
      await failures.bury(job, patience, delivery, decodeFailure(delivery.reason ?? ''), 1)
    }
  }

  /** A segment that begins with a record which may have killed a process waits until no other such is under way. */
  #alone(job: BatchJob, segment: readonly Delivery[]): Promise<Settled> {
    const isSuspect = (segment[0]?.record.offset ?? 0n) < job.carefulBelow
    if (!isSuspect) return this.#settle(job, segment)
    return this.#options.suspects.run(job.signal, () => this.#settle(job, segment))
  }

  async #settle(job: BatchJob, segment: readonly Delivery[]): Promise<Settled> {
    const [first] = segment
    if (!first) return { kind: 'done' }
    const attempt: Attempt = { segment, isHandling: false, taken: [] }
    let move: NextMove | { readonly kind: 'full' }
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
      if (segment.length === 1) return this.#failed(job, first, error)
      const index = blamedIndex(error, segment)
      if (index === undefined) return { kind: 'split', segments: halvesOf(segment) }
      const isRefused = this.#refuse(job, segment[index], error)
      return { kind: 'split', segments: isRefused ? [segment] : isolated(segment, index) }
    }
    switch (move.kind) {
      case 'done':
        return move
      case 'full':
        return { kind: 'later', inMs: fullWaitMs }
      case 'isolate':
        return { kind: 'split', segments: isolated(segment, move.index) }
      case 'start':
        await this.#start(job, first, move.attempt)
        return this.#settle(job, segment)
      case 'exhausted':
        first.attempt = move.attempts
        return this.#failed(job, first, cutShort(move.attempts))
    }
  }

  /**
   * What an error was blamed on has had its attempt, with others, and there is a next one: its failure is written down together with what is
   * handled without it, in place of trying it again alone.
   * @returns false where it is to be tried alone first: anything but a next attempt is decided there
   */
  #refuse(
    job: BatchJob,
    delivery: Delivery | undefined,
    thrown: unknown,
  ): delivery is RefusedDelivery {
    const { failures, gate } = this.#options
    if (delivery?.attempt !== 0 || gate.outage) return false
    this.#expectsFailures = true
    delivery.attempt = 1
    const outcome = failures.isRetried(delivery, thrown)
      ? failures.judge(job, delivery, thrown)
      : undefined
    if (outcome?.kind === 'retry') {
      delivery.refusal = { failure: outcome.failure, inMs: outcome.inMs }
      return true
    }
    delivery.attempt = 0
    return false
  }

  /**
   * The transaction: claim the position, leave out what is known, park what must wait, handle the rest, write the log, move the position.
   */
  async #transact(job: BatchJob, attempt: Attempt): Promise<NextMove | { readonly kind: 'full' }> {
    attempt.isHandling = false
    attempt.taken = []
    const { database, statements } = this.#options
    const { segment } = attempt
    let sorted: SortedDeliveries | undefined
    let handlerMs = 0
    const move = await database
      .transaction(async (tx) => {
        sorted = await this.#sort(tx, job, segment)
        if (!sorted) return { kind: 'full' } as const
        if (sorted.move.kind !== 'done') return sorted.move
        attempt.taken = sorted.taken
        attempt.isHandling = true
        if (this.#expectsFailures || sorted.refused.length > 0) {
          ;[sorted, handlerMs] = await this.#handleInParts(tx, job, sorted)
          attempt.taken = sorted.taken
        } else handlerMs = await this.#call(tx, job, sorted.taken)
        const { taken } = sorted
        await faults.at('inbox.consumer.afterHandler')
        job.signal.throwIfAborted()
        await this.#record(tx, job, taken, handlerMs)
        await this.#setAside(tx, job, sorted.setAside)
        await this.#recordRefused(tx, job, sorted.refused)
        await this.#noteRepeats(tx, job, sorted.repeats)
        const tally = tallyOf(taken, sorted.repeats.length)
        advancePosition(tx, statements.position, job.at, nextOffsetOf(segment), tally)
        return sorted.move
      })
      .catch((error: unknown) => {
        if (isCommitUnknown(error))
          for (const delivery of attempt.taken) delivery.maybeCommitted = true
        throw error
      })
    if (move.kind === 'done' && sorted) {
      const { recovered, repeats, setAside: aside, refused } = sorted
      this.#expectsFailures = refused.length > 0
      await this.#afterCommit(job, async () => {
        await faults.at('inbox.consumer.afterCommit')
        this.#noteSetAside(job, aside)
        for (const { refusal } of refused) this.#options.onDue(refusal.inMs)
        this.#committed(job, [...recovered, ...attempt.taken], repeats.length, handlerMs)
      })
    }
    return move
  }

  /** @returns how long the handler took, ms */
  async #call(tx: Transaction, job: BatchJob, taken: readonly Delivery[]): Promise<number> {
    const events = receivedOf(taken)
    if (events.length === 0) return 0
    return this.#options.call.run(tx, events, {
      signal: job.signal,
      attempt: Math.max(1, taken[0]?.attempt ?? 1),
      isReplay: false,
      operationId: null,
    })
  }

  /** What is refused on the way is set aside, and later events of its key. @returns what came of it, and how long the handler took, ms */
  async #handleInParts(
    tx: Transaction,
    job: BatchJob,
    sorted: SortedDeliveries,
  ): Promise<[SortedDeliveries, number]> {
    const { isOrdered, patience } = this.#options
    const { handled, refused, parked, handlerMs } = await handleInParts(tx, sorted.taken, {
      call: (scope, deliveries) => this.#call(scope, job, deliveries),
      refuse: (error, deliveries) => {
        if (job.signal.aborted || isFenced(error) || patience.isTransient(error)) return undefined
        const delivery = deliveries[blamedIndex(error, deliveries) ?? -1]
        return this.#refuse(job, delivery, error) ? delivery : undefined
      },
      isOrdered,
      clock: this.#options.clock,
    })
    // Keys that are blocked here stay so until the commit.
    if (refused.length > 0) await this.#block(tx, job, { ...sorted, refused, setAside: parked })
    const byOffset = (one: Delivery, other: Delivery): number =>
      one.record.offset < other.record.offset ? -1 : 1
    return [
      {
        ...sorted,
        taken: handled,
        refused: [...sorted.refused, ...refused].toSorted(byOffset),
        setAside: [...sorted.setAside, ...parked].toSorted((one, other) =>
          byOffset(one.delivery, other.delivery),
        ),
      },
      handlerMs,
    ]
  }

  /** Undefined: so much is parked in this partition that it must wait. */
  async #sort(
    tx: Transaction,
    job: BatchJob,
    segment: readonly Delivery[],
  ): Promise<SortedDeliveries | undefined> {
    const { statements, groupId, effects, maxAttempts, isOrdered, maxParkedEvents } = this.#options
    const maxKeys = Math.ceil(maxParkedEvents / eventsPerKey)
    const [isOurs, known, blocked] = await Promise.all([
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
      isOrdered ? readBlockedKeys(tx, statements.blockedKeys, job.at, maxKeys + 1) : [],
    ])
    if (!isOurs) throw fenced(job)
    const parkedCount = blocked.reduce((sum, each) => sum + each.parkedCount, 0)
    if (blocked.length > maxKeys || parkedCount >= maxParkedEvents) return undefined
    const options = {
      countsFirst: (delivery: Delivery) =>
        effects === 'external' || delivery.record.offset < job.carefulBelow,
      maxAttempts,
      isOrdered,
    }
    const sort = (keys: ReadonlySet<string>): SortedDeliveries =>
      sortDeliveries(segment, known, { ...options, blocked: keys })
    const sorted = sort(new Set(blocked.map((each) => each.key)))
    if (sorted.move.kind !== 'done') return sorted
    if (sorted.setAside.length + sorted.refused.length === 0) return sorted
    const stillBlocked = await this.#block(tx, job, sorted)
    return stillBlocked ? sort(stillBlocked) : sorted
  }

  /**
   * Blocks the keys of what becomes due, and confirms those that events are parked on.
   * @returns the keys that are blocked, when some were let go meanwhile: then there is less to park
   */
  async #block(
    tx: Transaction,
    job: BatchJob,
    sorted: SortedDeliveries,
  ): Promise<ReadonlySet<string> | undefined> {
    const { statements, isOrdered } = this.#options
    if (!isOrdered) return undefined
    const blocking = new Set<string>()
    const parked = new Map<string, number>()
    for (const { key } of sorted.refused) if (key !== null) blocking.add(key)
    for (const { delivery, status } of sorted.setAside) {
      const { key } = delivery
      if (key === null) continue
      if (status === 'RECEIVED') blocking.add(key)
      else parked.set(key, (parked.get(key) ?? 0) + 1)
    }
    await blockKeys(tx, statements.blockedKeys, job.at, [...blocking])
    if (parked.size === 0) return undefined
    const still = await parkOnKeys(tx, statements.blockedKeys, job.at, parked)
    return still.size < parked.size ? still : undefined
  }

  async #setAside(tx: Transaction, job: BatchJob, events: readonly SetAside[]): Promise<void> {
    if (events.length === 0) return
    const { statements, groupId, serviceName, maxAttempts } = this.#options
    const { topic, partition } = job.at
    const receivedAgoMs = this.#receivedAgoMs(job)
    const rows = { groupId, serviceName, topic, partition, maxAttempts, receivedAgoMs }
    const written = await setAside(tx, statements.setAside, rows, events)
    if (written < events.length) throw concurrentDuplicate(job, events.length - written)
  }

  async #recordRefused(
    tx: Transaction,
    job: BatchJob,
    refused: readonly RefusedDelivery[],
  ): Promise<void> {
    for (const delivery of refused) {
      const { failure, inMs } = delivery.refusal
      const row = {
        ...this.#rowOf(job, delivery),
        failure,
        status: 'RECEIVED',
        retryInMs: inMs,
      } as const
      const isWritten = await recordFailure(tx, this.#options.statements.failure, row)
      if (!isWritten) throw concurrentDuplicate(job, 1)
    }
  }

  async #noteRepeats(tx: Transaction, job: BatchJob, repeats: readonly Delivery[]): Promise<void> {
    const { statements, groupId } = this.#options
    const { topic, partition } = job.at
    const receivedAgoMs = this.#receivedAgoMs(job)
    const batch = { groupId, topic, partition, receivedAgoMs }
    await noteRepeats(tx, statements.noteRepeats, batch, repeats)
  }

  #noteSetAside(job: BatchJob, events: readonly SetAside[]): void {
    if (events.length === 0) return
    const { counts, instruments, onDue } = this.#options
    const parked = events.filter(({ status }) => status === 'PARKED').length
    counts.parked += parked
    instruments.parked.add(parked, labelsOf(job))
    if (parked < events.length) onDue(0)
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
        status: 'FAILED',
        retryInMs: null,
      })
    }
  }

  /** An attempt at a single event failed: it is left in the log, for its next attempt or for good, and the partition goes on. */
  async #failed(job: BatchJob, delivery: Delivery, thrown: unknown): Promise<Settled> {
    const { failures, gate, patience, onDue } = this.#options
    delivery.attempt = Math.max(1, delivery.attempt)
    const outcome = failures.judge(job, delivery, thrown)
    switch (outcome.kind) {
      case 'stop':
        return { kind: 'stopped' }
      case 'outage': {
        const permit = gate.admit()
        gate.endProbe()
        return { kind: 'later', inMs: permit.kind === 'closed' ? permit.inMs : 0 }
      }
      case 'retry':
        await this.#leave(job, delivery, outcome.failure, {
          status: 'RECEIVED',
          retryInMs: outcome.inMs,
        })
        onDue(outcome.inMs)
        return { kind: 'done' }
      case 'give-up':
        await failures.bury(job, patience, delivery, outcome.failure, delivery.attempt)
        if (
          await this.#leave(job, delivery, outcome.failure, { status: 'FAILED', retryInMs: null })
        )
          await this.#afterCommit(job, () => failures.noteGivenUp(job, delivery, outcome.failure))
        return { kind: 'done' }
      case 'skip':
        if (
          await this.#leave(job, delivery, outcome.failure, { status: 'SKIPPED', retryInMs: null })
        )
          await this.#afterCommit(job, () => failures.noteSkipped(job, delivery, outcome.failure))
        return { kind: 'done' }
    }
  }

  /**
   * Writes the failure, blocks the key where it must wait, and moves the position past the event, together.
   * @returns false when the event was handled on another partition meanwhile: then its failure does not matter
   */
  async #leave(
    job: BatchJob,
    delivery: Delivery,
    failure: Failure,
    left: {
      readonly status: 'RECEIVED' | 'FAILED' | 'SKIPPED'
      readonly retryInMs: number | null
    },
  ): Promise<boolean> {
    const { database, statements, patience, isOrdered, holdsKeys, counts } = this.#options
    const { status } = left
    const { offset } = delivery.record
    const isHeld = status === 'FAILED' && holdsKeys
    const blockedKey =
      isOrdered && (status === 'RECEIVED' || isHeld) && delivery.key !== null ? delivery.key : null
    const row = { ...this.#rowOf(job, delivery), failure, ...left }
    const isWritten = await patience.persist(job, () =>
      database.transaction(async (tx) => {
        if (!(await claimPosition(tx, statements.position, job.at, offset, job.generation)))
          throw fenced(job)
        const written = await recordFailure(tx, statements.failure, row)
        // Where it is not written nothing of it waits, and nobody would ever let go of a key that it blocked.
        if (written && blockedKey !== null) {
          const heldBy = isHeld ? delivery.logId : null
          await blockKeys(tx, statements.blockedKeys, job.at, [blockedKey], heldBy)
        }
        advancePosition(tx, statements.position, job.at, offset + 1n, {
          processed: 0,
          failed: written && status === 'FAILED' ? 1 : 0,
          skipped: written && status === 'SKIPPED' ? 1 : 0,
          duplicatesSkipped: written ? 0 : 1,
        })
        return written
      }),
    )
    if (!isWritten) counts.duplicatesSkipped++
    return isWritten
  }

  #afterCommit(job: BatchJob, work: () => void | Promise<void>): Promise<void> {
    return afterCommit(this.#options.logger, placeOf(job), work)
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
    const { counts, instruments, gate, onCommitted, clock } = this.#options
    const labels = labelsOf(job)
    const { processed, skipped, failed } = tallyOf(taken, duplicates)
    counts.processed += processed
    counts.skipped += skipped
    counts.failed += failed
    counts.duplicatesSkipped += duplicates
    const events = receivedOf(taken)
    gate.noteHandled(events)
    if (events.length > 0) onCommitted(events)
    if (skipped > 0) instruments.skipped.add(skipped, labels)
    if (failed > 0) instruments.failed.add(failed, labels)
    if (duplicates > 0) instruments.duplicates.add(duplicates, labels)
    const [oldest] = events
    if (!oldest) return
    instruments.processed.add(processed, labels)
    instruments.handlerSeconds.observe(handlerMs / 1_000, labels)
    const ageMs = Math.max(0, clock.now() - uuidTimeMs(oldest.event.eventId))
    instruments.ageSeconds.observe(ageMs / 1_000, labels)
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

/** Where the event stands that the error was blamed on; undefined for none of these. */
function blamedIndex(error: unknown, segment: readonly Delivery[]): number | undefined {
  const event = blamedEvent(error)
  const index = event ? segment.findIndex((each) => each.received === event) : -1
  return index < 0 ? undefined : index
}

function halvesOf(segment: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const middle = Math.ceil(segment.length / 2)
  return [segment.slice(0, middle), segment.slice(middle)]
}

function isolated(segment: readonly Delivery[], index: number): readonly (readonly Delivery[])[] {
  return [segment.slice(0, index), segment.slice(index, index + 1), segment.slice(index + 1)]
}
