import { useQuery } from '@tanstack/react-query'
import { asProblem } from '../../lib/problem.ts'
import { ProblemNotice } from '../../ui/states.tsx'
import { EventTable } from '../event-log/event-table.tsx'
import { getUnpublished } from './api.ts'

/** Events that the broker refused, each with the way to publish it again; nothing when there are none. */
export function Unpublished() {
  const page = useQuery({
    queryKey: ['failures', 'unpublished'],
    queryFn: ({ signal }) => getUnpublished(signal),
    refetchInterval: 5_000,
  })
  const items = page.data?.items ?? []
  if (!page.isError && items.length === 0) return null
  return (
    <section aria-label="Could not be published" className="failure-section">
      <h2>Could not be published</h2>
      <p className="eyebrow">The broker refused them, so no consumer has seen them yet.</p>
      {page.isError && (
        <ProblemNotice
          problem={asProblem(page.error)}
          onRetry={() => void page.refetch()}
          lastGoodAtMs={page.dataUpdatedAt}
        />
      )}
      {items.length > 0 && <EventTable events={items} isStale={false} />}
    </section>
  )
}
