import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { planOperation } from './api.ts'
import type { Operation, PlanRequest } from './model.ts'

/** Plans an operation and leads to it: there it is looked at, confirmed, and followed. */
export function usePlan(): UseMutationResult<Operation, Error, PlanRequest> {
  const navigate = useNavigate()
  const client = useQueryClient()
  return useMutation({
    mutationFn: planOperation,
    onSuccess: async (operation) => {
      await client.invalidateQueries({ queryKey: ['operations'] })
      await navigate({ to: '/operations/$id', params: { id: operation.id } })
    },
  })
}
