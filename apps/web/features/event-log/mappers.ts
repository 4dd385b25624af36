import { WireReader } from '../../lib/wire.ts'
import {
  consumptionStates,
  productionStates,
  ranges,
  type Alert,
  type ArchivedDays,
  type Backlog,
  type Consumption,
  type ConsumptionStatus,
  type Counts,
  type EventPage,
  type FoundAs,
  type LogSearch,
  type Production,
  type ProductionStatus,
  type Repeats,
  type TrackedEvent,
  type Unreachable,
  type Waits,
} from './model.ts'

export function toEventPage(body: unknown, foundAs: FoundAs | null): EventPage {
  const wire = new WireReader(body, 'eventPage')
  return {
    items: wire.list('items', readEvent),
    next: wire.textOrNull('next'),
    isComplete: wire.flag('isComplete'),
    scannedFromMs: wire.timeOrNull('scannedFrom'),
    archived: wire.list('archived', readArchived),
    unreachable: wire.list('unreachable', readUnreachable),
    foundAs,
  }
}

export function readArchived(wire: WireReader): ArchivedDays {
  return {
    service: wire.text('service'),
    side: wire.text('side'),
    firstDay: wire.text('firstDay'),
    lastDay: wire.text('lastDay'),
    events: wire.number('events'),
  }
}

/** Every archived day there is. */
export function toArchive(body: unknown): readonly ArchivedDays[] {
  return new WireReader(body, 'archive').list('items', readArchived)
}

export function readUnreachable(wire: WireReader): Unreachable {
  return { service: wire.text('service'), reason: wire.text('reason') }
}

export function readEvent(wire: WireReader): TrackedEvent {
  const production = wire.objectOrNull('production')
  return {
    eventId: wire.text('eventId'),
    eventType: wire.text('eventType'),
    topic: wire.text('topic'),
    key: wire.textOrNull('eventKey'),
    correlationId: wire.textOrNull('correlationId'),
    causationId: wire.textOrNull('causationId'),
    aggregateType: wire.textOrNull('aggregateType'),
    aggregateId: wire.textOrNull('aggregateId'),
    aggregateVersion: wire.textOrNull('aggregateVersion'),
    occurredAtMs: wire.timeOrNull('occurredAt'),
    atMs: wire.time('at'),
    production: production && readProduction(production),
    consumptions: wire.list('consumptions', readConsumption),
    waits: readWaits(wire.objectOrNull('waits')),
  }
}

function readAttempted(wire: WireReader) {
  return {
    database: wire.text('database'),
    service: wire.text('serviceName'),
    retryCount: wire.number('retryCount'),
    maxRetries: wire.number('maxRetries'),
    errorClass: wire.textOrNull('errorClass'),
    errorMessage: wire.textOrNull('errorMessage'),
    fingerprint: wire.textOrNull('fingerprint'),
    updatedAtMs: wire.time('updatedAt'),
    nextRetryAtMs: wire.timeOrNull('nextRetryAt'),
  }
}

function readProduction(wire: WireReader): Production {
  return {
    ...readAttempted(wire),
    status: known(wire.text('status'), productionStates, 'PENDING'),
    partition: wire.numberOrNull('partitionNumber'),
    offset: wire.textOrNull('offset'),
    createdAtMs: wire.time('createdAt'),
    publishedAtMs: wire.timeOrNull('publishedAt'),
    blockedBy: wire.textOrNull('blockedBy'),
  }
}

function readConsumption(wire: WireReader): Consumption {
  return {
    ...readAttempted(wire),
    group: wire.text('consumerGroup'),
    status: known<ConsumptionStatus>(wire.text('status'), consumptionStates, 'RECEIVED'),
    attempts: wire.number('attempts'),
    processingTimeMs: wire.numberOrNull('processingTimeMs'),
    stack: wire.textOrNull('errorStackTrace'),
    partition: wire.number('partitionNumber'),
    offset: wire.text('offset'),
    receivedAtMs: wire.time('receivedAt'),
    processedAtMs: wire.timeOrNull('processedAt'),
    repeats: readRepeats(wire.objectOrNull('repeats')),
    waits: readWaits(wire.objectOrNull('waits')),
  }
}

function readRepeats(wire: WireReader | null): Repeats | null {
  return (
    wire && {
      count: wire.number('count'),
      firstAtMs: wire.time('firstAt'),
      lastAtMs: wire.time('lastAt'),
      topic: wire.text('topic'),
      partition: wire.number('partitionNumber'),
      offset: wire.text('offset'),
    }
  )
}

function known<Status extends ProductionStatus | ConsumptionStatus>(
  status: string,
  states: Readonly<Record<Status, unknown>>,
  fallback: Status,
): Status {
  return Object.hasOwn(states, status) ? (status as Status) : fallback
}

function readWaits(wire: WireReader | null): Waits {
  const ms = (key: string): number | null => wire?.numberOrNull(key) ?? null
  return {
    outboxMs: ms('outboxMs'),
    brokerMs: ms('brokerMs'),
    retryMs: ms('retryMs'),
    handlerMs: ms('handlerMs'),
    totalMs: ms('totalMs'),
    isClockSkewed: wire?.flag('isClockSkewed') ?? false,
  }
}

