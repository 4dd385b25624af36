import { assert, uuidTimeMs } from '@millrace/core'
import { quoteIdentifier, type Database, type Queryable } from '@millrace/postgres'
import {
  checkFilter,
  cursorOf,
  firstDatedId,
  idsOf,
  rangeOf,
  type CheckedFilter,
  type LogPlace,
} from './log-filter.ts'
import type {
  ConsumedEvent,
  ConsumptionCounts,
  ConsumptionFilter,
  ConsumptionLog,
  ConsumptionLogOptions,
  ConsumptionPage,
  ConsumptionSummary,
  FailureGroups,
  FailureGroupsFilter,
} from './log-types.ts'
import { countStatuses } from './sql/count-statuses.ts'
import { groupFailures } from './sql/group-failures.ts'
import { prepareFor } from './sql/names.ts'
import { readBacklog } from './sql/read-backlog.ts'
import { hasRepeats, readRepeats } from './sql/read-repeats.ts'
import {
  maxListedPayloadBytes,
  readEvents,
  scanLog,
  type LogPart,
  type Scanned,
  type StoredEvent,
} from './sql/scan-log.ts'
import type { ConsumptionStatus } from './types.ts'

/**
 * Reads the consumption log of a service from anywhere: needs nothing but a connection to its database.
 * @throws InboxError `MR_INBOX_BAD_OPTION`
 */
export function createConsumptionLog(options: ConsumptionLogOptions): ConsumptionLog {
  const schema = options.schema ?? 'inbox'
  prepareFor(schema)
  return new PostgresConsumptionLog(options.database, quoteIdentifier(schema))
}

/** Events looked up by one statement, which gives at most 1,000 rows: room for ten groups each. */
const foundAtOnce = 100

class PostgresConsumptionLog implements ConsumptionLog {
  readonly #database: Database
  readonly #schema: string
  #hasRepeats = false

  constructor(database: Database, schema: string) {
    this.#database = database
    this.#schema = schema
  }

  async search(filter: ConsumptionFilter): Promise<ConsumptionPage> {
    const checked = checkFilter(filter)
    return this.#snapshot(async (tx) => {
      const page = await searchPage(tx, this.#schema, checked)
      return { ...page, events: await this.#withRepeats(tx, page.events) }
    })
  }

