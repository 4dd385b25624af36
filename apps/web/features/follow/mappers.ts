import { count, duration } from '../../lib/format.ts'
import { readList, type WireReader } from '../../lib/wire.ts'
import type { Aggregate } from '../analytics/model.ts'
import type { ConsumptionRow, OwnAct, ProductionRow, Step, StepState, Walk } from './model.ts'

export function toProductionRow(body: unknown): ProductionRow | null {
  return readList(itemsOf(body), readProduction, 'productionLog')[0] ?? null
}

export function toConsumptionRow(body: unknown): ConsumptionRow | null {
  return readList(itemsOf(body), readConsumption, 'consumptionLog')[0] ?? null
}

function itemsOf(body: unknown): unknown {
  if (Array.isArray(body)) return body
  const page = body as { items?: unknown; events?: unknown } | null
  return page?.items ?? page?.events ?? []
}

const productionStates = ['PENDING', 'PUBLISHED', 'PARKED', 'FAILED'] as const

function readProduction(wire: WireReader): ProductionRow {
  const publishedAtMs = wire.timeOrNull('publishedAt')
  const status = wire.textOrNull('status')
  return {
    eventId: wire.text('eventId'),
    eventType: wire.textOrNull('eventType') ?? 'event',
    aggregateId: wire.textOrNull('aggregateId') ?? '',
    topic: wire.textOrNull('topic') ?? 'discussion.events',
    status: productionStates.find((known) => known === status) ?? 'PENDING',
    createdAtMs: wire.time('createdAt'),
    publishedAtMs,
    partition: wire.numberOrNull('partitionNumber'),
    offset: wire.numberOrNull('offset'),
    error: wire.textOrNull('errorMessage'),
  }
}

const consumptionStates = [
  'RECEIVED',
  'PROCESSING',
  'PROCESSED',
  'PARKED',
  'SKIPPED',
  'FAILED',
] as const

function readConsumption(wire: WireReader): ConsumptionRow {
  const status = wire.textOrNull('status')
  return {
    eventId: wire.text('eventId'),
    groupId: wire.textOrNull('consumerGroup'),
    status: consumptionStates.find((known) => known === status) ?? 'RECEIVED',
    receivedAtMs: wire.timeOrNull('receivedAt'),
    processedAtMs: wire.timeOrNull('processedAt'),
    processingTimeMs: wire.numberOrNull('processingTimeMs'),
    attempts: wire.numberOrNull('attemptCount'),
    error: wire.textOrNull('errorMessage'),
  }
}

export interface WalkFacts {
  readonly act: OwnAct | null
  readonly production: ProductionRow | null
  readonly consumption: ConsumptionRow | null
  readonly aggregate: Aggregate | null
}

/** The steps from the click to the aggregate, from what both logs say so far. */
export function walkOf(facts: WalkFacts): Walk {
  const { production, consumption } = facts
  const steps = [
    ...(facts.act === null ? [] : [clickStep(facts.act)]),
    storeStep(production),
    publishStep(production, consumption),
    receiveStep(production, consumption),
    processStep(production, consumption),
    aggregateStep(facts),
  ]
  const isFinished = consumption?.status === 'PROCESSED' && facts.aggregate !== null
  return {
    steps: markActive(steps),
    isFinished,
    hasFailed: steps.some((step) => step.state === 'failed'),
    totalMs: isFinished ? since(production, consumption.processedAtMs) : null,
  }
}

function since(production: ProductionRow | null, atMs: number | null): number | null {
  return production === null || atMs === null ? null : atMs - production.createdAtMs
}

function step(
  key: Step['key'],
  title: string,
  detail: string,
  state: StepState,
  production: ProductionRow | null,
  atMs: number | null,
): Step {
  return { key, title, detail, state, atMs, afterMs: since(production, atMs) }
}

function clickStep(act: OwnAct): Step {
  const tookMs = act.answeredAtMs - act.clickedAtMs
  const detail = `Browser to gateway to discussions and back in ${duration(tookMs)}.`
  return {
    key: 'click',
    title: act.label,
    detail,
    state: 'done',
    atMs: act.clickedAtMs,
    afterMs: null,
  }
}

