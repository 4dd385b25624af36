import { useMutation, useQueryClient } from '@tanstack/react-query'
import { actAs, meQuery } from './api.ts'

/** Becomes a demo person. Own votes, orders and rights differ per person, so everything shown is read again. */
export function useActAs() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: actAs,
    onSuccess: async (person) => {
      client.setQueryData(meQuery.queryKey, person)
      await client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'me' })
    },
  })
}
