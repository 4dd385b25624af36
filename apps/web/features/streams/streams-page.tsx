import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { duration, integer, rate } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Chip } from '../../ui/chip.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import type { Tone } from '../../ui/tone.ts'
import { getStreamApp, streamApps } from './api.ts'
import { ratesBetween } from './mappers.ts'
import type { StreamApp, StreamTask } from './model.ts'
import { TopologyGraph } from './topology-graph.tsx'
import './streams.css'

const liveMs = 2_000

/** The stream apps: what they do, who does it, how far they are. */
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
  return (
    <section className="stream-app" aria-labelledby={`app-${props.id}`}>
      <h2 id={`app-${props.id}`}>
        {props.id} {app !== undefined && <StateChip state={app.state} />}
      </h2>
      {found.isError && (
        <ProblemNotice
          problem={asProblem(found.error)}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {found.isPending && <Skeleton lines={10} label="the stream app" />}
      {app !== undefined && (
        <>
          <Figures app={app} />
          <TopologyGraph nodes={app.nodes} tasks={app.tasks} />
          <details>
            <summary>Topology as text</summary>
            <pre className="mono topology-text" tabIndex={0}>
              {app.topologyText}
            </pre>
          </details>
          <div className="two-columns">
            <Tasks tasks={app.tasks} />
            <aside className="stream-side">
              <Stores app={app} />
              <Instances app={app} />
            </aside>
          </div>
        </>
      )}
    </section>
  )
}

const stateTones: Readonly<Record<string, Tone>> = {
  RUNNING: 'good',
  REBALANCING: 'busy',
  RESTORING: 'busy',
  CREATED: 'busy',
  STARTING: 'busy',
  ERROR: 'bad',
  PENDING_ERROR: 'bad',
}

function StateChip(props: { readonly state: string }) {
  return <Chip tone={stateTones[props.state] ?? 'quiet'}>{props.state.toLowerCase()}</Chip>
}

function Figures(props: { readonly app: StreamApp }) {
  const { app } = props
  const rates = useRates(app)
  const { saga, totals } = app
  const figures: readonly (readonly [label: string, value: string, hint: string])[] = [
    ['records', rate(rates.recordsPerSecond), 'processed by this instance'],
    ['lag', integer(app.lagRecords), 'records behind, all tasks of this instance'],
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
function useRates(app: StreamApp) {
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

function Tasks(props: { readonly tasks: readonly StreamTask[] }) {
  return (
    <section aria-label="Tasks" className="scrolling" tabIndex={0}>
      <h3>Tasks of this instance</h3>
      {props.tasks.length === 0 ? (
        <p>None: others have them, or they are being dealt out.</p>
      ) : (
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">State</th>
              <th scope="col">Thread</th>
              <th scope="col">Lag by topic</th>
            </tr>
          </thead>
          <tbody>
            {props.tasks.map((task) => (
              <tr key={task.taskId}>
                <th scope="row" className="mono">
                  {task.taskId}
                </th>
                <td>
                  <StateChip state={task.state} />
                </td>
                <td className="mono">{task.thread}</td>
                <td>
                  {task.partitions
                    .map(({ topic, lagRecords }) => `${topic} ${integer(lagRecords)}`)
                    .join(', ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function Stores(props: { readonly app: StreamApp }) {
  return (
    <section aria-label="Stores">
      <h3>Stores</h3>
      <ul className="stream-list">
        {props.app.stores.map(({ name, kind, entries }) => (
          <li key={name}>
            <span className="mono">{name}</span>
            <small>
              {kind}
              {entries !== null && `, about ${integer(entries)} entries`}
            </small>
          </li>
        ))}
      </ul>
      {props.app.restores.length > 0 && (
        <>
          <h3>Being restored</h3>
          <ul className="stream-list">
            {props.app.restores.map(({ store, partition, role, restored, remaining }) => (
              <li key={`${store} ${partition} ${role}`}>
                <span className="mono">
                  {store} {partition}
                </span>
                <progress max={restored + remaining} value={restored} />
                <small>
                  {role}: {integer(remaining)} records left
                </small>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function Instances(props: { readonly app: StreamApp }) {
  return (
    <section aria-label="Instances">
      <h3>Instances</h3>
      {props.app.instances.length === 0 && <p>Not known yet.</p>}
      <ul className="stream-list">
        {props.app.instances.map((each) => (
          <li key={each.processId}>
            <span className="mono">{each.server ?? each.processId}</span>
            {each.isThis && <Chip tone="quiet">asked</Chip>}
            <small>
              {integer(each.activeTasks.length)} tasks, {integer(each.standbyTasks.length)} copies
            </small>
          </li>
        ))}
      </ul>
    </section>
  )
}
