import {
  orderDecided,
  orderEventsTopic,
  type Order,
  type OrderSource,
  type OrderStatus,
} from '@millrace/contracts'
import type { Counter, Logger, Meter } from '@millrace/core'
import { childEventId, createEvent } from '@millrace/events'
import type { HandlerContext, ReceivedEvent } from '@millrace/inbox'
import type { EventToPublish, Outbox } from '@millrace/outbox'
import { effectOf, endEventOf } from '../domain/order-state.ts'
import { endedVersion, serviceName } from '../orders.ts'
import { endOrders, lockOrders, type StandingBefore, type Verdict } from '../sql/apply-verdicts.ts'

export interface EndOrdersOptions {
  readonly outbox: Outbox
  readonly logger: Logger
  readonly meter: Meter
}

/** An order that ends in this batch, and by which event. */
interface End {
  readonly received: ReceivedEvent
  readonly verdict: Verdict
  readonly before: StandingBefore
}

/**
 * Applies the saga's verdicts: the row's status and the event that tells the read model, in the inbox's transaction. Three round trips
 * for a batch of any size.
 */
export class EndOrders {
  readonly #options: EndOrdersOptions
  readonly #ended: Counter
  readonly #contradicted: Counter
  readonly #unknown: Counter

  constructor(options: EndOrdersOptions) {
    this.#options = options
    const { meter } = options
    this.#ended = meter.counter({
      name: 'mr_orders_ended_total',
      help: 'Orders that ended, by status and source. Counted before the commit.',
      labelNames: ['status', 'source'],
    })
    this.#contradicted = meter.counter({
      name: 'mr_orders_second_verdicts_total',
      help: 'Verdicts that contradict an earlier one of the order; not applied. Each is a fault of whoever decides.',
    })
    this.#unknown = meter.counter({
      name: 'mr_orders_unknown_verdicts_total',
      help: 'Verdicts of orders that this database does not have; not applied.',
    })
  }

  async handle(events: readonly ReceivedEvent[], context: HandlerContext): Promise<void> {
    const decided = events.filter(({ event }) => event.eventType === orderDecided.eventType)
    if (decided.length === 0) return
    const ids = [...new Set(decided.map((received) => orderOf(received).orderId))]
    const ends = this.#endsOf(decided, await lockOrders(context.tx, ids))
    if (ends.length === 0) return
    await endOrders(
      context.tx,
      ends.map((end) => end.verdict),
    )
    await this.#options.outbox.publishIn(
      context.tx,
      ends.map((end) => eventOf(end, context)),
    )
    for (const { verdict } of ends)
      this.#ended.add(1, { status: verdict.status, source: verdict.source ?? 'none' })
  }

  /** The first verdict of each order that is NEW; of the others it is said what they are. */
  #endsOf(decided: readonly ReceivedEvent[], locked: readonly StandingBefore[]): readonly End[] {
    const standing = new Map<string, StandingBefore>(locked.map((row) => [row.orderId, row]))
    const ends: End[] = []
    for (const received of decided) {
      const { orderId, status, source } = orderOf(received)
      const before = standing.get(orderId)
      if (!before) this.#unknown.add(1)
      if (!before || status === 'NEW') continue
      switch (effectOf(before, { status, source })) {
        case 'apply':
          ends.push({
            received,
            verdict: { orderId, status, source, decidedAt: received.event.timestamp },
            before,
          })
          standing.set(orderId, { ...before, status, source })
          break
        case 'contradiction':
          this.#tellContradiction(before, { orderId, status, source }, received)
          break
        case 'repeat':
        case 'none':
      }
    }
    return ends
  }

  #tellContradiction(
    stands: StandingBefore,
    verdict: {
      readonly orderId: string
      readonly status: OrderStatus
      readonly source: OrderSource | null
    },
    { event }: ReceivedEvent,
  ): void {
    this.#contradicted.add(1)
    this.#options.logger.error(
      'An order got a second verdict that contradicts the first; it stays',
      {
        orderId: verdict.orderId,
        stands: `${stands.status} ${stands.source ?? ''}`.trim(),
        verdict: `${verdict.status} ${verdict.source ?? ''}`.trim(),
        eventId: event.eventId,
      },
    )
  }
}

function orderOf({ event }: ReceivedEvent): Order {
  return event.data as Order
}

/** Its id comes from the verdict: a repeat makes the same event, not another one. */
function eventOf({ received, verdict, before }: End, { causeOf }: HandlerContext): EventToPublish {
  const context = causeOf(received)
  const { orderId, source } = verdict
  const event = createEvent({
    contract: endEventOf(verdict),
    source: serviceName,
    aggregateId: orderId,
    aggregateVersion: endedVersion,
    eventId: childEventId(received.event, serviceName, 0),
    data: { orderId, customerId: before.customerId, totalMills: before.totalMills, source },
    context,
    occurredAtMs: Date.parse(received.event.timestamp),
  })
  const { traceparent } = context
  return {
    event,
    topic: orderEventsTopic.name,
    key: orderId,
    ...(traceparent ? { traceparent } : {}),
  }
}
