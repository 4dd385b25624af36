import { queryOptions } from '@tanstack/react-query'
import { request } from '../../lib/http.ts'
import { toPeople, toPerson } from './mappers.ts'
import type { Person } from './model.ts'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }) => toPerson((await request('/api/me', { signal })).body),
  staleTime: Number.POSITIVE_INFINITY,
})

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: async ({ signal }) => toPeople((await request('/api/demo-users', { signal })).body),
  staleTime: 60_000,
})

/** From now on this browser acts as `userId`. */
export async function actAs(userId: string): Promise<Person> {
  const { body } = await request('/api/me', { method: 'POST', body: { userId } })
  return toPerson(body)
}
