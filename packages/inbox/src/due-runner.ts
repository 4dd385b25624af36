import { faults, type Clock, type Logger } from '@millrace/core'
import type { ContractRegistry } from '@millrace/events'
import { inSavepoint, type Database, type Transaction } from '@millrace/postgres'
import { afterCommit, isCommitUnknown } from './after-commit.ts'
import { cutShort, payloadMissing } from './batch-faults.ts'
import { labelsOf, placeOf, type BatchJob } from './batch-job.ts'
import { deliveryOf, type Delivery } from './delivery.ts'
import type { FailedEvents, FailureOutcome } from './failed-events.ts'
import { decodeFailure, failureOf, type Failure } from './failure.ts'
import type { HandlerCall } from './handler-call.ts'
import type { Counts, Instruments } from './instruments.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { OutageGate } from './outage-gate.ts'
import type { LogPartitions } from './partitions.ts'
import type { Patience } from './patience.ts'
import { letKeyGo, settleKey, type GroupKey } from './sql/blocked-keys.ts'
import {
  claimNextOfKey,
  lockDue,
  recordDueFailed,
  recordDueHandled,
  releaseDue,
  waitingBehind,
  type DueEvent,
  type HandledDue,
  type Lease,
} from './sql/due-events.ts'
import { findKnown } from './sql/find-known.ts'
import { addTally } from './sql/position.ts'
import { setAside } from './sql/set-aside.ts'
import type { InboxStatements } from './statements.ts'
import { metadataOf, recordOf } from './stored-record.ts'
import type { HandlerEffects, ReceivedEvent } from './types.ts'

export interface DueRunnerOptions {
  readonly database: Database
  readonly statements: InboxStatements
  readonly serviceName: string
  readonly groupId: string
  readonly contracts: ContractRegistry
  readonly partitions: LogPartitions
  readonly call: HandlerCall
  readonly effects: HandlerEffects
  readonly maxAttempts: number
  /** As `maxAttempts`, or what a policy grants beyond. */
  readonly mostAttempts: number
  readonly isOrdered: boolean
  readonly holdsKeys: boolean
  /** Most events of a key in one transaction. */
  readonly maxBatchRecords: number
  readonly lease: Lease
  readonly patience: Patience
  readonly failures: FailedEvents
  readonly gate: OutageGate
  /** For events that may have killed a process. */
  readonly suspects: OneAtATime
  readonly onCommitted: (events: readonly ReceivedEvent[]) => void
  readonly onDue: (inMs: number) => void
  readonly instruments: Instruments
  readonly counts: Counts
  readonly logger: Logger
  readonly clock: Clock
}

/** When a row is due again that this code failed at, ms. */
const releaseMs = 1_000

/** A row of the log and what its record says. */
interface Waiting {
  readonly row: DueEvent
  readonly delivery: Delivery
}

/** The next event of the key, taken in the same transaction that dealt with the one before; or none. */
interface Next {
  readonly next: DueEvent | undefined
}

type Step =
  | ({ readonly kind: 'done' } & Next)
  | { readonly kind: 'lost' }
  | { readonly kind: 'ended' }

/** What a transaction did, should its commit have happened. */
interface Done {
  readonly step: Step
  readonly segment: readonly Waiting[]
  readonly handlerMs: number
  /** It failed: until its next attempt. */
  readonly retryInMs?: number
}

/** What a failed attempt leaves its row as. */
interface Left {
  readonly status: 'RECEIVED' | 'FAILED' | 'SKIPPED'
  readonly retryInMs?: number
  readonly metadata?: string | null
  readonly attempts?: number
}

/** Tries at a row and those behind it. */
interface Attempt {
  /** Errors from here on may be the handler's. */
  isHandling: boolean
  /** Events handled together. */
  count: number
  /** Of the failure the try ended with, where it was looked at already. */
  outcome: FailureOutcome | undefined
  /** An earlier try whose commit's answer was lost. */
  maybeDone: Done | undefined
}

/** `alone`: what was handled with it failed, or itself; it is tried again alone. */
type StepOrAlone = Step | { readonly kind: 'alone' }

/**
 * Handles events from the log: the next attempt at one that failed, or what an operation made due, and then the events that are parked
 * behind it, in order. Each is handled in one transaction with its row's new state, as events from the topic are. The row is locked meanwhile,
 * so nobody else handles it however long it takes; its lease matters only when this process dies.
 */
