import { request } from '../../lib/http.ts'
import { toInstanceProblems, toStreamApp } from './mappers.ts'
import type { InstanceProblem, StreamApp } from './model.ts'
import { toStorePage, type StorePage, type StoreRead } from './store-read.ts'

/** Stream apps that the page knows, by their ids. */
export const streamApps = ['order-saga'] as const

const pathOf = (id: string): string => `/api/streams/${encodeURIComponent(id)}`

export async function getStreamApp(id: string, signal?: AbortSignal): Promise<StreamApp> {
  return toStreamApp((await request(pathOf(id), { signal })).body)
}

/** Has all instances stop, or go on. @returns why some could not be reached, by their names */
export async function setPaused(
  id: string,
  isPaused: boolean,
  reason: string,
): Promise<readonly InstanceProblem[]> {
  const { body } = await request(`${pathOf(id)}/${isPaused ? 'pause' : 'resume'}`, {
    method: 'POST',
    body: { reason },
  })
  return toInstanceProblems(body)
}

/** Where the service answers a read. @param after of the page before; null: the first one */
export function storePath(
  id: string,
  { store, read, parameters }: StoreRead,
  after: string | null = null,
): string {
  const query = new URLSearchParams({ ...parameters, ...(after !== null && { after }) })
  return `${pathOf(id)}/stores/${encodeURIComponent(store)}/${read}?${query}`
}

/** @param after of the page before; null: the first one */
export async function readStore(
  id: string,
  read: StoreRead,
  after: string | null,
  signal?: AbortSignal,
): Promise<StorePage> {
  return toStorePage((await request(storePath(id, read, after), { signal })).body)
}
