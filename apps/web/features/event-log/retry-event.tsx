import { useMutation, useQueryClient } from '@tanstack/react-query'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { retryEvent } from './api.ts'

/** Publishes a refused event again; what was parked behind it follows. */
export function RetryEvent(props: { readonly eventId: string }) {
  const client = useQueryClient()
  const retry = useMutation({
    mutationFn: () => retryEvent(props.eventId),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['event-log'] }),
        client.invalidateQueries({ queryKey: ['journey'] }),
      ]),
  })
  if (retry.isSuccess) return <Chip tone="busy">sent again</Chip>
  return (
    <span className="retry">
      <Button icon="turn" disabled={retry.isPending} onClick={() => retry.mutate()}>
        {retry.isPending ? 'Sending' : 'Publish again'}
      </Button>
      {retry.isError && (
        <small role="alert" className="fault">
          {asProblem(retry.error).message}
        </small>
      )}
    </span>
  )
}
