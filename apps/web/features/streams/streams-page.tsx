import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { count, duration, integer, rate } from '../../lib/format.ts'
import { useProblem } from '../../lib/use-problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { getStreamApp, streamApps } from './api.ts'
import { ratesBetween } from './mappers.ts'
import type { StreamApp, StreamRates } from './model.ts'
import { PauseControl, PausedChip, PausedNotice } from './pause-control.tsx'
import { StateAside } from './state-aside.tsx'
import { StateChip } from './state-chip.tsx'
import { StoreBrowser } from './store-browser.tsx'
import { instanceName, TaskTable } from './task-table.tsx'
import { TopologyGraph } from './topology-graph.tsx'
import './streams.css'

const liveMs = 2_000

/** The stream apps: what they do, who does it, how far they are, and what they know. */
export function StreamsPage() {
  useTitle('Streams')
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Streams</h1>
          <p>Topologies as they run: tasks and their owners, lag, stores, commits.</p>
        </div>
      </header>
      {streamApps.map((id) => (
        <StreamAppPanel key={id} id={id} />
      ))}
    </div>
  )
}

function StreamAppPanel(props: { readonly id: string }) {
  const found = useQuery({
    queryKey: ['streams', props.id],
    queryFn: ({ signal }) => getStreamApp(props.id, signal),
    refetchInterval: liveMs,
    retry: false,
  })
  const app = found.data
  const problem = useProblem(found)
  return (
    <section className="stream-app" aria-labelledby={`app-${props.id}`}>
      <div className="stream-head">
        <h2 id={`app-${props.id}`}>
          {props.id} {app !== undefined && <StateChip state={app.state} />}{' '}
          {app !== undefined && <PausedChip app={app} />}
        </h2>
        {app !== undefined && <PauseControl app={app} />}
      </div>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {found.isPending && problem === null && <Skeleton lines={10} label="the stream app" />}
      {app !== undefined && <StreamAppDetail app={app} />}
    </section>
  )
}

function StreamAppDetail(props: { readonly app: StreamApp }) {
  const { app } = props
  const rates = useRates(app)
  return (
    <>
      <PausedNotice app={app} />
      <AwayNotice app={app} />
      <Figures app={app} rates={rates} />
      <TopologyGraph nodes={app.nodes} tasks={app.tasks} rates={rates} />
      <details>
        <summary>Topology as text</summary>
        <pre className="mono topology-text" tabIndex={0}>
          {app.topologyText}
        </pre>
      </details>
      <div className="two-columns">
        <div className="stream-side">
          <TaskTable app={app} />
          <StoreBrowser app={app} />
        </div>
        <StateAside app={app} rates={rates} />
      </div>
    </>
  )
}

/** Whose figures are missing. */
function AwayNotice(props: { readonly app: StreamApp }) {
  const away = props.app.instances.filter(({ problem }) => problem !== null)
  if (away.length === 0) return null
  return (
    <div className="notice" data-tone="attention" role="status">
      <h3>{count(away.length, 'instance')} cannot be asked: figures are those of the others</h3>
      <ul>
        {away.map((each) => (
          <li key={each.processId}>
            <span className="mono">{instanceName(each)}</span> {each.problem}
          </li>
        ))}
      </ul>
    </div>
  )
}

function Figures(props: { readonly app: StreamApp; readonly rates: StreamRates }) {
  const { saga, totals, lagRecords } = props.app
  const { rates } = props
  const { isWhole, instances } = props.app
  const whose = isWhole || instances.length < 2 ? 'all tasks' : 'those that answer'
  const figures: readonly (readonly [label: string, value: string, hint: string])[] = [
    ['records', rate(rates.recordsPerSecond), `processed by ${whose}`],
    ['lag', integer(lagRecords), 'records behind, all tasks'],
    ['commit', duration(rates.commitMs), `each ${duration(saga.commitIntervalMs)}, average now`],
    ['open orders', integer(saga.openOrders), `at most ${duration(saga.timeoutMs)}`],
    ['late answers', integer(saga.lateAnswers), 'came after the window, still decide'],
    ['without partner', integer(saga.unmatchedAnswers), `in ${duration(saga.joinWindowMs)}`],
    ['dropped', integer(totals.droppedRecords), 'too late for their window'],
    ['dead letters', integer(saga.deadLetters), 'on recovererDLQ'],
  ]
  return (
    <dl className="stream-figures">
      {figures.map(([label, value, hint]) => (
        <div key={label} className="plate">
          <dt>{label}</dt>
          <dd className="figure">{value}</dd>
          <dd>
            <small>{hint}</small>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Rates between the last two answers. */
function useRates(app: StreamApp): StreamRates {
  const [seen, setSeen] = useState<{
    readonly before: StreamApp | undefined
    readonly now: StreamApp
  }>({
    before: undefined,
    now: app,
  })
  if (seen.now !== app) setSeen({ before: seen.now, now: app })
  return ratesBetween(seen.now === app ? seen.before : seen.now, app)
}
