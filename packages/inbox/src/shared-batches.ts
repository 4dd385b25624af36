import { faults, Gathering, type Clock, type Logger } from '@millrace/core'
import type { Database, Transaction } from '@millrace/postgres'
import { isCommitUnknown } from './after-commit.ts'
import { concurrentDuplicate } from './batch-faults.ts'
import type { BatchJob } from './batch-job.ts'
import type { Delivery } from './delivery.ts'
import type { HandlerCall } from './handler-call.ts'
import type { LogPartitions } from './partitions.ts'
import { sortDeliveries, type SortedDeliveries } from './sort-deliveries.ts'
import { findKnown } from './sql/find-known.ts'
import { noteRepeats } from './sql/note-repeats.ts'
import type { Tally } from './sql/position.ts'
import { recordShared } from './sql/record-handled.ts'
import { advancePositions, claimPositions, findBlockedPartitions } from './sql/shared-positions.ts'
import type { InboxStatements } from './statements.ts'
import type { ReceivedEvent } from './types.ts'

export interface SharedBatchesOptions {
  readonly database: Database
  readonly statements: InboxStatements
  readonly partitions: LogPartitions
  readonly serviceName: string
  readonly groupId: string
  readonly call: HandlerCall
  readonly maxAttempts: number
  readonly maxBatchRecords: number
  readonly isOrdered: boolean
  readonly keepsPayload: boolean
  /** Told after the commit of each batch: what was taken, how many repeats were left out, its share of the handler's time. */
  readonly onCommitted: (
    job: BatchJob,
    taken: readonly Delivery[],
    repeatCount: number,
    handlerMs: number,
  ) => Promise<void>
  readonly logger: Logger
  readonly clock: Clock
}

/** A batch that is dealt with together with others. */
interface Part {
  readonly job: BatchJob
  readonly sorted: SortedDeliveries
  /** Its share of the handler's time; set by the handler's call. */
  handlerMs: number
}

/**
 * Batches of several partitions in one transaction: what a transaction costs is most of what a batch of few records costs. One transaction at a time, with the
 * batches that are there when it begins; so there are the more of them the busier the database is.
 *
 * Only what is plain goes this way: whatever must wait, was tried before, is fenced or fails is left to the runner, each partition in transactions of
 * its own. Nothing is held against any event here.
 */
export class SharedBatches {
  readonly #options: SharedBatchesOptions
  readonly #gathering: Gathering<BatchJob, boolean>