export class DueRunner {
  readonly #options: DueRunnerOptions

  constructor(options: DueRunnerOptions) {
    this.#options = options
  }

  /** Deals with a row that was taken, and goes on along its key. Gives back what it cannot get to. */
  async run(claimed: DueEvent, signal: AbortSignal): Promise<void> {
    const { gate, suspects, maxBatchRecords, effects, onDue } = this.#options
    // What waits behind may be poison as well: few at first, and alone again after each failure.
    let size = 1
    for (let row: DueEvent | undefined = claimed; row;) {
      const permit = gate.admit()
      if (permit.kind === 'closed' || signal.aborted) {
        const inMs = permit.kind === 'closed' ? permit.inMs : 0
        await this.#release(row, inMs)
        onDue(inMs)
        return
      }
      // Whoever had it died, perhaps of it.
      const isSuspect: boolean = row.isRepeat
      const isAlone = isSuspect || effects === 'external' || permit.kind === 'probe'
      const current: DueEvent = row
      const work = (): Promise<StepOrAlone> => this.#step(current, isAlone ? 1 : size, signal)
      try {
        const step: StepOrAlone = isSuspect ? await suspects.run(signal, work) : await work()
        if (step.kind === 'lost' || step.kind === 'ended') return
        size = step.kind === 'alone' ? 1 : Math.min(size * 2, maxBatchRecords)
        if (step.kind === 'done') row = step.next
      } catch (error) {
        // Taken along the way: nobody else knows that we have it, and its key would wait until the lease is over.
        await this.#release(current, releaseMs)
        throw error
      } finally {
        if (permit.kind === 'probe') gate.endProbe()
      }
    }
  }

