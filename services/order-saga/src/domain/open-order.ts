import type { Order, OrderAnswer } from '@millrace/contracts'
import type { KeptAnswer, KeptAnswers, Side, TerminalStatus, Verdict } from './verdict.ts'
import { cancelled, verdictAtTimeout, verdictOf } from './verdict.ts'

/** An order as it travels, without how it stands. */
export type OrderFacts = Omit<Order, 'status' | 'source'>

/** An order that is not decided. */
export interface OpenOrder {
  readonly facts: OrderFacts
  readonly correlationId: string
  /** Of ORDER_PLACED, from which the id of the verdict is derived; until that has come, what the first answer says of it. */
  readonly placedEventId: string
  /** By the broker's clock, ms; null until ORDER_PLACED has come. */
  readonly placedAtMs: number | null
  /** When it ends without answers, by the broker's clock, ms. */
  readonly dueMs: number
  readonly answers: KeptAnswers
}

/** What is remembered of a decided order, so that nothing decides it again. */
export interface EndedOrder {
  readonly status: TerminalStatus
  readonly source: Verdict['source']
  /** By the broker's clock, ms. */
  readonly atMs: number
  readonly decidedBy: DecidedBy
  /** Ids of the answers that were there: these are no late ones when they come again. */
  readonly answers: KeptAnswers
}

/** `join`: both answers within the window. `late`: both, further apart. */
export type DecidedBy = 'join' | 'late' | 'cancel' | 'timeout' | 'elsewhere'

/** What comes to the saga about one order. */
export type SagaStep =
  | { readonly kind: 'placed'; readonly event: CauseOf<Order> }
  | { readonly kind: 'cancel-asked'; readonly event: Cause }
  | { readonly kind: 'decided'; readonly event: CauseOf<Order> }
  /** An answer, as it came. */
  | { readonly kind: 'answered'; readonly side: Side; readonly event: CauseOf<OrderAnswer> }
  /** Both answers, from the join. */
  | { readonly kind: 'joined'; readonly answers: Readonly<Record<Side, JoinedAnswer>> }
  /** An answer for which the join's window was over when it came. */
  | { readonly kind: 'late'; readonly side: Side; readonly answer: JoinedAnswer }
  /** An answer that found no partner until the join's window was over. */
  | { readonly kind: 'unmatched'; readonly side: Side; readonly answer: JoinedAnswer }

/** An answer as the join keeps it. */
export type JoinedAnswer = Omit<KeptAnswer, 'atMs'>

/** An event as far as the saga needs it. */
export interface Cause {
  readonly eventId: string
  readonly correlationId: string
  readonly causationId: string | null
}

export type CauseOf<Data> = Cause & { readonly data: Data }

export interface Decision {
  readonly verdict: Verdict
  readonly decidedBy: Exclude<DecidedBy, 'elsewhere'>
  /** The event that decided it; null: the time did. */
  readonly causeEventId: string | null
}

/** What a step comes to: the order stays open, as it is now or as before (`unchanged`), or it is decided. */
export type StepOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'open'; readonly order: OpenOrder }
  | { readonly kind: 'decided'; readonly order: OpenOrder; readonly decision: Decision }
  | {
      readonly kind: 'ended'
      readonly order: OpenOrder | undefined
      readonly status: TerminalStatus
      readonly source: Verdict['source']
    }

export interface SagaTimes {
  /** How far apart two answers may be for the join to have them, ms. */
  readonly windowMs: number
  /** How long an order waits for its answers, ms. */
  readonly timeoutMs: number
}

const unchanged: StepOutcome = { kind: 'unchanged' }
const noAnswers: KeptAnswers = { PAYMENT: null, INVENTORY: null }

/**
 * What becomes of an order that is not decided. Once it is, nothing may ask any more.
 * @param open undefined: nothing is known of the order
 * @param atMs the record's time by the broker's clock
 */
export function nextOf(
  open: OpenOrder | undefined,
  step: SagaStep,
  atMs: number,
  times: SagaTimes,
): StepOutcome {
  switch (step.kind) {
    case 'placed':
      return placed(open, step.event, atMs, times)
    case 'decided':
      return endedAs(open, step.event.data)
    case 'cancel-asked':
      return open ? decidedAs(open, cancelled, 'cancel', step.event.eventId) : unchanged
    case 'answered':
      return answered(open, step.side, step.event, atMs, times)
    case 'joined':
      return joined(open, step.answers, atMs)
    case 'late':
      return open ? late(withAnswer(open, step.side, { ...step.answer, atMs })) : unchanged
    case 'unmatched':
      return unchanged
  }
}

