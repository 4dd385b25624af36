import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { asProblem } from '../../lib/problem.ts'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { getLastEvent, usersKey } from './api.ts'

/** The newest event about somebody, with its journey, and the way to all of them. */
export function PersonEvents(props: { readonly personId: string }) {
  const { personId } = props
  const last = useQuery({
    queryKey: [...usersKey, 'last-event', personId],
    queryFn: ({ signal }) => getLastEvent(personId, signal),
  })
  return (
    <section className="plate person-part" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {last.isPending && <Skeleton lines={2} label="the last event" />}
      {last.isError && (
        <ProblemNotice problem={asProblem(last.error)} onRetry={() => void last.refetch()} />
      )}
      {last.data === null && <p>The event log has none, or no longer.</p>}
      {last.data != null && (
        <p>
          Last: <code>{last.data.eventType}</code>, <Time atMs={last.data.atMs} />
        </p>
      )}
      <div className="actions">
        {last.data != null && (
          <Link to="/journeys/$id" params={{ id: last.data.journeyId }} className="button">
            Its journey
          </Link>
        )}
        <Link to="/log" search={{ q: personId, range: 'all' }} className="button">
          All events
        </Link>
      </div>
    </section>
  )
}
