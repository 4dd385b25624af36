import { useQuery } from '@tanstack/react-query'
import { asProblem } from '../../lib/problem.ts'
import { sessionEndStore } from '../../lib/session.ts'
import { useStore } from '../../lib/store.ts'
import { meQuery, peopleQuery } from './api.ts'
import type { Person } from './model.ts'

/** Who acts; undefined until known. */
export function useMe(): Person | undefined {
  return useQuery(meQuery).data
}

/** True once it is known that nobody is signed in, or that a session has ended: before anything else one signs in, or chooses a demo person. */
export function useIsNobody(): boolean {
  const me = useQuery(meQuery)
  const { isOver } = useStore(sessionEndStore)
  return isOver || (me.isError && asProblem(me.error).facts.status === 401)
}

/** The id under which this browser acts; null until known. */
export function useMyId(): string | null {
  return useMe()?.id ?? null
}

/** How to call a person: name where known, else the id; accounts that are gone have neither. */
export function usePersonName(): (id: string | null) => string {
  const me = useMe()
  const people = useQuery({ ...peopleQuery, enabled: me?.isDemo === true }).data
  return (id) => {
    if (id === null) return 'unknown author'
    if (id === me?.id) return me.name
    return people?.find((person) => person.id === id)?.name ?? id
  }
}
