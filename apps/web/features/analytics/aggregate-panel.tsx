import { absent, count, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { Changing } from '../../ui/changing.tsx'
import { Chip } from '../../ui/chip.tsx'
import { Ago, EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { formulaOf } from './mappers.ts'
import type { Aggregate, EngagementWeights } from './model.ts'
import type { LiveAggregate } from './use-live-aggregate.ts'
import './analytics.css'

/** What analytics knows of the thread, how old that is, and whether the reader's own act is in it yet. */
export function AggregatePanel(props: {
  readonly live: LiveAggregate
  /** The reader's act that is not in the aggregate yet, in words; null when all are. */
  readonly onItsWay: string | null
  /** How the course's service weighs; null while not known. */
  readonly weights: EngagementWeights | null
}) {
  const { live } = props
  const { aggregate } = live
  return (
    <section className="plate aggregate" aria-labelledby="aggregate-title">
      <header>
        <h2 id="aggregate-title">In analytics</h2>
        <Freshness live={live} onItsWay={props.onItsWay} />
      </header>
      {live.error !== null && (
        <ProblemNotice problem={asProblem(live.error)} onRetry={live.refetch} />
      )}
      {aggregate === undefined && live.error === null && (
        <Skeleton lines={5} label="the aggregate" />
      )}
      {aggregate === null && (
        <EmptyState title="Not in analytics yet">
          Analytics has no event of this thread. It appears here by itself once the first one
          arrives.
        </EmptyState>
      )}
      {aggregate != null && <Figures aggregate={aggregate} weights={props.weights} />}
    </section>
  )
}

function Freshness(props: { readonly live: LiveAggregate; readonly onItsWay: string | null }) {
  const { stream, aggregate } = props.live
  const updatedAtMs = aggregate?.updatedAtMs ?? null
  return (
    <p className="freshness">
      {stream.kind === 'live' ? (
        props.onItsWay === null ? (
          <Chip tone="good">Live</Chip>
        ) : (
          <Chip tone="busy">Catching up</Chip>
        )
      ) : stream.kind === 'connecting' ? (
        <Chip tone="busy">Connecting</Chip>
      ) : stream.kind === 'refused' ? (
        <Chip tone="attention" title={stream.problem.message}>
          Not live: refused
        </Chip>
      ) : (
        <Chip tone="attention">Stale, reconnecting</Chip>
      )}
      <span className="eyebrow">
        {props.onItsWay !== null ? (
          <>{props.onItsWay} is on its way</>
        ) : (
          updatedAtMs !== null && (
            <>
              updated <Ago atMs={updatedAtMs} />
            </>
          )
        )}
      </span>
    </p>
  )
}

interface FiguresProps {
  readonly aggregate: Aggregate
  readonly weights: EngagementWeights | null
}

function Figures(props: FiguresProps) {
  const { aggregate } = props
  const figures: readonly (readonly [string, number | null])[] = [
    ['views', aggregate.viewCount],
    ['comments', aggregate.commentCount],
    ['up votes', aggregate.upvotes],
    ['down votes', aggregate.downvotes],
    ['participants', aggregate.participants],
  ]
  return (
    <>
      <Engagement {...props} />
      <dl className="figures">
        {figures.map(([unit, value]) => (
          <div key={unit} title={figureHints[unit]}>
            <dt>{unit}</dt>
            <dd data-figure={unit}>
              <Changing value={value}>{integer(value)}</Changing>
            </dd>
          </div>
        ))}
        <div>
          <dt>last activity</dt>
          <dd>
            {aggregate.lastActivityAtMs === null ? (
              absent
            ) : (
              <Time atMs={aggregate.lastActivityAtMs} />
            )}
          </dd>
        </div>
      </dl>
    </>
  )
}

const figureHints: Readonly<Record<string, string>> = {
  'up votes': 'On the thread and its comments',
  'down votes': 'On the thread and its comments',
  participants: 'Different known authors of the thread and its comments',
}

function Engagement(props: FiguresProps) {
  const { engagementScore } = props.aggregate
  const terms = props.weights === null ? null : formulaOf(props.aggregate, props.weights)
  return (
    <div className="engagement">
      <p>
        <Changing value={engagementScore} className="engagement-score">
          {integer(engagementScore)}
        </Changing>{' '}
        engagement
      </p>
      {terms === null ? (
        <p className="eyebrow formula">from views, comments and votes</p>
      ) : (
        <p className="eyebrow figure formula">
          {terms.map(({ what, count: number, weight }, index) => (
            <span key={what}>
              {index > 0 && ' + '}
              {weight === 1 ? '' : `${weight} × `}
              {count(number, what)}
            </span>
          ))}
        </p>
      )}
    </div>
  )
}
