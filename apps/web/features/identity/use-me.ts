import { useQuery } from '@tanstack/react-query'
import { meQuery, peopleQuery } from './api.ts'

/** The id under which this browser acts; null until known. */
export function useMyId(): string | null {
  return useQuery(meQuery).data?.id ?? null
}

/** How to call a person: name where known, else the id; accounts that are gone have neither. */
export function usePersonName(): (id: string | null) => string {
  const people = useQuery(peopleQuery).data
  return (id) =>
    id === null ? 'unknown author' : (people?.find((person) => person.id === id)?.name ?? id)
}
