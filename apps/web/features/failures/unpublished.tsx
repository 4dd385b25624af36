import { useQuery } from '@tanstack/react-query'
import { type ApiProblem, asProblem } from '../../lib/problem.ts'
import { ProblemNotice } from '../../ui/states.tsx'
import { EventTable } from '../event-log/event-table.tsx'
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
      {items.length > 0 && <EventTable events={items} isStale={false} />}
    </section>
  )
}
