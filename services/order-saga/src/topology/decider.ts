import { faults, type Logger } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import type { Order } from '@millrace/contracts'
import {
  keyValueStore,
  int64Serde,
  jsonSerde,
  type KeyValueStore,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
} from '@millrace/streams'
import {
  nextOf,
  timedOut,
  type EndedOrder,
  type OpenOrder,
  type SagaStep,
  type SagaTimes,
  type StepOutcome,
} from '../domain/open-order.ts'
import type { OpenOfTask, SagaMetrics } from '../saga-metrics.ts'
import type { BrokerClock } from './broker-clock.ts'
import { dueKeySerde, type DueKey } from './due-key.ts'
import { decidedEvent, headersOf, traceparentOf } from './saga-records.ts'

export interface DeciderOptions {
  readonly times: SagaTimes
  /** How long a verdict is remembered, ms of the broker's time. */
  readonly retentionMs: number
  readonly clock: BrokerClock
  readonly metrics: SagaMetrics
  readonly logger: Logger
}

export const openOrdersStore = 'open-orders'
export const dueOrdersStore = 'due-orders'
export const endedOrdersStore = 'ended-orders'

/** How often it is looked whether time is over for an order. */
const dueCheckMs = 100
/** Orders whose time is over that are decided between two records; the others at the next look. */
const dueAtOnce = 1_000
/** A task whose newest record is older than that may be behind, ms of the broker's time. */
const behindMs = 1_000
/** One that has taken no record for so long has none that waits, ms. */
const silenceMs = 2_000

export function deciderStores(retentionMs: number) {
  return [
    keyValueStore({ name: openOrdersStore, key: int64Serde, value: jsonSerde<OpenOrder>() }),
    keyValueStore({ name: dueOrdersStore, key: dueKeySerde, value: jsonSerde<true>() }),
    keyValueStore({
      name: endedOrdersStore,
      key: int64Serde,
      value: jsonSerde<EndedOrder>(),
      ttlMs: retentionMs,
    }),
  ]
}

/**
 * Decides each order once. An order is in `open-orders` and, under its time, in `due-orders` until it is decided, and then in `ended-orders` until the
 * retention is over; all three change in the transaction that has the verdict.
 *
 * Timers are entries of `due-orders` and not of the framework's timers, for these go by our wall clock or by the records of the task, and an order must
 * end by the broker's clock, without any record too.
 */