function storeStep(production: ProductionRow | null): Step {
  if (production === null) {
    return step('store', 'Row and event stored', 'Asking the production log.', 'ahead', null, null)
  }
  const detail = `${production.eventType}, in the same transaction as its row.`
  return step('store', 'Row and event stored', detail, 'done', production, production.createdAtMs)
}

function publishStep(production: ProductionRow | null, consumption: ConsumptionRow | null): Step {
  const title = 'Published by the relay'
  if (production?.status === 'FAILED') {
    const detail = production.error ?? 'The broker refused the record.'
    return step('publish', title, detail, 'failed', production, null)
  }
  const isPublished = production?.status === 'PUBLISHED'
  if (!isPublished && consumption === null) {
    const detail =
      production?.status === 'PARKED'
        ? 'Parked: an earlier event of this thread was refused, and order is kept.'
        : 'Waits in event_production_log for the relay.'
    return step('publish', title, detail, 'ahead', production, null)
  }
  const place =
    production?.partition == null
      ? (production?.topic ?? 'the topic')
      : `${production.topic}, partition ${production.partition}, offset ${production.offset ?? '–'}`
  const detail = isMarkedLate(production, consumption)
    ? `To ${place}. Marked here only after analytics had it already.`
    : `To ${place}.`
  return step('publish', title, detail, 'done', production, production?.publishedAtMs ?? null)
}

/** The relay marks an event once the broker has acknowledged it; a consumer may read it before. */
function isMarkedLate(
  production: ProductionRow | null,
  consumption: ConsumptionRow | null,
): boolean {
  const publishedAtMs = production?.publishedAtMs ?? null
  const receivedAtMs = consumption?.receivedAtMs ?? null
  return publishedAtMs !== null && receivedAtMs !== null && receivedAtMs < publishedAtMs
}

function receiveStep(production: ProductionRow | null, consumption: ConsumptionRow | null): Step {
  const title = 'Received by analytics'
  if (consumption === null) {
    return step('receive', title, 'Not in the consumption log yet.', 'ahead', production, null)
  }
  const group = consumption.groupId === null ? '' : ` by group ${consumption.groupId}`
  const detail = `Read from the topic${group}.`
  return step('receive', title, detail, 'done', production, consumption.receivedAtMs)
}

function processStep(production: ProductionRow | null, consumption: ConsumptionRow | null): Step {
  const title = 'Processed exactly once'
  if (consumption?.status === 'FAILED' || consumption?.status === 'SKIPPED') {
    const attempts = count(consumption.attempts, 'attempt')
    const detail =
      consumption.status === 'SKIPPED'
        ? 'Skipped: analytics has no use for this type of event.'
        : `Given up after ${attempts}: ${consumption.error ?? 'the handler failed'}.`
    return step('process', title, detail, 'failed', production, null)
  }
  if (consumption?.status !== 'PROCESSED') {
    const detail =
      consumption?.status === 'PARKED'
        ? 'Parked: an earlier event of this thread failed, and order is kept.'
        : 'Effect and log row go into one transaction.'
    return step('process', title, detail, 'ahead', production, null)
  }
  const work =
    consumption.processingTimeMs === null
      ? ''
      : ` The work took ${duration(consumption.processingTimeMs)}.`
  const detail = `Effect and log row in one transaction.${work}`
  return step('process', title, detail, 'done', production, consumption.processedAtMs)
}

function aggregateStep({ production, consumption, aggregate }: WalkFacts): Step {
  const title = 'In the aggregate'
  if (consumption?.status !== 'PROCESSED' || aggregate === null) {
    return step(
      'aggregate',
      title,
      'thread_aggregate does not hold it yet.',
      'ahead',
      production,
      null,
    )
  }
  const votes = aggregate.upvotes + aggregate.downvotes
  const detail = `The thread now has ${count(aggregate.viewCount, 'view')}, ${count(aggregate.commentCount, 'comment')}, ${count(votes, 'vote')}: engagement ${aggregate.engagementScore}.`
  return step('aggregate', title, detail, 'done', production, consumption.processedAtMs)
}

/** The first step still ahead is the one waited for, unless something before it failed. */
function markActive(steps: readonly Step[]): readonly Step[] {
  const next = steps.findIndex((candidate) => candidate.state !== 'done')
  return steps.map((candidate, index) =>
    index === next && candidate.state === 'ahead' ? { ...candidate, state: 'active' } : candidate,
  )
}
