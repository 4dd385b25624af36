import { request } from '../../lib/http.ts'
import { toFailedPayload, toFailureDetail, toFailures, toRefusedPayload } from './mappers.ts'
import type { FailedPayload, FailureDetail, Failures } from './model.ts'

const base = '/api/tracking'

function from(rangeMs: number): string {
  return new Date(Date.now() - rangeMs + 1_000).toISOString()
}

/** Failures of handlers and refusals of the broker that are not mended, by fingerprint. */
export async function getFailures(rangeMs: number, signal?: AbortSignal): Promise<Failures> {
  const query = new URLSearchParams({ from: from(rangeMs) })
  return toFailures((await request(`${base}/failures?${query}`, { signal })).body)
}

/** Events of one kind of failure shown at most. */
export const failedEventLimit = 100

export async function getFailure(
  fingerprint: string,
  rangeMs: number,
  signal?: AbortSignal,
): Promise<FailureDetail> {
  const query = new URLSearchParams({ from: from(rangeMs), limit: String(failedEventLimit) })
  const path = `${base}/failures/${encodeURIComponent(fingerprint)}?${query}`
  return toFailureDetail((await request(path, { signal })).body, fingerprint)
}

export async function getFailedPayload(
  eventId: string,
  group: string,
  signal?: AbortSignal,
): Promise<FailedPayload | null> {
  const { body } = await request(`${base}/events/${encodeURIComponent(eventId)}`, { signal })
  return toFailedPayload(body, group)
}

export async function getRefusedPayload(
  eventId: string,
  signal?: AbortSignal,
): Promise<FailedPayload | null> {
  const { body } = await request(`${base}/events/${encodeURIComponent(eventId)}`, { signal })
  return toRefusedPayload(body)
}
