import { request } from '../../lib/http.ts'
import { toStreamApp } from './mappers.ts'
import type { StreamApp } from './model.ts'

/** Stream apps that the page knows, by their ids. */
export const streamApps = ['order-saga'] as const

export async function getStreamApp(id: string, signal?: AbortSignal): Promise<StreamApp> {
  return toStreamApp((await request(`/api/streams/${encodeURIComponent(id)}`, { signal })).body)
}
