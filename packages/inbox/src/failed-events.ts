import type { Logger } from '@millrace/core'
import { labelsOf, placeOf, type BatchJob } from './batch-job.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Delivery } from './delivery.ts'
import { failureOf, type Failure } from './failure.ts'
import type { FailureDecision, FailurePolicies } from './failure-policy.ts'
import type { Counts, Instruments } from './instruments.ts'
import type { OutageGate } from './outage-gate.ts'
import type { Patience } from './patience.ts'
import { unlessAborted } from './wait-at-most.ts'

export interface FailedEventsOptions {
  readonly policies: FailurePolicies
  readonly gate: OutageGate
  readonly deadLetters: DeadLetters
  readonly instruments: Instruments
  readonly counts: Counts
  readonly logger: Logger
  /** Told when a policy says so; the consumer leaves its group. */
  readonly onStop: (failure: Failure) => void
}

/** A failed attempt, and what comes of it. `outage`: nothing is recorded, the event waits where it is. */
export type FailureOutcome =
  | { readonly kind: 'outage' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'retry'; readonly failure: Failure; readonly inMs: number }
  | { readonly kind: 'give-up'; readonly failure: Failure }
  | { readonly kind: 'skip'; readonly failure: Failure }

/** What failed attempts come to, the same for events from the topic and from the log. */
export class FailedEvents {
  readonly #options: FailedEventsOptions

  constructor(options: FailedEventsOptions) {
    this.#options = options
  }

  /** Whether this would be tried again, as far as the policies say. */
  isRetried(delivery: Delivery, thrown: unknown): boolean {
    return this.#decide(delivery, thrown).kind === 'retry'
  }

  /** Counts the attempt and decides. */
  judge(job: BatchJob, delivery: Delivery, thrown: unknown): FailureOutcome {
    const { gate, counts, instruments, logger, onStop } = this.#options
    const failure = failureOf(thrown)
    counts.failedAttempts++
    instruments.failedAttempts.add(1, labelsOf(job))
    const decision = this.#decide(delivery, thrown)
    if (decision.kind === 'stop') {
      logger.error('A policy stops the consumer; the event stays unhandled', {
        ...this.#fieldsOf(job, delivery, failure),
      })
      onStop(failure)
      return { kind: 'stop' }
    }
    if (decision.kind === 'pause') {
      gate.trip(failure.errorClass)
      return { kind: 'outage' }
    }
    if (delivery.received && gate.noteFailed(delivery.received, failure.errorClass))
      return { kind: 'outage' }
    if (decision.kind === 'retry') return { kind: 'retry', failure, inMs: decision.inMs }
    return { kind: decision.kind === 'skip' ? 'skip' : 'give-up', failure }
  }

  /** Writes the dead letter, however long the broker is away; not waited for when the job is stopped. */
  async bury(
    job: BatchJob,
    patience: Patience,
    delivery: Delivery,
    failure: Failure,
    attempts: number,
  ): Promise<void> {
    const { deadLetters } = this.#options
    await patience.persist(job, () =>
      unlessAborted(job.signal, deadLetters.write(delivery, failure, attempts)),
    )
  }

  noteGivenUp(job: BatchJob, delivery: Delivery, failure: Failure): void {
    const { counts, instruments, logger } = this.#options
    counts.failed++
    instruments.failed.add(1, labelsOf(job))
    logger.error('An event was given up', this.#fieldsOf(job, delivery, failure))
  }

  noteSkipped(job: BatchJob, delivery: Delivery, failure: Failure): void {
    const { counts, instruments, logger } = this.#options
    counts.skipped++
    instruments.skipped.add(1, labelsOf(job))
    logger.warn(
      'A failed event was skipped, as its policy says',
      this.#fieldsOf(job, delivery, failure),
    )
  }

  #decide({ received, record, attempt }: Delivery, thrown: unknown): FailureDecision {
    if (!received) return { kind: 'dead-letter' }
    const context = { event: received.event, topic: record.topic, attempt }
    return this.#options.policies.decide(thrown, context)
  }

  #fieldsOf(job: BatchJob, delivery: Delivery, failure: Failure): Record<string, unknown> {
    return {
      ...placeOf(job),
      offset: delivery.record.offset,
      eventId: delivery.logId,
      correlationId: delivery.correlationId,
      errorClass: failure.errorClass,
      cause: failure.message,
      attempts: delivery.attempt,
    }
  }
}
