import { useQuery } from '@tanstack/react-query'
import { type ApiProblem, asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { EventTable } from '../event-log/event-table.tsx'
import type { TrackedEvent } from '../event-log/model.ts'
import { usePlan } from '../operations/use-plan.ts'
import { getUnpublished } from './api.ts'

/**
 * Events that the broker refused, each with the way to publish it again; nothing when there are none.
 * @param props.told a fault that the page tells of already, and not twice
 */
export function Unpublished(props: { readonly told: ApiProblem | null }) {
  const page = useQuery({
    queryKey: ['failures', 'unpublished'],
    queryFn: ({ signal }) => getUnpublished(signal),
    refetchInterval: 5_000,
  })
  const items = page.data?.items ?? []
  const problem = page.isError ? asProblem(page.error) : null
  const isTold = problem === null || problem.facts.code === props.told?.facts.code
  if (isTold && items.length === 0) return null
  return (
    <section aria-label="Could not be published" className="failure-section">
      <h2>Could not be published</h2>
      <p className="eyebrow">The broker refused them, so no consumer has seen them yet.</p>
      {!isTold && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void page.refetch()}
          lastGoodAtMs={page.dataUpdatedAt}
        />
      )}
      {items.length > 0 && <AllAgain events={items} />}
      {items.length > 0 && <EventTable events={items} isStale={false} />}
    </section>
  )
}

/** Plans for all refused events of a service at once: looked at, confirmed, and followed like any operation. */
function AllAgain(props: { readonly events: readonly TrackedEvent[] }) {
  const plan = usePlan()
  const services = new Set(
    props.events.flatMap(({ production }) =>
      production?.status === 'FAILED' ? [production.database] : [],
    ),
  )
  return (
    <>
      <div className="actions">
        {[...services].map((service) => (
          <Button
            key={service}
            icon="turn"
            disabled={plan.isPending}
            onClick={() => plan.mutate({ service, kind: 'republish', filter: {} })}
          >
            All refused ones of {service} …
          </Button>
        ))}
      </div>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
    </>
  )
}
