import { request } from '../../lib/http.ts'
import { toConsumptionRow, toProductionRow } from './mappers.ts'
import type { ConsumptionRow, ProductionRow } from './model.ts'

const one = (eventId: string): string => String(new URLSearchParams({ eventId, limit: '1' }))

/** What the production log of discussions says of an event; null when it does not know it. */
export async function findProduction(
  eventId: string,
  signal?: AbortSignal,
): Promise<ProductionRow | null> {
  const { body } = await request(`/api/discussions/events?${one(eventId)}`, { signal })
  return toProductionRow(body)
}

/** What the consumption log of analytics says of an event; null while it has not arrived there. */
export async function findConsumption(
  eventId: string,
  signal?: AbortSignal,
): Promise<ConsumptionRow | null> {
  const { body } = await request(`/api/analytics/events?${one(eventId)}`, { signal })
  return toConsumptionRow(body)
}
