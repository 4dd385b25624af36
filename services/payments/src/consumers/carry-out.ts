import { backoffMs, type Counter, type Logger, type Meter } from '@millrace/core'
import type { Outbox } from '@millrace/outbox'
import type { Transaction } from '@millrace/postgres'
import { planBatch, type BatchPlan, type BatchRules, type Step } from '../domain/plan-batch.ts'
import { bookMovements } from '../sql/book-movements.ts'
import { lockBatch } from '../sql/lock-batch.ts'
import { openAccounts } from '../sql/open-accounts.ts'
import { writeReservations } from '../sql/write-reservations.ts'
import { answerTo, type AskedOrder } from './answer.ts'

export interface CarryOutOptions {
  readonly outbox: Outbox
  readonly logger: Logger
  readonly meter: Meter
  /** What customers who were never seen begin with, thousandths of a pound. */
  readonly openingBalanceMills: number
  /** How often the provider is asked to reserve. */
  readonly maxAttempts: number
  /** Waits between failed calls of the provider, ms; doubling, with jitter. */
  readonly retryBackoff: { readonly baseMs: number; readonly maxMs: number }
}

/** A step, and for a placed order what its answer needs. */
export interface StepToTake {
  readonly step: Step
  readonly asked: AskedOrder | null
}

/**
 * Does what happened to orders inside a transaction: a whole batch by two round trips, locks and writes, whatever its size. Reservations,
 * movements and answers are in that one transaction. The consumer of orders and the caller of the provider both come through here.
 */
export class CarryOut {
  readonly #options: CarryOutOptions
  readonly #rules: BatchRules
  readonly #answered: Counter
  readonly #contradicted: Counter

  constructor(options: CarryOutOptions) {
    this.#options = options
    const { meter, maxAttempts, retryBackoff } = options
    this.#rules = {
      maxAttempts,
      retryWaitMs: (failedAttempts) => backoffMs(Math.max(1, failedAttempts), retryBackoff),
    }
    this.#answered = meter.counter({
      name: 'mr_payments_answers_total',
      help: 'Answers to orders, by what they say. Counted before the commit.',
      labelNames: ['status'],
    })
    this.#contradicted = meter.counter({
      name: 'mr_payments_contradictions_total',
      help: 'Decisions about orders that contradict what was reserved; nothing was done. Each is a fault of whoever decides.',
    })
  }

  async run(tx: Transaction, toTake: readonly StepToTake[]): Promise<void> {
    const steps = toTake.map(({ step }) => step)
    const orderIds = [...new Set(steps.map(({ orderId }) => orderId))]
    const customerIds = [
      ...new Set(steps.flatMap((step) => (step.kind === 'placed' ? [step.customerId] : []))),
    ]
    const [, before] = await Promise.all([
      openAccounts(tx, customerIds, this.#options.openingBalanceMills),
      lockBatch(tx, orderIds, customerIds),
    ])
    const plan = planBatch(steps, before, this.#rules)
    const askedOf = (stepIndex: number): AskedOrder => {
      const { step, asked } = toTake[stepIndex] ?? {}
      const found = asked ?? (step && (before.pending.get(step.orderId) as AskedOrder | null))
      if (!found) throw new Error(`Order ${step?.orderId} is to be answered and is not known`)
      return found
    }
    await Promise.all([
      writeReservations(tx, plan.reservations, ({ madeByStep }) =>
        madeByStep === null ? null : JSON.stringify(askedOf(madeByStep)),
      ),
      bookMovements(tx, plan.movements),
    ])
    await this.#options.outbox.publishIn(
      tx,
      plan.answers.map(({ stepIndex, rejectReason }) => answerTo(askedOf(stepIndex), rejectReason)),
    )
    this.#count(plan)
  }

  #count({ answers, anomalies }: BatchPlan): void {
    for (const { rejectReason } of answers)
      this.#answered.add(1, { status: rejectReason === null ? 'ACCEPT' : 'REJECT' })
    for (const anomaly of anomalies) {
      this.#contradicted.add(1)
      this.#options.logger.error(
        'A decision contradicts what payments has of the order; nothing was done',
        { ...anomaly },
      )
    }
  }
}
