import { request } from '../../lib/http.ts'
import { toLastEvent, toPeoplePage, toProfile, toSessions } from './mappers.ts'
import type {
  LastEvent,
  PeoplePage,
  PeopleSearch,
  Profile,
  ProfileChange,
  Session,
} from './model.ts'

const base = '/api/users'
const at = (id: string): string => `${base}/${encodeURIComponent(id)}`
const pageSize = 50

/** All that is read about people stands below this key. */
export const usersKey = ['users'] as const

export async function listPeople(
  search: PeopleSearch & { readonly cursor: string | null },
  signal?: AbortSignal,
): Promise<PeoplePage> {
  const query = new URLSearchParams({ limit: String(pageSize) })
  const text = search.q?.trim() ?? ''
  if (text !== '') query.set('search', text)
  if (search.role) query.set('role', search.role)
  if (search.cursor !== null) query.set('cursor', search.cursor)
  return toPeoplePage((await request(`${base}?${query}`, { signal })).body)
}

export async function getPerson(id: string, signal?: AbortSignal): Promise<Profile> {
  return toProfile((await request(at(id), { signal })).body)
}

export async function changePerson(id: string, change: ProfileChange): Promise<Profile> {
  return toProfile((await request(at(id), { method: 'PATCH', body: change })).body)
}

/** Ends the account: name, address and password are wiped, sessions end. */
export async function removePerson(id: string): Promise<void> {
  await request(at(id), { method: 'DELETE' })
}

/** Ends all sessions, this one too. */
export async function changePassword(
  id: string,
  change: { readonly currentPassword: string; readonly newPassword: string },
): Promise<void> {
  await request(`${at(id)}/password`, { method: 'PUT', body: change })
}

export async function listSessions(id: string, signal?: AbortSignal): Promise<readonly Session[]> {
  return toSessions((await request(`${at(id)}/sessions`, { signal })).body)
}

export async function endSessions(id: string): Promise<void> {
  await request(`${at(id)}/sessions/end`, { method: 'POST', body: {} })
}

export async function getLastEvent(id: string, signal?: AbortSignal): Promise<LastEvent | null> {
  const query = new URLSearchParams({ aggregateId: id, topic: 'user-events', limit: '1' })
  return toLastEvent((await request(`/api/tracking/events?${query}`, { signal })).body)
}