  async find(eventId: string): Promise<readonly ConsumedEvent[]> {
    const rows = await readEvents(this.#database, this.#schema, idsOf(eventId))
    return this.#withRepeats(this.#database, rows.map(toEvent))
  }

  async findAll(eventIds: readonly string[]): Promise<readonly ConsumedEvent[]> {
    const found: ConsumedEvent[] = []
    for (let start = 0; start < eventIds.length; start += foundAtOnce) {
      const ids = eventIds.slice(start, start + foundAtOnce).flatMap(idsOf)
      const rows = await readEvents(this.#database, this.#schema, ids, maxListedPayloadBytes)
      found.push(...(await this.#withRepeats(this.#database, rows.map(toEvent))))
    }
    return found
  }

  async counts(times: { readonly from: Date; readonly to: Date }): Promise<ConsumptionCounts> {
    const range = rangeOf(times.from, times.to)
    return this.#snapshot((tx) => countStatuses(tx, this.#schema, range))
  }

  summary(): Promise<ConsumptionSummary> {
    return readBacklog(this.#database, this.#schema)
  }

  async failureGroups(filter: FailureGroupsFilter = {}): Promise<FailureGroups> {
    const to = filter.to ?? new Date()
    const from = filter.from ?? new Date(Math.max(0, to.getTime() - 86_400_000))
    rangeOf(from, to)
    return groupFailures(this.#database, this.#schema, { ...filter, from, to })
  }

  /** By a statement of its own: a join would cost the searches their plans. */
  async #withRepeats(
    on: Queryable,
    events: readonly ConsumedEvent[],
  ): Promise<readonly ConsumedEvent[]> {
    if (events.length === 0) return events
    this.#hasRepeats ||= await hasRepeats(on, this.#schema)
    if (!this.#hasRepeats) return events
    const ids = new Set(events.map((event) => event.eventId))
    const noted = await readRepeats(on, this.#schema, [...ids])
    if (noted.length === 0) return events
    const byRow = new Map(
      noted.map(({ eventId, group, ...repeats }) => [`${eventId} ${group}`, repeats]),
    )
    return events.map((event) => ({
      ...event,
      repeats: byRow.get(`${event.eventId} ${event.consumerGroup}`) ?? null,
    }))
  }

  #snapshot<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.#database.transaction(work, { isolation: 'repeatable read', isReadOnly: true })
  }
}

/** Rows with a time in their ids first, then those without, which sort behind all others. */
async function searchPage(
  tx: Queryable,
  schema: string,
  filter: CheckedFilter,
): Promise<ConsumptionPage> {
  const found: StoredEvent[] = []
  for (const part of partsOf(filter)) {
    const { rows, edge } = await searchPart(tx, schema, filter, part)
    found.push(...rows)
    const hasMore = found.length > filter.limit
    if (!hasMore && !edge) continue
    const page = found.slice(0, filter.limit)
    const last = hasMore ? placeOf(page.at(-1)) : edge
    assert(last !== null, 'A page that ends early ends somewhere')
    return {
      events: eventsOf(page, filter),
      next: cursorOf(last),
      scannedFrom: new Date(uuidTimeMs(last.eventId)),
      isComplete: hasMore,
    }
  }
  return {
    events: eventsOf(found, filter),
    next: null,
    scannedFrom: filter.range.from ?? new Date(0),
    isComplete: true,
  }
}

async function searchPart(
  tx: Queryable,
  schema: string,
  filter: CheckedFilter,
  part: LogPart,
): Promise<Scanned> {
  const scans: Scanned[] = []
  for (const status of walkableStatuses(filter))
    scans.push(await scanLog(tx, schema, { filter, part, status }))
  // Where several scans ended early, only what all of them have seen is sure to be whole.
  const edge = scans
    .map((scan) => scan.edge)
    .reduce((a, b) => (a && b ? (isAfter(a, b) ? a : b) : (a ?? b)), null)
  const rows = scans
    .flatMap((scan) => scan.rows)
    .filter((row) => !edge || !isAfter(edge, placeOf(row)))
    .toSorted((a, b) => (isAfter(placeOf(a), placeOf(b)) ? -1 : 1))
  return { rows, edge }
}

/** Each status but PROCESSED has its index; one walk per status keeps the log's order. */
function walkableStatuses(filter: CheckedFilter): readonly (ConsumptionStatus | null)[] {
  const { statuses, fingerprint, eventIds, correlationId, offset } = filter
  if (!statuses || statuses.includes('PROCESSED')) return [null]
  const isServed = eventIds !== null || correlationId !== null || fingerprint !== null
  return isServed || offset !== null ? [null] : statuses
}

function partsOf({ range, before }: CheckedFilter): readonly LogPart[] {
  if (!range.from && !range.to) return ['all']
  if (before && before.eventId < firstDatedId) return ['undated']
  return ['dated', 'undated']
}

/** True when `a` comes before `b` in the log's order backwards: it is the newer place. */
function isAfter(a: LogPlace, b: LogPlace): boolean {
  return a.eventId === b.eventId ? a.group > b.group : a.eventId > b.eventId
}

function placeOf(row: StoredEvent | undefined): LogPlace {
  assert(row !== undefined, 'A full page has a last row')
  return { eventId: row.eventId, group: row.consumerGroup }
}

function eventsOf(rows: readonly StoredEvent[], filter: CheckedFilter): readonly ConsumedEvent[] {
  const events = rows.map(toEvent)
  if (filter.aggregateId === null) return events
  return events.filter(
    (event) => event.aggregateId === filter.aggregateId || event.payload === null,
  )
}

function toEvent(row: StoredEvent): ConsumedEvent {
  const metadata = jsonObject(row.metadata)
  const envelope = jsonObject(row.payload)
  const text = (name: string): string | null => {
    const value = envelope[name]
    return typeof value === 'string' ? value : null
  }
  const version = envelope['aggregateVersion']
  const traceparent = metadata['traceparent']
  return {
    ...row,
    retryCount: Math.max(0, row.attempts - 1),
    createdAt: row.receivedAt,
    metadata,
    repeats: null,
    causationId: text('causationId'),
    aggregateType: text('aggregateType'),
    aggregateId: text('aggregateId'),
    aggregateVersion: typeof version === 'number' ? String(version) : null,
    source: text('source'),
    occurredAt: text('timestamp'),
    traceparent: typeof traceparent === 'string' ? traceparent : null,
  }
}

/** What the text holds where it is a JSON object; payloads that cannot be read are kept as well. */
function jsonObject(text: string | null): Readonly<Record<string, unknown>> {
  if (text === null || !text.startsWith('{')) return {}
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
