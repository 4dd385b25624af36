import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useTitle } from '../../lib/use-title.ts'
import { useStore } from '../../lib/store.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { Ago, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { WalkCard } from '../follow/walk-card.tsx'
import { FiguresStrip } from './figures-strip.tsx'
import { FlowList } from './flow-list.tsx'
import { FlowMap } from './flow-map.tsx'
import { movedInShop, movedSinceLast, seriesOf, shopSeriesOf } from './history.ts'
import { type Overview, rateWindowMs } from './model.ts'
import { ShopFigures } from './shop-figures.tsx'
import { ShopList } from './shop-list.tsx'
import { ShopMap } from './shop-map.tsx'
import { shopSummaryOf } from './shop.ts'
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
  const view = as === 'list' ? 'list' : 'map'
  const toggle = (): void =>
    void navigate({
      to: '/',
      search: {
        ...(followedId === null ? {} : { event: followedId }),
        ...(view === 'list' ? {} : { as: 'list' }),
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
            data-view={view}
            data-stale={feed.stream.kind !== 'live'}
          >
            <div className="flow-tools">
              <span className="eyebrow">Rates are means of the last {rateWindowMs / 1000} s.</span>
              <Button look="plain" className="flow-toggle" onClick={toggle}>
                {view === 'list' ? 'As a map' : 'As a list'}
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
      {overview !== undefined && <ShopSection feed={feed} overview={overview} view={view} />}
    </div>
  )
}

function ShopSection(props: {
  readonly feed: OverviewFeed
  readonly overview: Overview
  readonly view: 'map' | 'list'
}) {
  const { feed, overview } = props
  return (
    <>
      <section
        className="plate flow"
        aria-labelledby="shop-title"
        data-view={props.view}
        data-stale={feed.stream.kind !== 'live'}
      >
        <div className="flow-tools">
          <h2 id="shop-title">The shop</h2>
          <Link to="/orders">Place and follow orders</Link>
        </div>
        <ShopMap
          overview={overview}
          moved={movedInShop(feed.history)}
          summary={shopSummaryOf(overview)}
        />
        <ShopList overview={overview} />
      </section>
      <ShopFigures
        overview={overview}
        placed={shopSeriesOf(feed.history, 'placed')}
        decided={shopSeriesOf(feed.history, 'decided')}
      />
    </>
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