  async #step(row: DueEvent, size: number, signal: AbortSignal): Promise<StepOrAlone> {
    const job = this.#jobOf(row, signal)
    const delivery = await this.#read(row, job)
    if (!delivery)
      return this.#leave(job, row, failureOf(payloadMissing(row)), { status: 'FAILED' })
    const head: Waiting = { row, delivery }
    delivery.attempt = row.attempts
    if (row.isRepeat && row.attempts > this.#options.mostAttempts) {
      delivery.attempt--
      return this.#failed(job, head, cutShort(delivery.attempt))
    }
    if (delivery.kind === 'undecodable') return this.#undecodable(job, head)
    const state: Attempt = {
      isHandling: false,
      count: 1,
      outcome: undefined,
      maybeDone: undefined,
    }
    try {
      return await this.#options.patience.persist(
        job,
        () => this.#transact({ ...job, deliveries: [delivery] }, head, size, state),
        (error) => {
          const isInfrastructure = !state.isHandling
          state.isHandling = false
          return isInfrastructure || this.#options.patience.isTransient(error)
        },
      )
    } catch (error) {
      if (signal.aborted) {
        await this.#release(row, 0)
        return { kind: 'ended' }
      }
      if (state.count > 1) return { kind: 'alone' }
      return this.#failed(job, head, error, state.outcome)
    }
  }

  /** Undefined: the row keeps no payload. */
  async #read(row: DueEvent, job: BatchJob): Promise<Delivery | undefined> {
    const { contracts, partitions, patience } = this.#options
    const record = recordOf(row, contracts)
    if (!record) return undefined
    await patience.persist(job, () => partitions.load())
    const receivedAt = row.receivedAt.getTime()
    return deliveryOf(record, { contracts, receivedAt, hasDay: partitions.hasDay })
  }

  /** The transaction, and what follows its commit. */
  async #transact(job: BatchJob, head: Waiting, size: number, state: Attempt): Promise<Step> {
    let done: Done | undefined
    const found = await this.#options.database
      .transaction(async (tx) => {
        done = await this.#handle(tx, job, head, size, state)
        return done
      })
      .catch((error: unknown) => {
        if (isCommitUnknown(error)) state.maybeDone = done
        throw error
      })
    if (!found) return { kind: 'lost' }
    await this.#afterCommit(job, async () => {
      await faults.at('inbox.due.afterCommit')
      if (found.retryInMs === undefined) this.#committed(job, found.segment, found.handlerMs)
      else this.#options.onDue(found.retryInMs)
    })
    return found.step
  }

  /** Locks the row, handles it and what waits behind, writes the rows, takes the key's next. Undefined: the row is no longer ours. */
  async #handle(
    tx: Transaction,
    job: BatchJob,
    head: Waiting,
    size: number,
    state: Attempt,
  ): Promise<Done | undefined> {
    const { statements, groupId, lease } = this.#options
    state.isHandling = false
    state.count = 1
    state.outcome = undefined
    if (!(await lockDue(tx, statements.due, head.row, lease.owner))) {
      const left = { attempts: head.row.attempts, statuses: ['PROCESSED', 'SKIPPED'] }
      return this.#recovered(tx, head.row, state.maybeDone, left)
    }
    const becomes = becomesEvent(head)
    if (becomes) await this.#refile(tx, head)
    const segment = becomes ? [head] : [head, ...(await this.#behind(tx, head, size - 1))]
    state.count = segment.length
    state.isHandling = true
    const events = becomes ? [] : receivedOf(segment)
    let handlerMs = 0
    try {
      handlerMs = await this.#call(tx, job, head, events)
    } catch (error) {
      const retry = segment.length === 1 ? this.#retryOf(job, head, error, state) : undefined
      if (!retry) throw error
      await this.#recordFailed(tx, head.row, retry.failure, {
        status: 'RECEIVED',
        retryInMs: retry.inMs,
      })
      return { step: { kind: 'ended' }, segment: [], handlerMs: 0, retryInMs: retry.inMs }
    }
    await faults.at('inbox.due.afterHandler')
    job.signal.throwIfAborted()
    const rows = segment.map((each) => handledOf(each, becomes))
    const shareMs = handlerMs / Math.max(1, events.length)
    await recordDueHandled(tx, statements.due, groupId, rows, shareMs)
    const next = await this.#goOn(tx, head.row, segment.length - 1, false)
    const processed = rows.filter((each) => each.status === 'PROCESSED').length
    addTally(tx, statements.position, groupId, head.row.topic, {
      processed,
      skipped: rows.length - processed,
      duplicatesSkipped: 0,
      failed: 0,
    })
    return { step: { kind: 'done', next }, segment, handlerMs }
  }

  /** A single event's failure leaves the transaction as it was before, so that it can be written down there. @returns the handler's time, ms */
  async #call(
    tx: Transaction,
    job: BatchJob,
    { row }: Waiting,
    events: readonly ReceivedEvent[],
  ): Promise<number> {
    if (events.length === 0) return 0
    const call = (scope: Transaction): Promise<number> =>
      this.#options.call.run(scope, events, {
        signal: job.signal,
        attempt: row.attempts,
        isReplay: false,
        operationId: row.operationId,
      })
    return events.length === 1 ? inSavepoint(tx, call) : call(tx)
  }

  /** Where the failure means no more than a next attempt. Undefined: it is dealt with once the transaction is rolled back. */
  #retryOf(
    job: BatchJob,
    { delivery }: Waiting,
    thrown: unknown,
    state: Attempt,
  ): Extract<FailureOutcome, { readonly kind: 'retry' }> | undefined {
    const { failures, patience } = this.#options
    if (job.signal.aborted || patience.isTransient(thrown)) return undefined
    if (!failures.isRetried(delivery, thrown)) return undefined
    state.outcome = failures.judge(job, delivery, thrown)
    return state.outcome.kind === 'retry' ? state.outcome : undefined
  }

  /**
   * What an earlier try did, when its commit turns out to have happened: the row is as that try left it. The key's next event, which it took, is ours
   * then, and would wait for the end of its lease if we forgot it.
   */
  async #recovered<T>(
    on: Transaction,
    row: DueEvent,
    maybeDone: T | undefined,
    left: { readonly attempts: number; readonly statuses: readonly string[] },
  ): Promise<T | undefined> {
    if (maybeDone === undefined) return undefined
    const { statements, groupId } = this.#options
    const known = (await findKnown(on, statements.findKnown, groupId, [row.id])).get(row.id)
    // Whoever else takes the row counts an attempt.
    const isAsLeft =
      known !== undefined &&
      known.attempts === left.attempts &&
      left.statuses.includes(known.status)
    return isAsLeft ? maybeDone : undefined
  }

  /** Events parked behind the head that can be handled with it. They cannot change meanwhile: only the head's owner touches them. */
  async #behind(tx: Transaction, head: Waiting, count: number): Promise<readonly Waiting[]> {
    const { statements, contracts, partitions } = this.#options
    const key = this.#keyOf(head.row)
    if (count === 0 || !key || head.delivery.kind !== 'event') return []
    const rows = await waitingBehind(tx, statements.due, key, head.row.offset, count)
    const behind: Waiting[] = []
    for (const row of rows) {
      const record = recordOf(row, contracts)
      if (!record || row.status !== 'PARKED') break
      const receivedAt = row.receivedAt.getTime()
      const delivery = deliveryOf(record, { contracts, receivedAt, hasDay: partitions.hasDay })
      if (delivery.kind !== 'event') break
      delivery.attempt = 1
      behind.push({ row, delivery })
    }
    return behind
  }

  /**
   * After the last of the segment: the key's next event is taken, or the key is let go. Nothing where the key is kept shut.
   * @param isHeld the head was given up, and keeps the key shut
   */
  async #goOn(
    tx: Transaction,
    head: DueEvent,
    unparked: number,
    isHeld: boolean,
  ): Promise<DueEvent | undefined> {
    const { statements, lease } = this.#options
    const key = this.#keyOf(head)
    if (!key) return undefined
    const settling = { headId: head.id, unparked, isHeld }
    const settled = await settleKey(tx, statements.blockedKeys, key, settling)
    if (!settled || settled.isHeld) return undefined
    const next = await claimNextOfKey(tx, statements.due, key, lease)
    if (!next) await letKeyGo(tx, statements.blockedKeys, key)
    return next
  }

  #committed(job: BatchJob, segment: readonly Waiting[], handlerMs: number): void {
    const { counts, instruments, gate, onCommitted } = this.#options
    const events = receivedOf(segment)
    const skipped = segment.length - events.length
    counts.skipped += skipped
    counts.processed += events.length
    gate.noteHandled(events)
    if (events.length > 0) onCommitted(events)
    if (skipped > 0) instruments.skipped.add(skipped, labelsOf(job))
    if (events.length === 0) return
    instruments.processed.add(events.length, labelsOf(job))
    instruments.handlerSeconds.observe(handlerMs / 1_000, labelsOf(job))
  }

  async #failed(
    job: BatchJob,
    head: Waiting,
    thrown: unknown,
    judged?: FailureOutcome,
  ): Promise<Step> {
    const { failures, gate, patience, onDue } = this.#options
    const { row, delivery } = head
    const outcome = judged ?? failures.judge(job, delivery, thrown)
    switch (outcome.kind) {
      case 'stop':
        await this.#release(row, 0)
        return { kind: 'ended' }
      case 'outage': {
        const inMs = gate.outage?.nextProbeInMs ?? 0
        await this.#release(row, inMs)
        onDue(inMs)
        return { kind: 'ended' }
      }
      case 'retry': {
        const { failure, inMs } = outcome
        const step = await this.#leave(job, row, failure, { status: 'RECEIVED', retryInMs: inMs })
        onDue(inMs)
        return step
      }
      case 'give-up':
        await failures.bury(job, patience, delivery, outcome.failure, delivery.attempt)
        return this.#giveUp(job, head, outcome.failure)
      case 'skip': {
        const step = await this.#leave(job, row, outcome.failure, { status: 'SKIPPED' })
        if (step.kind === 'done')
          await this.#afterCommit(job, () => failures.noteSkipped(job, delivery, outcome.failure))
        return step
      }
    }
  }

  /** Still no event: FAILED again; its bytes lie in the dead letters already. */
  async #undecodable(job: BatchJob, head: Waiting): Promise<Step> {
    const { failures, patience } = this.#options
    const { row, delivery } = head
    const failure = decodeFailure(delivery.reason ?? '')
    if (metadataOf(row)['deadLetter'] === undefined)
      await failures.bury(job, patience, delivery, failure, row.attempts)
    return this.#giveUp(job, head, failure)
  }

  async #giveUp(job: BatchJob, { row, delivery }: Waiting, failure: Failure): Promise<Step> {
    const { deadLetter, attempt } = delivery
    const metadata = deadLetter ? JSON.stringify({ ...metadataOf(row), deadLetter }) : row.metadata
    const step = await this.#leave(job, row, failure, {
      status: 'FAILED',
      metadata,
      attempts: attempt,
    })
    if (step.kind === 'done')
      await this.#afterCommit(job, () => this.#options.failures.noteGivenUp(job, delivery, failure))
    return step
  }

  /** What throws there must not lose the key's next event, which the commit took. */
  #afterCommit(job: BatchJob, work: () => void | Promise<void>): Promise<void> {
    return afterCommit(this.#options.logger, placeOf(job), work)
  }

  /** Writes the failed attempt; where it was the last, the key goes on or is held. */
  async #leave(job: BatchJob, row: DueEvent, failure: Failure, left: Left): Promise<Step> {
    const { database, statements, groupId, patience, holdsKeys } = this.#options
    const { status, attempts = row.attempts } = left
    let maybeDone: Step | undefined
    return patience.persist(job, () => {
      let done: Step | undefined
      return database
        .transaction<Step>(async (tx) => {
          if (!(await this.#recordFailed(tx, row, failure, left))) {
            const as = { attempts, statuses: [status] }
            return (await this.#recovered(tx, row, maybeDone, as)) ?? { kind: 'lost' }
          }
          if (status === 'RECEIVED') return { kind: 'ended' }
          const next = await this.#goOn(tx, row, 0, status === 'FAILED' && holdsKeys)
          addTally(tx, statements.position, groupId, row.topic, {
            processed: 0,
            duplicatesSkipped: 0,
            skipped: status === 'SKIPPED' ? 1 : 0,
            failed: status === 'FAILED' ? 1 : 0,
          })
          done = { kind: 'done', next }
          return done
        })
        .catch((error: unknown) => {
          if (isCommitUnknown(error)) maybeDone = done
          throw error
        })
    })
  }

  /** False when the row is no longer ours. */
  #recordFailed(tx: Transaction, row: DueEvent, failure: Failure, left: Left): Promise<boolean> {
    const { statements, maxAttempts, lease } = this.#options
    return recordDueFailed(tx, statements.due, row, lease.owner, {
      failure,
      retryInMs: null,
      maxRetries: maxAttempts - 1,
      metadata: row.metadata,
      attempts: row.attempts,
      ...left,
    })
  }

  async #refile(tx: Transaction, { row, delivery }: Waiting): Promise<void> {
    const { statements, groupId, serviceName, maxAttempts, clock, onDue } = this.#options
    const { topic, partition } = row
    const receivedAgoMs = Math.max(0, clock.now() - row.receivedAt.getTime())
    const rows = { groupId, serviceName, topic, partition, maxAttempts, receivedAgoMs }
    await setAside(tx, statements.setAside, rows, [{ delivery, status: 'RECEIVED' }])
    onDue(0)
  }

  /** Its attempt does not count. Should the database be away, the lease runs out instead. */
  async #release(row: DueEvent, inMs: number): Promise<void> {
    const { database, statements, lease } = this.#options
    await releaseDue(database, statements.due, row, lease.owner, inMs).catch(() => {})
  }

  #keyOf(row: DueEvent): GroupKey | undefined {
    if (!this.#options.isOrdered || row.eventKey === null) return undefined
    return { groupId: row.groupId, topic: row.topic, key: row.eventKey }
  }

  #jobOf(row: DueEvent, signal: AbortSignal): BatchJob {
    const { groupId, clock } = this.#options
    return {
      deliveries: [],
      at: { groupId, topic: row.topic, partition: row.partition },
      // Nothing of it is fenced by the group: the row's lock is what makes it ours.
      generation: -1,
      carefulBelow: 0n,
      receivedMs: clock.monotonicMs(),
      signal,
      confirmOwnership: () => Promise.resolve(false),
      onProgress: () => {},
    }
  }
}

/** A record that could not be read when it came, and can be now: it goes on under the event's own id, unless that one is known. */
function becomesEvent({ row, delivery }: Waiting): boolean {
  return (
    delivery.kind === 'event' &&
    delivery.logId !== row.id &&
    metadataOf(row)['idDerivedFrom'] === 'position'
  )
}

function handledOf({ row, delivery }: Waiting, becomes: boolean): HandledDue {
  const isHandled = delivery.kind === 'event' && !becomes
  return {
    id: row.id,
    status: isHandled ? 'PROCESSED' : 'SKIPPED',
    eventType: delivery.eventType,
    correlationId: delivery.correlationId,
    metadata: becomes
      ? JSON.stringify({ ...metadataOf(row), becameEvent: delivery.logId })
      : row.metadata,
  }
}

function receivedOf(segment: readonly Waiting[]): ReceivedEvent[] {
  const events: ReceivedEvent[] = []
  for (const { row, delivery } of segment)
    if (delivery.received && !becomesEvent({ row, delivery })) events.push(delivery.received)
  return events
}
