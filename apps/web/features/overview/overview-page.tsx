import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTitle } from '../../lib/use-title.ts'
import { useStore } from '../../lib/store.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { Ago, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { WalkCard } from '../follow/walk-card.tsx'
import { FiguresStrip } from './figures-strip.tsx'
import { FlowList } from './flow-list.tsx'
import { FlowMap } from './flow-map.tsx'
import { movedSinceLast, seriesOf } from './history.ts'
import { rateWindowMs } from './model.ts'
import { StartProgress } from './start-progress.tsx'
import { overviewStore, type OverviewFeed } from './store.ts'
import { summaryOf } from './summary.ts'
import './overview.css'

/** How the house is, and how an event gets through it. */
export function OverviewPage() {
  const { event: followedId = null, as } = useSearch({ from: '/' })
  const navigate = useNavigate()
  useTitle('Overview')
  const feed = useStore(overviewStore)
  const overview = feed.history.at(-1)
  const isList = as === 'list'
  const toggle = (): void =>
    void navigate({
      to: '/',
      search: {
        ...(followedId === null ? {} : { event: followedId }),
        ...(isList ? {} : { as: 'list' }),
      },
      resetScroll: false,
    })
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Overview</h1>
          <p>
            Each click runs down this race: into the log, over the relay, through analytics, back to
            you.
          </p>
        </div>
        <FeedState feed={feed} />
      </header>
      <FeedProblem feed={feed} />
      {overview === undefined && feed.problem === null && <Skeleton lines={9} label="the map" />}
      {overview !== undefined && (
        <>
          <StartProgress overview={overview} />
          <section
            className="plate flow"
            aria-label="Map of the parts"
            data-view={isList ? 'list' : 'map'}
            data-stale={feed.stream.kind !== 'live'}
          >
            <div className="flow-tools">
              <span className="eyebrow">Rates are means of the last {rateWindowMs / 1000} s.</span>
              <Button look="plain" className="flow-toggle" onClick={toggle}>
                {isList ? 'As a map' : 'As a list'}
              </Button>
            </div>
            <FlowMap
              overview={overview}
              moved={movedSinceLast(feed.history)}
              summary={summaryOf(overview)}
            />
            <FlowList overview={overview} />
          </section>
          <FiguresStrip
            overview={overview}
            created={seriesOf(feed.history, 'created')}
            processed={seriesOf(feed.history, 'processed')}
          />
        </>
      )}
      <WalkCard followedId={followedId} />
    </div>
  )
}

function FeedState(props: { readonly feed: OverviewFeed }) {
  const { receivedAtMs, stream } = props.feed
  if (receivedAtMs === null) return null
  return (
    <p className="freshness">
      {stream.kind === 'live' ? <Chip tone="good">Live</Chip> : <Chip tone="attention">Stale</Chip>}
      <span className="eyebrow">
        updated <Ago atMs={receivedAtMs} />
      </span>
    </p>
  )
}

function FeedProblem(props: { readonly feed: OverviewFeed }) {
  const { stream, problem, receivedAtMs, retryNow } = props.feed
  const shown = stream.kind === 'waiting' || stream.kind === 'refused' ? stream.problem : problem
  if (shown === null) return null
  return (
    <ProblemNotice
      problem={shown}
      onRetry={retryNow}
      {...(receivedAtMs === null ? {} : { lastGoodAtMs: receivedAtMs })}
    />
  )
}