export class Decider implements Processor<bigint, SagaStep, bigint, EventEnvelope<Order>> {
  readonly #options: DeciderOptions
  #context!: ProcessorContext<bigint, EventEnvelope<Order>>
  #open!: KeyValueStore<bigint, OpenOrder>
  #due!: KeyValueStore<DueKey, true>
  #ended!: KeyValueStore<bigint, EndedOrder>
  /** No order is due before; after a start not known. */
  #firstDueMs = 0
  /** When this task last took a record, or began, by our monotonic clock. */
  #takenMs = -Infinity
  readonly #figures: OpenOfTask = {
    count: () => this.#open.approximateEntryCount,
    overdueMs: () => this.#overdueMs(),
  }

  constructor(options: DeciderOptions) {
    this.#options = options
  }

  init(context: ProcessorContext<bigint, EventEnvelope<Order>>): void {
    this.#context = context
    this.#open = context.store(openOrdersStore)
    this.#due = context.store(dueOrdersStore)
    this.#ended = context.store(endedOrdersStore)
    this.#takenMs = this.#options.clock.monotonicMs()
    context.schedule({ intervalMs: dueCheckMs, type: 'WALL_CLOCK_TIME' }, () => this.#endDue())
    this.#options.metrics.taskOpened(context.taskId, this.#figures)
  }

  process({ key, value: step, timestamp, headers }: StreamRecord<bigint, SagaStep>): void {
    const { clock, metrics, times } = this.#options
    clock.observe(timestamp)
    this.#takenMs = clock.monotonicMs()
    if (step.kind === 'late') metrics.late(step.side)
    if (step.kind === 'unmatched') metrics.unmatched(step.side)
    const ended = this.#ended.get(key)
    if (ended) return this.#countIgnored(step, ended)
    void faults.at('orderSaga.decide')
    const before = this.#open.get(key)
    const outcome = nextOf(before, step, timestamp, times)
    if (outcome.kind === 'unchanged' && before && step.kind !== 'unmatched')
      this.#countIgnored(step, before)
    this.#take(key, before, outcome, timestamp, traceparentOf(headers))
  }

  close(): void {
    this.#options.metrics.taskClosed(this.#context.taskId, this.#figures)
  }

  #take(
    key: bigint,
    before: OpenOrder | undefined,
    outcome: StepOutcome,
    atMs: number,
    traceparent?: string,
  ): void {
    switch (outcome.kind) {
      case 'unchanged':
        return
      case 'open':
        return this.#keep(key, before, outcome.order)
      case 'ended': {
        const { order, status, source } = outcome
        if (order) this.#forget(key, order)
        const answers = order?.answers ?? { PAYMENT: null, INVENTORY: null }
        this.#ended.put(key, { status, source, atMs, decidedBy: 'elsewhere', answers })
        return
      }
      case 'decided':
        return this.#decide(key, before, outcome, atMs, traceparent)
    }
  }

  #keep(key: bigint, before: OpenOrder | undefined, order: OpenOrder): void {
    this.#open.put(key, order)
    if (before?.dueMs === order.dueMs) return
    if (before) this.#due.delete({ dueMs: before.dueMs, orderId: key })
    this.#due.put({ dueMs: order.dueMs, orderId: key }, true)
    this.#firstDueMs = Math.min(this.#firstDueMs, order.dueMs)
  }

  #forget(key: bigint, { dueMs }: OpenOrder): void {
    this.#open.delete(key)
    this.#due.delete({ dueMs, orderId: key })
  }

  #decide(
    key: bigint,
    before: OpenOrder | undefined,
    { order, decision }: Extract<StepOutcome, { kind: 'decided' }>,
    atMs: number,
    traceparent?: string,
  ): void {
    if (before) this.#forget(key, before)
    const { verdict, decidedBy } = decision
    const { status, source } = verdict
    this.#ended.put(key, { status, source, atMs, decidedBy, answers: order.answers })
    const event = decidedEvent(order, decision, atMs)
    const headers = headersOf(event, traceparent)
    this.#context.forward({ key, value: event, timestamp: atMs, headers })
    this.#options.metrics.decided(order, verdict, decidedBy, atMs)
  }

  /** Orders whose time is over. Their verdict has the time at which it was. */
  #endDue(): void {
    const { logger } = this.#options
    const nowMs = this.#timeHere()
    if (nowMs === null || nowMs < this.#firstDueMs) return
    const due: DueKey[] = []
    this.#firstDueMs = Infinity
    for (const [key] of this.#due.range()) {
      if (key.dueMs > nowMs || due.length === dueAtOnce) {
        this.#firstDueMs = key.dueMs
        break
      }
      due.push(key)
    }
    for (const { dueMs, orderId } of due) {
      const order = this.#open.get(orderId)
      if (order) this.#take(orderId, order, timedOut(order), dueMs)
      else {
        this.#due.delete({ dueMs, orderId })
        logger.error('An order that is due is not open', {
          orderId: String(orderId),
          taskId: this.#context.taskId,
        })
      }
    }
  }

  /** For how long the first of all timers has been over, ms; 0 where none is, or the broker's time is not known yet. */
  #overdueMs(): number {
    const nowMs = this.#options.clock.now()
    if (nowMs === null) return 0
    for (const [{ dueMs }] of this.#due.range()) return Math.max(0, nowMs - dueMs)
    return 0
  }

  /**
   * The broker's time for this task. While it catches up, after a pause, a start or a move, that of its own newest record: the clock may already
   * have it from another task that answers which came in time are late, though they wait here.
   */
  #timeHere(): number | null {
    const { clock } = this.#options
    const { streamTime } = this.#context
    // Kept over restarts, so that the clock goes on from there where no record comes.
    clock.observe(streamTime)
    const nowMs = clock.now()
    if (nowMs === null || nowMs - streamTime <= behindMs) return nowMs
    const silentMs = clock.monotonicMs() - Math.max(this.#takenMs, clock.begunMs)
    return silentMs < silenceMs ? streamTime : nowMs
  }

  #countIgnored(step: SagaStep, { answers }: Pick<OpenOrder, 'answers'>): void {
    if (step.kind === 'placed' || step.kind === 'cancel-asked')
      return this.#options.metrics.ignored(step.kind)
    // An answer comes twice by design: by itself, and from the join.
    if (step.kind !== 'answered') return
    if (answers[step.side]?.eventId !== step.event.eventId) this.#options.metrics.ignored(step.side)
  }
}
