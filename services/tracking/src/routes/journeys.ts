import { isUuid } from '@millrace/core'
import { ProblemSchema } from '@millrace/runtime'
import { Type } from 'typebox'
import { boundsOfIds, inWords } from '../domain/archived-days.ts'
import { causeTree, journeyState, lastAtMs, writtenAtMs } from '../domain/journey.ts'
import type { TrackedEvent } from '../domain/tracked-event.ts'
import { waitsOf } from '../domain/waits.ts'
import { trackingProblem } from '../problem.ts'
import type { TrackedLogs } from '../sources/tracked-logs.ts'
import { basePath, type RouteContext } from './context.ts'
import { lowerUuid } from './filter.ts'
import { IdText, JourneySchema } from './schemas.ts'
import { eventToWire } from './wire.ts'

/** One story over all services. */
export function registerJourneys({ app, logs }: RouteContext): void {
  app.get(
    `${basePath}/journeys/:id`,
    {
      schema: {
        tags: ['journeys'],
        summary: 'All events of one correlation over all services, with what became of them',
        description:
          'By correlation id, by the id of one of its events, or by a business id (an aggregate, or the key of its records).',
        params: Type.Object({ id: IdText }),
        response: { 200: JourneySchema, 404: ProblemSchema, 503: ProblemSchema },
      },
    },
    async (request) => {
      const id = lowerUuid(request.params.id)
      const found = await logs.journey(id, isUuid(id))
      if (!found || found.events.length === 0) throw await notFound(logs, id)
      const { events } = found
      const beganAtMs = Math.min(...events.map(writtenAtMs))
      const endedAtMs = Math.max(...events.map(lastAtMs))
      return {
        id,
        kind: found.kind,
        correlationIds: [...found.correlationIds],
        state: journeyState(events),
        beganAt: new Date(beganAtMs).toISOString(),
        lastAt: new Date(endedAtMs).toISOString(),
        durationMs: Math.max(0, endedAtMs - beganAtMs),
        services: servicesOf(events),
        isCut: found.isCut,
        isClockSkewed: events.some(isSkewed),
        steps: causeTree(events).map(({ event, parentId, depth }) => ({
          ...eventToWire(event),
          parentId,
          depth,
        })),
        archived: [...(await logs.archivedOf(found))],
        unreachable: [...found.unreachable],
      }
    },
  )
}

/** Whatever is archived may hold it: only a correlation that an id of version 7 began says when. */
async function notFound(logs: TrackedLogs, id: string): Promise<Error> {
  const { firstDay } = boundsOfIds([id])
  const archived = await logs.archived(firstDay === undefined ? {} : { firstDay })
  const why = archived.length === 0 ? 'A database that holds it may be away.' : inWords(archived)
  return trackingProblem(
    'MR_TRACKING_JOURNEY_NOT_FOUND',
    `No log knows "${id.slice(0, 100)}" as an event, a correlation, an aggregate or a key. ${why}`,
  )
}

/** Services in the order in which they first took part. */
function servicesOf(events: readonly TrackedEvent[]): string[] {
  const first = new Map<string, number>()
  const note = (service: string, atMs: number): void =>
    void first.set(service, Math.min(atMs, first.get(service) ?? Infinity))
  for (const { production, consumptions } of events) {
    if (production) note(production.row.serviceName, production.row.createdAt.getTime())
    for (const { row } of consumptions) note(row.serviceName, row.receivedAt.getTime())
  }
  return [...first].toSorted(([, a], [, b]) => a - b).map(([service]) => service)
}

function isSkewed({ production, consumptions }: TrackedEvent): boolean {
  const written = production?.row ?? null
  return [null, ...consumptions.map(({ row }) => row)].some(
    (row) => waitsOf(written, row).isClockSkewed,
  )
}
