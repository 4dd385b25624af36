import { createProductionLog } from '@millrace/outbox'
import {
  boundsOfIds,
  dayOf,
  dayOfId,
  rangesOf,
  type ArchivedDayOf,
  type ArchivedRange,
  type DayBounds,
} from '../domain/archived-days.ts'
import { causationOf, correlationOf } from '../domain/journey.ts'
import { relatedTo } from '../domain/related-events.ts'
import type { SearchCursor } from '../domain/search-cursor.ts'
import {
  joinLogs,
  type Consumption,
  type Production,
  type TrackedEvent,
} from '../domain/tracked-event.ts'
import { refusedFilters } from '../filter-errors.ts'
import { trackingProblem } from '../problem.ts'
import { askAll, type Answers, type Unreachable } from './ask-all.ts'
import { consumptionFilter, productionFilter, type TrackingFilter } from './log-filter.ts'
import { nextPage, readOn, searchedLogs, type SearchResult } from './search-logs.ts'
import { Source, type SourceLogs, type SourceOptions } from './source.ts'
import type { SourceEntry } from './source-table.ts'

export interface TrackedLogsOptions extends SourceOptions {
  readonly entries: readonly SourceEntry[]
}

/** Events of a page or journey, and what could not be asked. */
export interface FoundEvents {
  readonly events: readonly TrackedEvent[]
  readonly unreachable: readonly Unreachable[]
}

export interface EventPage extends FoundEvents, Omit<SearchResult, 'eventIds'> {
  /** At the end of the search: days that it reaches and that are in files, so that nothing of them could be found. */
  readonly archived: readonly ArchivedRange[]
}

export interface FoundJourney extends FoundEvents {
  readonly kind: 'event' | 'correlation' | 'business'
  readonly correlationIds: readonly string[]
  /** True when there are more events than a journey shows. */
  readonly isCut: boolean
}

/** Most events of a journey. */
export const maxJourneyEvents = 500
/** Most correlations that are followed from a business id. */
const maxCorrelations = 50

/** The days that a search reaches. */
function boundsOf(filter: TrackingFilter): DayBounds {
  const sides: ArchivedDayOf['side'][] = []
  if (productionFilter(filter)) sides.push('production')
  if (consumptionFilter(filter)) sides.push('consumption')
  if (filter.eventId !== undefined) return { ...boundsOfIds([filter.eventId]), sides }
  return {
    sides,
    ...(filter.from && { firstDay: dayOf(filter.from.getTime()) }),
    ...(filter.to && { lastDay: dayOf(filter.to.getTime() - 1) }),
  }
}

/** All logs of all services as one. */
export class TrackedLogs {
  readonly sources: readonly Source[]
  readonly #options: TrackedLogsOptions

  constructor(options: TrackedLogsOptions) {
    this.#options = options
    this.sources = options.entries.map((entry) => new Source(entry, options))
  }

