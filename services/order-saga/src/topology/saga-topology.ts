import {
  ordersTopic,
  paymentOrdersTopic,
  stockOrdersTopic,
  type Order,
  type OrderAnswer,
} from '@millrace/contracts'
import type { EventEnvelope } from '@millrace/events'
import {
  int64Serde,
  joinWindows,
  jsonSerde,
  StreamsBuilder,
  type KStream,
  type Topology,
} from '@millrace/streams'
import type { JoinedAnswer, SagaStep } from '../domain/open-order.ts'
import { orderMoves, type Side } from '../domain/verdict.ts'
import { Decider, deciderStores, type DeciderOptions } from './decider.ts'
import {
  checkKey,
  isAnswer,
  isCancelAsked,
  isDecided,
  isPlaced,
  orderRecordSerde,
  paymentRecordSerde,
  stockRecordSerde,
} from './saga-records.ts'

export interface SagaTopologyOptions extends DeciderOptions {
  /** How far behind the window an answer may still be joined where partitions are read out of step, ms. */
  readonly graceMs: number
}

/** The table of orders: the latest of each, by id. */
export const ordersStore = 'orders'

/** The application's name: of its group, its stores' topics and its place in the console. */
export const applicationId = 'order-saga'

const key = int64Serde

type Steps = KStream<bigint, SagaStep>

/**
 * ```
 * payment-orders ─┬─ join within the window ─┬─ both answers ──────────┐
 * stock-orders ───┤                          └─ unmatched, late ───────┤
 *                 └─ each answer ──────────────────────────────────────┼─> decide ─> orders
 * orders ─────────┬─ placed, cancel asked, decided ────────────────────┘
 *                 └─ latest of each ─> table "orders"
 * ```
 * One subtopology: the three topics have as many partitions as each other, and what is about an order meets in one task.
 */
export function sagaTopology(options: SagaTopologyOptions): Topology {
  const builder = new StreamsBuilder()
  const orders = builder
    .stream(ordersTopic.name, { key, value: orderRecordSerde, name: 'orders' })
    .filter(hasValue, { name: 'orders-with-value' })
    .peek(checked, { name: 'orders-checked' })
  addTable(orders)
  const answers = joinedAnswers(builder, options)
  answers
    .merge(orders.flatMapValues(orderSteps, { name: 'order-steps' }), { name: 'steps' })
    .process(() => new Decider(options), {
      name: 'decide',
      stores: deciderStores(options.retentionMs),
      key,
      value: orderRecordSerde,
    })
    .to(ordersTopic.name, { name: 'verdicts' })
  return builder.build()
}

/** Orders only move forward, so that a record that comes a second time does not undo a verdict. */
function addTable(orders: KStream<bigint, EventEnvelope>): void {
  orders
    .filter(isAboutState, { name: 'order-states' })
    .mapValues(({ data }) => data as Order, { name: 'order-of', value: jsonSerde<Order>() })
    .groupByKey({ name: 'orders-by-id' })
    .reduce((before, next) => (canMove(before, next) ? next : before), {
      name: 'orders-table',
      store: { name: ordersStore, key, value: jsonSerde<Order>() },
    })
}

function canMove(before: Order, next: Order): boolean {
  const moves: readonly string[] = orderMoves[before.status]
  return moves.includes(next.status)
}

/** Both sides' answers, each by itself and from the join, with what the join leaves out. */
function joinedAnswers(builder: StreamsBuilder, { times, graceMs }: SagaTopologyOptions): Steps {
  const payments = answersOf(builder, paymentOrdersTopic.name, paymentRecordSerde)
  const stock = answersOf(builder, stockOrdersTopic.name, stockRecordSerde)
  const leftOut: Steps[] = []
  const side =
    (kind: 'late' | 'unmatched', of: Side) =>
    (records: KStream<bigint, JoinedAnswer>): void => {
      leftOut.push(
        records.mapValues((answer): SagaStep => ({ kind, side: of, answer }), {
          name: `${kind}-${of.toLowerCase()}`,
        }),
      )
    }
  const joined = payments
    .mapValues(joinedAnswer, { name: 'payments-to-join', value: jsonSerde<JoinedAnswer>() })
    .join(
      stock.mapValues(joinedAnswer, { name: 'stock-to-join', value: jsonSerde<JoinedAnswer>() }),
      (PAYMENT, INVENTORY): SagaStep => ({ kind: 'joined', answers: { PAYMENT, INVENTORY } }),
      {
        windows: joinWindows({ withinMs: times.windowMs, graceMs }),
        name: 'answers',
        store: 'answers',
        key,
        unmatched: { left: side('unmatched', 'PAYMENT'), right: side('unmatched', 'INVENTORY') },
        late: { left: side('late', 'PAYMENT'), right: side('late', 'INVENTORY') },
      },
    )
  const each = [answerSteps(payments, 'PAYMENT'), answerSteps(stock, 'INVENTORY'), ...leftOut]
  return each.reduce(
    (merged, stream, index) => merged.merge(stream, { name: `answer-steps-${index}` }),
    joined,
  )
}

function answersOf(
  builder: StreamsBuilder,
  topic: string,
  value: typeof paymentRecordSerde,
): KStream<bigint, EventEnvelope<OrderAnswer>> {
  return builder
    .stream(topic, { key, value, name: topic })
    .filter((event): event is EventEnvelope<OrderAnswer> => hasValue(event) && isAnswer(event), {
      name: `${topic}-answers`,
    })
    .peek(checked, { name: `${topic}-checked` })
}

function answerSteps(answers: KStream<bigint, EventEnvelope<OrderAnswer>>, side: Side): Steps {
  return answers.mapValues((event): SagaStep => ({ kind: 'answered', side, event }), {
    name: `answered-${side.toLowerCase()}`,
  })
}

function joinedAnswer({ eventId, data }: EventEnvelope<OrderAnswer>): JoinedAnswer {
  return { eventId, status: data.status, reason: data.reason }
}

function orderSteps(event: EventEnvelope): readonly SagaStep[] {
  if (isPlaced(event)) return [{ kind: 'placed', event }]
  if (isCancelAsked(event)) return [{ kind: 'cancel-asked', event }]
  if (isDecided(event)) return [{ kind: 'decided', event }]
  return []
}

function isAboutState(event: EventEnvelope): boolean {
  return isPlaced(event) || isDecided(event)
}

/** A tombstone, which nobody writes to these topics, says nothing. */
function hasValue(event: EventEnvelope | null): boolean {
  return event !== null
}

function checked(event: EventEnvelope, of: bigint | null): void {
  const { orderId } = event.data as { readonly orderId?: string }
  if (orderId !== undefined) checkKey(of, orderId)
}