/** What becomes of an open order whose time is over. */
export function timedOut(open: OpenOrder): Extract<StepOutcome, { kind: 'decided' }> {
  return decidedAs(open, verdictAtTimeout(open.answers), 'timeout', null)
}

function placed(
  open: OpenOrder | undefined,
  { data, eventId, correlationId }: CauseOf<Order>,
  atMs: number,
  { timeoutMs }: SagaTimes,
): StepOutcome {
  // Orders of the past, which an import brings with their end.
  if (data.status !== 'NEW') return endedAs(open, data)
  if (open && open.placedAtMs !== null) return unchanged
  const { status: _status, source: _source, ...facts } = data
  return {
    kind: 'open',
    order: {
      facts,
      correlationId,
      placedEventId: eventId,
      placedAtMs: atMs,
      dueMs: atMs + timeoutMs,
      answers: open?.answers ?? noAnswers,
    },
  }
}

/** Decided elsewhere: by this application before its state was reset, or by an import. */
function endedAs(open: OpenOrder | undefined, { status, source }: Order): StepOutcome {
  return status === 'NEW' ? unchanged : { kind: 'ended', order: open, status, source }
}

function answered(
  open: OpenOrder | undefined,
  side: Side,
  event: CauseOf<OrderAnswer>,
  atMs: number,
  { windowMs, timeoutMs }: SagaTimes,
): StepOutcome {
  const before = open ?? openedByAnswer(event, atMs + timeoutMs)
  // The first answer of a side is the one that counts; it is the same wherever it comes again.
  if (before.answers[side]) return unchanged
  const { eventId, data } = event
  const { status, reason } = data
  const order = withAnswer(before, side, { eventId, status, reason, atMs })
  const { PAYMENT: payment, INVENTORY: stock } = order.answers
  // Within the window the join has the word.
  const isBeyondWindow = payment && stock && Math.abs(payment.atMs - stock.atMs) > windowMs
  return isBeyondWindow ? late(order) : { kind: 'open', order }
}

/** Where an answer is read before its order, which was written before it: topics have no order among each other. */
function openedByAnswer(event: CauseOf<OrderAnswer>, dueMs: number): OpenOrder {
  const { status: _status, source: _source, reason: _reason, ...facts } = event.data
  const { correlationId, causationId, eventId } = event
  const placedEventId = causationId ?? eventId
  return { facts, correlationId, placedEventId, placedAtMs: null, dueMs, answers: noAnswers }
}

/** The join may speak before or after the answer that it is about came by itself. */
function joined(
  open: OpenOrder | undefined,
  answers: Readonly<Record<Side, JoinedAnswer>>,
  atMs: number,
): StepOutcome {
  if (!open) return unchanged
  const both = withAnswer(withAnswer(open, 'PAYMENT', { ...answers.PAYMENT, atMs }), 'INVENTORY', {
    ...answers.INVENTORY,
    atMs,
  })
  return decidedByBoth(both, 'join')
}

function late(order: OpenOrder): StepOutcome {
  const { PAYMENT: payment, INVENTORY: stock } = order.answers
  return payment && stock ? decidedByBoth(order, 'late') : { kind: 'open', order }
}

function withAnswer(order: OpenOrder, side: Side, answer: KeptAnswer): OpenOrder {
  return order.answers[side] ? order : { ...order, answers: { ...order.answers, [side]: answer } }
}

function decidedByBoth(order: OpenOrder, by: 'join' | 'late'): StepOutcome {
  const { PAYMENT: payment, INVENTORY: stock } = order.answers
  if (!payment || !stock) return { kind: 'open', order }
  const second = payment.atMs > stock.atMs ? payment : stock
  return decidedAs(order, verdictOf(payment, stock), by, second.eventId)
}

function decidedAs(
  order: OpenOrder,
  verdict: Verdict,
  decidedBy: Decision['decidedBy'],
  causeEventId: string | null,
): Extract<StepOutcome, { kind: 'decided' }> {
  return { kind: 'decided', order, decision: { verdict, decidedBy, causeEventId } }
}