export function toCounts(body: unknown): Counts {
  const wire = new WireReader(body, 'counts')
  const read = (side: 'production' | 'consumption') =>
    wire.list(side, (row) => ({
      side,
      service: row.text('service'),
      status: row.text('status'),
      count: row.number('count'),
    }))
  return {
    counts: [...read('production'), ...read('consumption')],
    isComplete: wire.flag('isComplete'),
  }
}

export function toBacklog(body: unknown): Backlog {
  const wire = new WireReader(body, 'backlog')
  const services = wire.list('services', (service) => {
    const production = service.objectOrNull('production')
    const groups = service.list('groups', (group) => ({
      waiting: group.number('pending') + group.number('processing'),
      failed: group.number('failed'),
      parked: group.number('parked'),
    }))
    return {
      service: service.text('service'),
      pending: production?.number('pending') ?? 0,
      isPendingCut: production?.flag('isPendingCut') ?? false,
      ageMs: production?.numberOrNull('oldestPendingAgeMs') ?? null,
      waiting: sum(groups.map((group) => group.waiting)),
      failed: sum(groups.map((group) => group.failed)) + (production?.number('failed') ?? 0),
      parked: sum(groups.map((group) => group.parked)) + (production?.number('parked') ?? 0),
    }
  })
  const ages = services.flatMap(({ pending, ageMs }) =>
    pending > 0 && ageMs !== null ? [ageMs] : [],
  )
  return {
    pending: sum(services.map((each) => each.pending)),
    isPendingCut: services.some((each) => each.isPendingCut),
    oldestPendingAgeMs: ages.length === 0 ? null : Math.max(...ages),
    waiting: sum(services.map((each) => each.waiting)),
    failed: sum(services.map((each) => each.failed)),
    parked: sum(services.map((each) => each.parked)),
    services: services.map((each) => each.service),
    unreachable: wire.list('unreachable', readUnreachable),
  }
}

export function toAlerts(body: unknown): readonly Alert[] {
  return new WireReader(body, 'alerts').list('items', (wire) => ({
    alertId: wire.text('alertId'),
    service: wire.text('service'),
    isRaised: wire.flag('isRaised'),
    message: wire.text('message'),
    raisedAtMs: wire.time('raisedAt'),
    correlationId: wire.text('correlationId'),
  }))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** As what a pasted text may be meant, likeliest first. */
export function meaningsOf(text: string): readonly FoundAs[] {
  return uuid.test(text.toLowerCase())
    ? ['correlationId', 'eventId', 'aggregateId', 'key']
    : ['aggregateId', 'key', 'text']
}

/** The query that a search in the address stands for. @param as what its text is taken for */
export function queryOf(search: LogSearch, as: FoundAs | null, nowMs: number): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of ['status', 'service', 'topic', 'type', 'group'] as const)
    if (search[name]) query.set(name, search[name])
  const isId = as !== null && as !== 'text'
  if (as !== null && search.q) query.set(as, isIdOf(as) ? search.q.toLowerCase() : search.q)
  const range = ranges.find((each) => each.value === search.range) ?? ranges[0]
  // Whoever names an id wants it, however old it is.
  if (range.ms !== null && !(isId && search.range === undefined))
    query.set('from', new Date(nowMs - range.ms).toISOString())
  return query
}

function isIdOf(as: FoundAs): boolean {
  return as === 'eventId' || as === 'correlationId'
}

/** The shown rows as CSV: one line per event and group. Texts that a spreadsheet would run are made plain. */
export function toCsv(events: readonly TrackedEvent[]): string {
  const head = [
    'event_id',
    'event_type',
    'topic',
    'partition',
    'offset',
    'service',
    'status',
    'created_at',
    'published_at',
    'correlation_id',
    'aggregate_id',
    'consumer_group',
    'consumption_status',
    'attempts',
    'received_at',
    'processed_at',
    'processing_time_ms',
    'error',
  ]
  const iso = (ms: number | null | undefined): string =>
    ms == null ? '' : new Date(ms).toISOString()
  const lines = events.flatMap((event) => {
    const { production } = event
    const rows: readonly (Consumption | null)[] =
      event.consumptions.length === 0 ? [null] : event.consumptions
    return rows.map((row) => [
      event.eventId,
      event.eventType,
      event.topic,
      production?.partition ?? row?.partition ?? '',
      production?.offset ?? row?.offset ?? '',
      production?.service ?? '',
      production?.status ?? '',
      iso(production?.createdAtMs),
      iso(production?.publishedAtMs),
      event.correlationId ?? '',
      event.aggregateId ?? '',
      row?.group ?? '',
      row?.status ?? '',
      row?.attempts ?? '',
      iso(row?.receivedAtMs),
      iso(row?.processedAtMs),
      row?.processingTimeMs ?? '',
      row?.errorMessage ?? production?.errorMessage ?? '',
    ])
  })
  return [head, ...lines].map((line) => line.map(csvField).join(',')).join('\r\n')
}

function csvField(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
