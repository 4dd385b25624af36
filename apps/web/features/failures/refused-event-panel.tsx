import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { count, duration } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useNow } from '../../lib/use-now.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { usePlan } from '../operations/use-plan.ts'
import { getRefusedPayload } from './api.ts'
import type { RefusedEvent } from './model.ts'
import { Origin } from './origin.tsx'
import { PayloadView } from './payload-view.tsx'
import { canRepublish } from './refused-event-table.tsx'

/** One event that the broker refused: why, where it comes from, what it holds, and how to publish it again. */
export function RefusedEventPanel(props: {
  readonly refused: RefusedEvent
  readonly onClose: () => void
}) {
  const { refused } = props
  const { event, production } = refused
  const plan = usePlan()
  const payload = useQuery({
    queryKey: ['failures', 'refused-payload', refused.key],
    queryFn: ({ signal }) => getRefusedPayload(event.eventId, signal),
    staleTime: 60_000,
  })
  const panel = useRef<HTMLElement | null>(null)
  // On a narrow screen it stands below the list, where nobody would see it open.
  useEffect(() => {
    if (matchMedia('(max-width: 63.99rem)').matches) panel.current?.scrollIntoView()
  }, [])
  return (
    <aside ref={panel} className="plate event-panel" aria-label={`Event ${event.eventType}`}>
      <header>
        <h2>{event.eventType}</h2>
        <Button look="plain" icon="cross" aria-label="Close the event" onClick={props.onClose}>
          Close
        </Button>
      </header>
      <Refusal refused={refused} />
      {canRepublish(refused) && (
        <div className="actions">
          <Button
            look="primary"
            icon="turn"
            disabled={plan.isPending}
            onClick={() =>
              plan.mutate({
                service: production.database,
                kind: 'republish',
                eventIds: [event.eventId],
              })
            }
          >
            Publish this event again …
          </Button>
        </div>
      )}
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      <Origin event={event} record={`to ${event.topic}`} notes={payload.data?.notes ?? []} />
      {payload.isPending && <Skeleton lines={5} label="the payload" />}
      {payload.isError && (
        <ProblemNotice problem={asProblem(payload.error)} onRetry={() => void payload.refetch()} />
      )}
      {payload.data === null && <p className="eyebrow">The log keeps no payload of it.</p>}
      {payload.data != null && <PayloadView payload={payload.data} />}
    </aside>
  )
}

function Refusal(props: { readonly refused: RefusedEvent }) {
  const { errorClass, errorMessage, retryCount, status, nextRetryAtMs, blockedBy } =
    props.refused.production
  const nowMs = useNow(1_000)
  return (
    <div className="failed-error">
      <p className="failure-line">
        <strong>{errorClass ?? 'Refused'}</strong>
        {errorMessage !== null && `: ${errorMessage}`}
      </p>
      <p className="eyebrow">
        refused {retryCount === 1 ? 'once' : count(retryCount, 'time')}
        {status === 'FAILED' && ', given up'}
        {status === 'RETRY' &&
          nextRetryAtMs !== null &&
          `, tried again ${nextRetryAtMs > nowMs ? `in ${duration(nextRetryAtMs - nowMs)}` : 'now'}`}
      </p>
      {status === 'PARKED' && blockedBy !== null && (
        <p className="eyebrow">
          It waits behind another event of its key and follows it:{' '}
          <Link to="/journeys/$id" params={{ id: blockedBy }} className="mono">
            {blockedBy}
          </Link>
        </p>
      )}
      {status === 'PUBLISHED' && <p className="eyebrow">It was published since.</p>}
    </div>
  )
}
