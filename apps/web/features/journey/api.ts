import { request } from '../../lib/http.ts'
import { toJourney, toPayloads } from './mappers.ts'
import type { EventPayloads, Journey } from './model.ts'

const base = '/api/tracking'

/** @param id of an event, a correlation, an aggregate or a record key */
export async function getJourney(id: string, signal?: AbortSignal): Promise<Journey> {
  const { body } = await request(`${base}/journeys/${encodeURIComponent(id)}`, { signal })
  return toJourney(body)
}

export async function getPayloads(eventId: string, signal?: AbortSignal): Promise<EventPayloads> {
  const { body } = await request(`${base}/events/${encodeURIComponent(eventId)}`, { signal })
  return toPayloads(body)
}
