import { queryOptions } from '@tanstack/react-query'
import { request } from '../../lib/http.ts'
import { ApiProblem } from '../../lib/problem.ts'
import { forgetSession, keepSession } from '../../lib/session.ts'
import { toPeople, toPerson, toSessionSeconds } from './mappers.ts'
import type { Person } from './model.ts'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => getMe(signal),
  staleTime: Number.POSITIVE_INFINITY,
})

/** The demo people; a gateway without demo session has none. */
export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: ({ signal }) => listDemoPeople(signal),
  staleTime: 60_000,
})

export interface Credentials {
  readonly email: string
  readonly password: string
}

export interface Registration extends Credentials {
  readonly name: string
  readonly country?: string
}

async function getMe(signal?: AbortSignal): Promise<Person> {
  return toPerson((await request('/api/me', { signal })).body)
}

async function listDemoPeople(signal?: AbortSignal): Promise<readonly Person[]> {
  try {
    return toPeople((await request('/api/demo-users', { signal })).body)
  } catch (error) {
    if (error instanceof ApiProblem && error.isMissing) return []
    throw error
  }
}

/** From now on this browser acts as the demo person `userId`. */
export async function actAs(userId: string): Promise<Person> {
  const { body } = await request('/api/me', {
    method: 'POST',
    body: { userId },
    isOutsideSession: true,
  })
  forgetSession()
  return toPerson(body)
}

/**
 * Signs this browser in, and makes sure that it is.
 * @throws {ApiProblem} what users says; `MR_WEB_COOKIES_REFUSED` when the browser did not keep what it was given
 */
export async function signIn(credentials: Credentials): Promise<Person> {
  const { body } = await request('/api/me/sign-in', {
    method: 'POST',
    body: credentials,
    isOutsideSession: true,
  })
  const me = await request('/api/me', { isOutsideSession: true }).then(
    (answer) => toPerson(answer.body),
    (error: unknown) => {
      if (error instanceof ApiProblem && error.facts.status === 401) return null
      throw error
    },
  )
  if (me === null || me.isDemo) throw cookiesRefused()
  keepSession(toSessionSeconds(body))
  return me
}

/** Ends the session of this browser, here and at users. */
export async function signOut(): Promise<void> {
  await request('/api/me/sign-out', { method: 'POST', isOutsideSession: true })
  forgetSession()
}

/** @returns the id that was given; whether it is anybody's only users knows, since it answers the same for an address that is taken */
export async function register(registration: Registration): Promise<string> {
  const { body } = await request('/api/users', { method: 'POST', body: registration })
  return toPerson(body).id
}

function cookiesRefused(): ApiProblem {
  return new ApiProblem({
    status: 0,
    code: 'MR_WEB_COOKIES_REFUSED',
    title: 'This browser did not keep the session',
    detail:
      'The password was right, but the cookies of the session were not kept. In production mode they are for https alone; Chrome and Firefox also keep them on http://localhost. Allow cookies for this address, or open it over https.',
    fields: [],
    correlationId: null,
  })
}
