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
import type { FailedEvent, FailureGroup, Failures, RefusedEvent } from './model.ts'
import { RefusedEventPanel } from './refused-event-panel.tsx'
import { RefusedEventTable } from './refused-event-table.tsx'
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
  const problem = found.isError ? asProblem(found.error) : null
  // What was refused leaves the log's issues once it is published, and nothing bears the fingerprint any more.
  const isGone = problem?.isMissing === true && found.data !== undefined
  const events = isGone ? [] : (found.data?.events ?? [])
  const refused = isGone ? [] : (found.data?.refused ?? [])
  const groups = isGone ? [] : (found.data?.failures.items ?? [])
  const [first] = [
    ...(found.data?.failures.items ?? []),
    ...(found.data?.events ?? []).map(firstFacts),
    ...(found.data?.refused ?? []).map(firstFacts),
  ]
  const title = first?.errorClass ?? 'Failure'
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
  const openedRefused = refused.find((each) => each.key === search.event)
  const hasPanel = opened !== undefined || openedRefused !== undefined
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), Escape: () => open(undefined) })
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
          <p className="failure-line">{first?.firstLine ?? ''}</p>
          <p className="eyebrow">
            fingerprint <CopyId id={fingerprint} />
          </p>
        </div>
      </header>
      {problem !== null && !isGone && (
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
              {isGone ? 'All of these were published.' : 'All of these are mended.'}
            </p>
          )}
          <TickedActs
            events={events}
            refused={refused}
            ticked={ticked}
            onClear={() => setTicked(new Set())}
          />
          <div className={`journey ${hasPanel ? 'journey-with-panel' : ''}`}>
            <section className="journey-view" aria-label="Events that failed so">
              {events.length > 0 && (
                <FailedEventTable
                  events={events}
                  ticked={ticked}
                  opened={search.event}
                  onTick={setTicked}
                  onOpen={open}
                />
              )}
              {refused.length > 0 && (
                <RefusedEventTable
                  events={refused}
                  ticked={ticked}
                  opened={search.event}
                  onTick={setTicked}
                  onOpen={open}
                />
              )}
              {events.length + refused.length >= failedEventLimit && (
                <p className="eyebrow">The newest {integer(failedEventLimit)} are listed.</p>
              )}
            </section>
            {opened !== undefined && (
              <FailedEventPanel key={opened.key} failed={opened} onClose={() => open(undefined)} />
            )}
            {openedRefused !== undefined && (
              <RefusedEventPanel
                key={openedRefused.key}
                refused={openedRefused}
                onClose={() => open(undefined)}
              />
            )}
          </div>
        </>
      )}
    </div>
  )
}

/** What the page is called by, where no open group says it. */
function firstFacts(each: FailedEvent | RefusedEvent): {
  readonly errorClass: string | null
  readonly firstLine: string
} {
  const { errorClass, errorMessage } = 'consumption' in each ? each.consumption : each.production
  return { errorClass, firstLine: errorMessage?.split('\n')[0] ?? '' }
}

function GroupSummary(props: { readonly group: FailureGroup; readonly range: Failures }) {
  const { group, range } = props
  const plan = usePlan()
  return (
    <section className="plate failure-summary" aria-label={`In ${group.database}`}>
      <p>
        <strong className="figure">
          {count(group.failed, 'event')} {group.side === 'production' ? 'refused' : 'given up'}
        </strong>
        {group.retrying > 0 &&
          `, ${integer(group.retrying)} tried again${group.side === 'production' ? '' : ' by itself'}`}
        {(group.parked ?? 0) > 0 && `, ${integer(group.parked ?? 0)} of the same keys behind them`},
        first <Time atMs={group.firstSeenAtMs} />, last <Time atMs={group.lastSeenAtMs} />.
      </p>
      <Trend trend={group.trend} range={range} />
      <p className="eyebrow">
        {group.side === 'production' && `${group.database} to `}
        {group.topics.join(', ')}: {group.eventTypes.join(', ')}
      </p>
      <div className="actions">
        {group.side === 'production' && group.failed > 0 && (
          <Button
            look="primary"
            icon="turn"
            disabled={plan.isPending}
            onClick={() =>
              plan.mutate({
                service: group.database,
                kind: 'republish',
                filter: { fingerprint: group.fingerprint },
              })
            }
          >
            Publish all of these again …
          </Button>
        )}
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

/** Acts on what is ticked, one for each group that failed, or each service whose events were refused. */
function TickedActs(props: {
  readonly events: readonly FailedEvent[]
  readonly refused: readonly RefusedEvent[]
  readonly ticked: ReadonlySet<string>
  readonly onClear: () => void
}) {
  const plan = usePlan()
  const chosen = props.events.filter((each) => props.ticked.has(each.key))
  // One that was published since is no longer there, ticked or not.
  const refused = props.refused.filter((each) => props.ticked.has(each.key))
  if (chosen.length + refused.length === 0) return null
  const byGroup = [
    ...Map.groupBy(chosen, ({ consumption }) => `${consumption.database} ${consumption.group}`),
  ]
  return (
    <div className="actions failure-ticked" role="group" aria-label="Ticked events">
      <span>{count(chosen.length + refused.length, 'event')} ticked</span>
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
      {[...Map.groupBy(refused, ({ production }) => production.database)].map(([service, each]) => (
        <Button
          key={service}
          look="primary"
          disabled={plan.isPending}
          onClick={() =>
            plan.mutate({
              service,
              kind: 'republish',
              eventIds: each.map(({ key }) => key),
            })
          }
        >
          Publish {integer(each.length)} of {service} again …
        </Button>
      ))}
      <Button onClick={props.onClear}>Untick</Button>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
    </div>
  )
}