  constructor(options: SharedBatchesOptions) {
    this.#options = options
    this.#gathering = new Gathering({
      run: (jobs) => this.#runAll(jobs),
      maxUnderWay: 1,
      weightOf: ({ deliveries }) => deliveries.length,
      maxWeight: options.maxBatchRecords,
    })
  }

  /** Never rejects. @returns whether the batch is dealt with; otherwise it has taken no effect, unless its deliveries say `maybeCommitted` */
  async run(job: BatchJob): Promise<boolean> {
    return isPlain(job) && (await this.#gathering.ask(job))
  }

  async #runAll(jobs: readonly BatchJob[]): Promise<readonly boolean[]> {
    const { logger, onCommitted } = this.#options
    const going = jobs.filter(({ signal }) => !signal.aborted)
    if (going.length === 0) return jobs.map(() => false)
    const taken: Delivery[] = []
    let parts: readonly Part[] = []
    try {
      await this.#options.partitions.ensure(going.flatMap(({ deliveries }) => deliveries))
      parts = await this.#transact(going, taken)
    } catch (error) {
      if (isCommitUnknown(error)) for (const delivery of taken) delivery.maybeCommitted = true
      logger.debug('Batches that shared a transaction are handled one by one', { error })
      return jobs.map(() => false)
    }
    for (const { job, sorted, handlerMs } of parts)
      await onCommitted(
        job,
        [...sorted.recovered, ...sorted.taken],
        sorted.repeats.length,
        handlerMs,
      )
    const done = new Set(parts.map(({ job }) => job))
    return jobs.map((job) => done.has(job))
  }

  /** @param taken filled with what takes effect @returns the batches that are dealt with */
  #transact(jobs: readonly BatchJob[], taken: Delivery[]): Promise<readonly Part[]> {
    const { database, statements, groupId } = this.#options
    return database.transaction(async (tx) => {
      const parts = await this.#sort(tx, jobs)
      taken.push(...parts.flatMap(({ sorted }) => sorted.taken))
      await this.#handle(tx, parts)
      await faults.at('inbox.consumer.afterHandler')
      for (const { job } of parts) job.signal.throwIfAborted()
      await this.#record(tx, parts, taken)
      for (const { job, sorted } of parts)
        await noteRepeats(
          tx,
          statements.noteRepeats,
          { ...job.at, receivedAgoMs: this.#receivedAgoMs(job) },
          sorted.repeats,
        )
      const advanced = parts.map(({ job, sorted }) => ({
        ...job.at,
        nextOffset: (job.deliveries.at(-1)?.record.offset ?? -1n) + 1n,
        tally: tallyOf(sorted),
      }))
      if (parts.length > 0)
        advancePositions(tx, statements.sharedPositions.advance, groupId, advanced)
      return parts
    })
  }

  /** Locks the positions and leaves out what is known. The batches of which all can be handled now. */
  async #sort(tx: Transaction, jobs: readonly BatchJob[]): Promise<readonly Part[]> {
    const { statements, groupId, maxAttempts, isOrdered } = this.#options
    const { sharedPositions } = statements
    const places = jobs.map(({ at, generation, deliveries }) => ({
      ...at,
      generation,
      offset: deliveries[0]?.record.offset ?? 0n,
    }))
    const ids = jobs.flatMap(({ deliveries }) => deliveries.map(({ logId }) => logId))
    const [claimed, known, blocked] = await Promise.all([
      claimPositions(tx, sharedPositions.claim, groupId, places),
      findKnown(tx, statements.findKnown, groupId, ids),
      isOrdered ? findBlockedPartitions(tx, sharedPositions.blocked, groupId, places) : [],
    ])
    const ours = new Set(claimed.map(placeOf))
    for (const each of blocked) ours.delete(placeOf(each))
    const options = {
      countsFirst: () => false,
      maxAttempts,
      isOrdered,
      blocked: new Set<string>(),
    }
    return jobs.flatMap((job) => {
      if (!ours.has(placeOf(job.at))) return []
      const sorted = sortDeliveries(job.deliveries, known, options)
      const isPlain =
        sorted.move.kind === 'done' && sorted.setAside.length + sorted.refused.length === 0
      return isPlain ? [{ job, sorted, handlerMs: 0 }] : []
    })
  }

  /** One call for each topic, in the order of their names, with the events of each partition in theirs. */
  async #handle(tx: Transaction, parts: readonly Part[]): Promise<void> {
    const topics = Map.groupBy(parts, ({ job }) => job.at.topic)
    for (const topic of [...topics.keys()].toSorted()) {
      const ofTopic = topics.get(topic) ?? []
      const events = ofTopic.flatMap(eventsOf)
      if (events.length === 0) continue
      const handlerMs = await this.#options.call.run(tx, events, {
        signal: AbortSignal.any(ofTopic.map(({ job }) => job.signal)),
        attempt: 1,
        isReplay: false,
        operationId: null,
      })
      for (const part of ofTopic)
        part.handlerMs = (handlerMs * eventsOf(part).length) / events.length
    }
  }

  async #record(
    tx: Transaction,
    parts: readonly Part[],
    taken: readonly Delivery[],
  ): Promise<void> {
    const [first] = parts
    if (!first || taken.length === 0) return
    const { statements, groupId, serviceName, maxAttempts, keepsPayload } = this.#options
    const handlerMs = parts.reduce((sum, part) => sum + part.handlerMs, 0)
    const eventCount = parts.reduce((sum, part) => sum + eventsOf(part).length, 0)
    const batch = {
      groupId,
      serviceName,
      maxAttempts,
      receivedAgoMs: Math.max(...parts.map(({ job }) => this.#receivedAgoMs(job))),
      shareMs: handlerMs / Math.max(1, eventCount),
      keepsPayload,
    }
    const written = await recordShared(tx, statements.recordShared, batch, taken)
    if (written < taken.length) throw concurrentDuplicate(first.job, taken.length - written)
  }

  #receivedAgoMs(job: BatchJob): number {
    return Math.max(0, this.#options.clock.monotonicMs() - job.receivedMs)
  }
}

/** Nothing of it is to be counted before it is handled, or cannot be read. */
function isPlain({ deliveries, carefulBelow }: BatchJob): boolean {
  const [first] = deliveries
  return (
    first !== undefined &&
    first.record.offset >= carefulBelow &&
    deliveries.every(({ kind }) => kind !== 'undecodable')
  )
}

function eventsOf({ sorted }: Part): readonly ReceivedEvent[] {
  return sorted.taken.flatMap(({ received }) => received ?? [])
}

function tallyOf({ taken, repeats }: SortedDeliveries): Tally {
  const processed = taken.filter(({ kind }) => kind === 'event').length
  const skipped = taken.length - processed
  return { processed, skipped, failed: 0, duplicatesSkipped: repeats.length }
}

function placeOf(at: { readonly topic: string; readonly partition: number }): string {
  return `${at.partition} ${at.topic}`
}