  async close(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.close()))
  }

  /** @throws ProblemError 503 when no database answers: an empty list would say that there is nothing */
  async ask<T>(question: (logs: SourceLogs, source: Source) => Promise<T>): Promise<Answers<T>> {
    const found = await refusedFilters(
      askAll(this.sources, async (source) => question(await source.logs(), source), this.#options),
    )
    if (found.answers.length === 0)
      throw trackingProblem(
        'MR_TRACKING_SOURCES_DOWN',
        `None of the databases answers: ${found.unreachable.map(({ service, reason }) => `${service}: ${reason}`).join('; ')}. Nothing is known now; try again in a moment.`,
      )
    return found
  }

  /** Newest first, by the time inside the event ids. */
  async search(
    filter: TrackingFilter,
    limit: number,
    cursor: SearchCursor | undefined,
  ): Promise<EventPage> {
    const asked = await this.ask((logs) =>
      Promise.all(
        searchedLogs(logs, filter)
          .filter((log) => cursor === undefined || log.key in cursor.logs)
          .map((log) => readOn(log, cursor, { limit, to: filter.to })),
      ),
    )
    const pages = asked.answers.flatMap((answer) => answer.value)
    const { eventIds, ...rest } = nextPage(pages, cursor, limit)
    const [found, archived] = await Promise.all([
      this.find(eventIds),
      rest.next === null ? this.archived(boundsOf(filter), asked.unreachable) : [],
    ])
    return { ...rest, archived, events: found.events, unreachable: asked.unreachable }
  }

  /**
   * Archived days within the bounds, of the databases that answer: those that do not are named by what was asked before.
   * @param away not asked once more, which would take its time
   */
  async archived(
    bounds: DayBounds,
    away: readonly Unreachable[] = [],
  ): Promise<readonly ArchivedRange[]> {
    const { answers } = await askAll(
      this.sources.filter((source) => away.every(({ service }) => service !== source.service)),
      (source) => source.archivedDays(),
      this.#options,
    )
    return rangesOf(
      answers.flatMap(({ value }) => value),
      bounds,
    )
  }

  /** Archived days on which further events of a journey may lie. */
  archivedOf({
    kind,
    correlationIds,
    events,
    unreachable,
  }: FoundJourney): Promise<readonly ArchivedRange[]> {
    const known = new Set(events.map((event) => event.eventId))
    const causes = events.flatMap((event) => causationOf(event) ?? [])
    const missing = causes.filter((id) => !known.has(id))
    // A correlation begins with the time of its id, where it has one; each of its events is as old as its cause, or younger.
    const dated = [...correlationIds, ...known, ...missing].filter(
      (id) => dayOfId(id) !== undefined,
    )
    const { firstDay, ...bounds } = boundsOfIds(dated)
    // What an order or a thread went through may have begun at any time before.
    const isOpen = kind === 'business' || firstDay === undefined
    return this.archived(isOpen ? bounds : { ...bounds, firstDay }, unreachable)
  }

  /** Both sides of these events, newest first; large payloads are left out. */
  async find(eventIds: readonly string[]): Promise<FoundEvents> {
    if (eventIds.length === 0) return { events: [], unreachable: [] }
    const { answers, unreachable } = await this.ask(async (logs) => ({
      productions: await Promise.all(logs.productions.map(({ log }) => log.findAll(eventIds))),
      consumptions: await Promise.all(logs.consumptions.map(({ log }) => log.findAll(eventIds))),
    }))
    return {
      events: joinLogs(
        answers.flatMap(({ service, value }): Production[] =>
          value.productions.flat().map((row) => ({ source: service, row })),
        ),
        answers.flatMap(({ service, value }): Consumption[] =>
          value.consumptions.flat().map((row) => ({ source: service, row })),
        ),
      ),
      unreachable,
    }
  }

  /**
   * Publishes a FAILED event again, by the relay of its service.
   * @returns the service whose log had it; undefined when it has not failed
   */
  async retryProduction(service: string, eventId: string): Promise<string | undefined> {
    const source = this.sourceOf(service)
    const { productions } = await source.logs()
    for (const { schema } of productions) {
      const log = createProductionLog({ database: source.writing, schema })
      if ((await log.retry([eventId])).length > 0) return service
    }
    return undefined
  }

  /** @throws ProblemError 404 `MR_TRACKING_SERVICE_UNKNOWN` */
  sourceOf(service: string): Source {
    const source = this.sources.find((each) => each.service === service)
    if (source) return source
    throw trackingProblem(
      'MR_TRACKING_SERVICE_UNKNOWN',
      `No database of a service "${service.slice(0, 100)}" is tracked; there are ${this.sources.map((each) => each.service).join(', ')}.`,
    )
  }

  /** One event with its payloads, however large. */
  async findWhole(eventId: string): Promise<FoundEvents> {
    const { answers, unreachable } = await this.ask(async (logs) => ({
      productions: await Promise.all(logs.productions.map(({ log }) => log.find(eventId))),
      consumptions: await Promise.all(logs.consumptions.map(({ log }) => log.find(eventId))),
    }))
    return {
      events: joinLogs(
        answers.flatMap(({ service, value }) =>
          value.productions.flatMap((row) => (row ? [{ source: service, row }] : [])),
        ),
        answers.flatMap(({ service, value }) =>
          value.consumptions.flat().map((row) => ({ source: service, row })),
        ),
      ),
      unreachable,
    }
  }

  /** All events of one correlation, by its id, by one of its events, or by what they tell of. */
  async journey(id: string, isUuid: boolean): Promise<FoundJourney | undefined> {
    if (isUuid) {
      const byCorrelation = await this.#ofCorrelations([id])
      if (byCorrelation.events.length > 0)
        return { ...byCorrelation, kind: 'correlation', correlationIds: [id] }
      const [event] = (await this.find([id])).events
      if (event) return this.#ofEvent(event)
    }
    return this.#ofBusinessId(id)
  }

  async #ofEvent(event: TrackedEvent): Promise<FoundJourney> {
    const correlationId = correlationOf(event)
    if (correlationId === null)
      return { events: [event], unreachable: [], kind: 'event', correlationIds: [], isCut: false }
    const found = await this.#ofCorrelations([correlationId])
    return { ...found, kind: 'event', correlationIds: [correlationId] }
  }

  /** The events of an aggregate, or of a key, what led to them, and what came of them. */
  async #ofBusinessId(id: string): Promise<FoundJourney | undefined> {
    const limit = maxJourneyEvents
    const { answers, unreachable } = await this.ask((logs) =>
      Promise.all(
        logs.productions.flatMap(({ log }) => [
          log.search({ aggregateId: id, limit }),
          log.search({ key: id, limit }),
        ]),
      ),
    )
    const pages = answers.flatMap((answer) => answer.value)
    const rows = new Map(pages.flatMap((page) => page.events).map((row) => [row.eventId, row]))
    if (rows.size === 0) return undefined
    const newestFirst = [...rows.values()].toSorted((a, b) => (a.eventId < b.eventId ? 1 : -1))
    const all = [...new Set(newestFirst.map((row) => row.correlationId))]
    const correlationIds = all.slice(0, maxCorrelations)
    const found = await this.#ofCorrelations(correlationIds)
    const events = relatedTo(id, found.events)
    return {
      events,
      unreachable: unreachable.length > 0 ? unreachable : found.unreachable,
      kind: 'business',
      correlationIds,
      isCut:
        found.isCut ||
        all.length > correlationIds.length ||
        pages.some((page) => page.next !== null),
    }
  }

  async #ofCorrelations(
    correlationIds: readonly string[],
  ): Promise<FoundEvents & { readonly isCut: boolean }> {
    const limit = maxJourneyEvents
    const { answers, unreachable } = await this.ask(async (logs) => ({
      productions: await Promise.all(
        logs.productions.flatMap(({ log }) =>
          correlationIds.map((correlationId) => log.search({ correlationId, limit })),
        ),
      ),
      consumptions: await Promise.all(
        logs.consumptions.flatMap(({ log }) =>
          correlationIds.map((correlationId) => log.search({ correlationId, limit })),
        ),
      ),
    }))
    const events = joinLogs(
      answers.flatMap(({ service, value }) =>
        value.productions.flatMap((page) => page.events.map((row) => ({ source: service, row }))),
      ),
      answers.flatMap(({ service, value }) =>
        value.consumptions.flatMap((page) => page.events.map((row) => ({ source: service, row }))),
      ),
    )
    const hasMore = answers.some(({ value }) =>
      [...value.productions, ...value.consumptions].some((page) => page.next !== null),
    )
    return {
      events: events.slice(0, limit),
      unreachable,
      isCut: hasMore || events.length > limit,
    }
  }
}
