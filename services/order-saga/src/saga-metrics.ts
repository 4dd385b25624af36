import type { Counter, Histogram, Meter } from '@millrace/core'
import type { DecidedBy, OpenOrder } from './domain/open-order.ts'
import type { Side, Verdict } from './domain/verdict.ts'

/** What came after the verdict, or a second time. */
export type Ignored = 'placed' | 'cancel-asked' | 'PAYMENT' | 'INVENTORY'

/** Totals since this process began. */
export interface SagaTotals {
  readonly decided: Readonly<Record<string, number>>
  readonly decidedBy: Readonly<Record<string, number>>
  readonly rollbackSources: Readonly<Record<string, number>>
  readonly lateAnswers: number
  readonly unmatchedAnswers: number
  readonly ignored: number
  readonly deadLetters: number
  readonly retries: number
}

/** What a task tells of its open orders, whenever somebody wants to know, as long as it is here. */
export interface OpenOfTask {
  readonly count: () => number
  /** For how long the time of the one that is due first has been over, ms; 0 where that is to come. */
  readonly overdueMs: () => number
}

const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** The saga's figures. Work that a failed commit undoes is counted again when it is done again. */
export class SagaMetrics {
  readonly #decidedTotal: Counter
  readonly #lateTotal: Counter
  readonly #unmatchedTotal: Counter
  readonly #ignoredTotal: Counter
  readonly #deadLettersTotal: Counter
  readonly #retriesTotal: Counter
  readonly #joinWait: Histogram
  readonly #decisionTime: Histogram
  readonly #open = new Map<string, OpenOfTask>()
  readonly #decided: Record<string, number> = {}
  readonly #decidedBy: Record<string, number> = {}
  readonly #rollbackSources: Record<string, number> = {}
  readonly #counts = { late: 0, unmatched: 0, ignored: 0, deadLetters: 0, retries: 0 }

  constructor(meter: Meter) {
    const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
      meter.counter({ name: `mr_order_saga_${name}`, help, labelNames })
    this.#decidedTotal = counter('decided_total', 'Orders decided, by status, source and how.', [
      'status',
      'source',
      'by',
    ])
    this.#lateTotal = counter(
      'late_answers_total',
      'Answers that came when the window of the join was over.',
      ['side'],
    )
    this.#unmatchedTotal = counter(
      'unmatched_answers_total',
      'Answers that found no partner within the window of the join.',
      ['side'],
    )
    this.#ignoredTotal = counter(
      'ignored_total',
      'Records about orders that were decided already, or that had come before.',
      ['what'],
    )
    this.#deadLettersTotal = counter(
      'dead_letters_total',
      'Records left out and written to recovererDLQ.',
    )
    this.#retriesTotal = counter('retries_total', 'Records that are tried again after an error.')
    this.#joinWait = meter.histogram({
      name: 'mr_order_saga_join_wait_seconds',
      help: 'Time between the two answers of an order, by the clock of the broker.',
      buckets: seconds,
    })
    this.#decisionTime = meter.histogram({
      name: 'mr_order_saga_decision_seconds',
      help: 'Time from ORDER_PLACED to what decided the order, by the clock of the broker.',
      buckets: seconds,
    })
    meter.gauge({
      name: 'mr_order_saga_open_orders',
      help: 'Orders that are not decided, of the tasks of this process.',
      collect: (gauge) => gauge.set(this.openOrders),
    })
    meter.gauge({
      name: 'mr_order_saga_overdue_seconds',
      help: 'For how long an order has been open past its final time-out, of the tasks of this process: the one that waits longest, by the clock of the broker.',
      collect: (gauge) => gauge.set(this.overdueMs / 1_000),
    })
  }

  taskOpened(taskId: string, open: OpenOfTask): void {
    this.#open.set(taskId, open)
  }

  /** A task that has come back in the meantime stays. */
  taskClosed(taskId: string, open: OpenOfTask): void {
    if (this.#open.get(taskId) === open) this.#open.delete(taskId)
  }

  get openOrders(): number {
    return [...this.#open.values()].reduce((sum, { count }) => sum + count(), 0)
  }

  get overdueMs(): number {
    return Math.max(0, ...[...this.#open.values()].map(({ overdueMs }) => overdueMs()))
  }

  get totals(): SagaTotals {
    const { late, unmatched, ignored, deadLetters, retries } = this.#counts
    return {
      decided: { ...this.#decided },
      decidedBy: { ...this.#decidedBy },
      rollbackSources: { ...this.#rollbackSources },
      lateAnswers: late,
      unmatchedAnswers: unmatched,
      ignored,
      deadLetters,
      retries,
    }
  }

  decided(order: OpenOrder, verdict: Verdict, by: DecidedBy, atMs: number): void {
    const { status, source } = verdict
    this.#decidedTotal.add(1, { status, source: source ?? '', by })
    this.#decided[status] = (this.#decided[status] ?? 0) + 1
    this.#decidedBy[by] = (this.#decidedBy[by] ?? 0) + 1
    if (status === 'ROLLBACK' && source !== null)
      this.#rollbackSources[source] = (this.#rollbackSources[source] ?? 0) + 1
    const { PAYMENT: payment, INVENTORY: stock } = order.answers
    if (payment && stock) this.#joinWait.observe(Math.abs(payment.atMs - stock.atMs) / 1_000)
    if (order.placedAtMs !== null)
      this.#decisionTime.observe(Math.max(0, atMs - order.placedAtMs) / 1_000)
  }

  late(side: Side): void {
    this.#lateTotal.add(1, { side })
    this.#counts.late++
  }

  unmatched(side: Side): void {
    this.#unmatchedTotal.add(1, { side })
    this.#counts.unmatched++
  }

  ignored(what: Ignored): void {
    this.#ignoredTotal.add(1, { what })
    this.#counts.ignored++
  }

  deadLetter(): void {
    this.#deadLettersTotal.add(1)
    this.#counts.deadLetters++
  }

  retried(): void {
    this.#retriesTotal.add(1)
    this.#counts.retries++
  }
}
