import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { count, integer } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { MissingPage, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { UnreachableNotice } from '../event-log/unreachable-notice.tsx'
import { usePlan } from '../operations/use-plan.ts'
import { failedEventLimit, getFailure } from './api.ts'
import { FailedEventPanel } from './failed-event-panel.tsx'
import { FailedEventTable } from './failed-event-table.tsx'
import type { FailedEvent, FailureGroup, Failures } from './model.ts'
import { Trend } from './trend.tsx'
import '../event-log/event-log.css'
import '../journey/journey.css'
import './failures.css'

const liveMs = 3_000
const rangeMs = 31 * 86_400_000

/** One kind of failure, its events, and the ways to mend them. */
export function FailurePage() {
  const { fingerprint } = useParams({ from: '/failures/$fingerprint' })
  const search: { readonly event?: string } = useSearch({ from: '/failures/$fingerprint' })
  const navigate = useNavigate()
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set())
  const found = useQuery({
    queryKey: ['failures', 'one', fingerprint],
    queryFn: ({ signal }) => getFailure(fingerprint, rangeMs, signal),
    refetchInterval: liveMs,
    retry: false,
  })
  const events = found.data?.events ?? []
  const groups = found.data?.failures.items ?? []
  const title = groups[0]?.errorClass ?? events[0]?.consumption.errorClass ?? 'Failure'
  useTitle(title)
  const open = (key: string | undefined): void =>
    void navigate({
      to: '/failures/$fingerprint',
      params: { fingerprint },
      search: key === undefined ? {} : { event: key },
      replace: search.event !== undefined,
      resetScroll: false,
    })
  const opened = events.find((each) => each.key === search.event)
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), Escape: () => open(undefined) })
  const problem = found.isError ? asProblem(found.error) : null
  if (problem?.isMissing === true && found.data === undefined)
    return (
      <MissingPage
        heading="Failure"
        title="No failure has this fingerprint"
        problem={problem}
        action={
          <Link to="/failures" className="button" data-look="primary">
            To all failures
          </Link>
        }
      />
    )
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <Link to="/failures" className="eyebrow">
            Failures
          </Link>
          <h1>{title}</h1>
          <p className="failure-line">
            {groups[0]?.firstLine ?? events[0]?.consumption.errorMessage?.split('\n')[0] ?? ''}
          </p>
          <p className="eyebrow">
            fingerprint <CopyId id={fingerprint} />
          </p>
        </div>
      </header>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      <UnreachableNotice unreachable={found.data?.failures.unreachable ?? []} />
      {found.isPending && <Skeleton lines={8} label="the failure" />}
      {found.data !== undefined && (
        <>
          {groups.map((group) => (
            <GroupSummary key={group.database} group={group} range={found.data.failures} />
          ))}
          {groups.length === 0 && (
            <p className="notice" data-tone="good" role="status">
              All of these are mended.
            </p>
          )}
          <TickedActs events={events} ticked={ticked} onClear={() => setTicked(new Set())} />
          <div className={`journey ${opened === undefined ? '' : 'journey-with-panel'}`}>
            <section className="journey-view" aria-label="Events that failed so">
              <FailedEventTable
                events={events}
                ticked={ticked}
                opened={search.event}
                onTick={setTicked}
                onOpen={open}
              />
              {events.length >= failedEventLimit && (
                <p className="eyebrow">The newest {integer(failedEventLimit)} are listed.</p>
              )}
            </section>
            {opened !== undefined && (
              <FailedEventPanel key={opened.key} failed={opened} onClose={() => open(undefined)} />
            )}
          </div>
        </>
      )}
    </div>
  )
}

function GroupSummary(props: { readonly group: FailureGroup; readonly range: Failures }) {
  const { group, range } = props
  const plan = usePlan()
  return (
    <section className="plate failure-summary" aria-label={`In ${group.database}`}>
      <p>
        <strong className="figure">{count(group.failed, 'event')} given up</strong>
        {group.retrying > 0 && `, ${integer(group.retrying)} tried again by itself`}, first{' '}
        <Time atMs={group.firstSeenAtMs} />, last <Time atMs={group.lastSeenAtMs} />.
      </p>
      <Trend trend={group.trend} range={range} />
      <p className="eyebrow">
        {group.topics.join(', ')}: {group.eventTypes.join(', ')}
      </p>
      <div className="actions">
        {group.consumerGroups.map((name) => (
          <Button
            key={name}
            look="primary"
            icon="turn"
            disabled={plan.isPending}
            onClick={() =>
              plan.mutate({
                service: group.database,
                kind: 'redrive',
                group: name,
                filter: { fingerprint: group.fingerprint },
              })
            }
          >
            Redrive all to {name} …
          </Button>
        ))}
      </div>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
    </section>
  )
}

/** Acts on what is ticked, one for each group that failed. */
function TickedActs(props: {
  readonly events: readonly FailedEvent[]
  readonly ticked: ReadonlySet<string>
  readonly onClear: () => void
}) {
  const plan = usePlan()
  const chosen = props.events.filter((each) => props.ticked.has(each.key))
  if (chosen.length === 0) return null
  const byGroup = [
    ...Map.groupBy(chosen, ({ consumption }) => `${consumption.database} ${consumption.group}`),
  ]
  return (
    <div className="actions failure-ticked" role="group" aria-label="Ticked events">
      <span>{count(chosen.length, 'event')} ticked</span>
      {byGroup.map(([name, each]) => (
        <Button
          key={name}
          look="primary"
          disabled={plan.isPending}
          onClick={() =>
            plan.mutate({
              service: each[0]?.consumption.database ?? '',
              kind: 'redrive',
              group: each[0]?.consumption.group ?? '',
              eventIds: each.map(({ event }) => event.eventId),
            })
          }
        >
          Redrive {integer(each.length)} to {each[0]?.consumption.group} …
        </Button>
      ))}
      <Button onClick={props.onClear}>Untick</Button>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
    </div>
  )
}
