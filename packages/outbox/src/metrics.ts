import { noopMeter, noopTracer, uuidTimeMs, type Meter, type Tracer } from '@millrace/core'
import type { NewEventRow } from './event-row.ts'
import { isFinal } from './outcome-rows.ts'
import { recordSpans } from './publish-spans.ts'
import type { ChunkOutcome } from './send-chunk.ts'

/** State of a lane at this relay, as the gauge shows it. */
export const laneStateValue = {
  STANDBY: 0,
  IDLE: 1,
  PUBLISHING: 2,
  BACKING_OFF: 3,
  HALTED: 4,
} as const
export type LaneState = keyof typeof laneStateValue

export interface OutboxMetrics {
  created(rows: readonly NewEventRow[]): void
  finished(outcome: ChunkOutcome, nowMs: number): void
  laneState(lane: number, state: LaneState): void
  /** A chunk did not reach the broker and is sent again. */
  retried(): void
  /** A Kafka transaction ended. */
  transaction(isCommitted: boolean): void
}

export function createMetrics(
  meter: Meter = noopMeter,
  tracer: Tracer = noopTracer,
): OutboxMetrics {
  const created = meter.counter({
    name: 'mr_outbox_created_total',
    help: 'Events committed to the production log by this process',
    labelNames: ['topic'],
  })
  const published = meter.counter({
    name: 'mr_outbox_published_total',
    help: 'Events acknowledged by the broker for a relay of this process',
    labelNames: ['topic'],
  })
  const failed = meter.counter({
    name: 'mr_outbox_failed_total',
    help: 'Events that the broker refused for good',
    labelNames: ['topic'],
  })
  const parked = meter.counter({
    name: 'mr_outbox_parked_total',
    help: 'Events set aside behind a refused event of their key',
    labelNames: ['topic'],
  })
  const latency = meter.histogram({
    name: 'mr_outbox_publish_latency_seconds',
    help: 'From the making of an event to the acknowledgement of the broker',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  })
  const laneState = meter.gauge({
    name: 'mr_outbox_lane_state',
    help: 'Lane at this relay: 0 led by another, 1 idle, 2 publishing, 3 backing off from the broker, 4 halted',
    labelNames: ['lane'],
  })
  const retried = meter.counter({
    name: 'mr_outbox_publish_retries_total',
    help: 'Chunks sent again because the broker did not answer or could not take them',
  })
  const transactions = meter.counter({
    name: 'mr_outbox_transactions_total',
    help: 'Kafka transactions of the relays of this process',
    labelNames: ['outcome'],
  })
  const refusals = meter.counter({
    name: 'mr_outbox_refused_total',
    help: 'Attempts that the broker refused for the event itself; it is tried again until its attempts are used up',
    labelNames: ['topic'],
  })
  const meterPublishes = meter !== noopMeter
  return {
    created: (rows) => countTopics(rows, (topic, count) => created.add(count, { topic })),
    finished: (outcome, nowMs) => {
      recordSpans(tracer, outcome, nowMs)
      if (!meterPublishes) return
      countTopics(outcome.published, (topic, count) => published.add(count, { topic }))
      countTopics(
        outcome.refused.map((each) => each.event),
        (topic, count) => refusals.add(count, { topic }),
      )
      countTopics(
        outcome.refused.filter(isFinal).map((each) => each.event),
        (topic, count) => failed.add(count, { topic }),
      )
      countTopics(
        outcome.parked.map((each) => each.event),
        (topic, count) => parked.add(count, { topic }),
      )
      for (const event of outcome.published)
        latency.observe(Math.max(0, nowMs - uuidTimeMs(event.eventId)) / 1000)
    },
    retried: () => retried.add(1),
    transaction: (isCommitted) =>
      transactions.add(1, { outcome: isCommitted ? 'committed' : 'given_up' }),
    laneState: (lane, state) => laneState.set(laneStateValue[state], { lane }),
  }
}

/** One count per topic; nearly always there is one topic. */
function countTopics(
  rows: readonly { readonly topic: string }[],
  add: (topic: string, count: number) => void,
): void {
  const counts = new Map<string, number>()
  for (const { topic } of rows) counts.set(topic, (counts.get(topic) ?? 0) + 1)
  for (const [topic, count] of counts) add(topic, count)
}
