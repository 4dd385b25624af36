import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { count, integer } from '../../lib/format.ts'
import { useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useHeldValue, useHold } from '../../lib/use-held.ts'
import { Icon } from '../../ui/icon.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { topQuery } from './api.ts'
import { formulaText } from './mappers.ts'
import type { RankedThread } from './model.ts'
import './analytics.css'

/** A course's ten most engaging threads. Their order stands still while pointer or focus is in the list. */
export function TopThreads(props: {
  readonly courseId: string
  /** The thread that is open beside the list. */
  readonly currentId?: string
  /** Titles known to the page, for lists that come without them. */
  readonly titles?: ReadonlyMap<string, string>
  /** Changes whenever the list may have changed. */
  readonly changedAtMs?: number | null
}) {
  const client = useQueryClient()
  const query = useQuery(topQuery(props.courseId))
  useEffect(() => {
    if (props.changedAtMs != null) void client.invalidateQueries({ queryKey: ['top'] })
  }, [client, props.changedAtMs])
  const { isHeld, ref } = useHold()
  const { shown, isPaused, release } = useHeldValue(query.data, isHeld)
  useKeys(isPaused ? { l: release } : {})
  return (
    <section ref={ref} className="plate top-threads" aria-labelledby="top-title">
      <header>
        <h2 id="top-title">Top 10 by engagement</h2>
        {isPaused && (
          <button type="button" className="chip" data-tone="attention" onClick={release}>
            <Icon name="pause" /> Held, show new
          </button>
        )}
      </header>
      <p className="eyebrow">
        in {props.courseId}, all time{shown !== undefined && `: ${formulaText(shown.weights)}`}
      </p>
      {query.isPending && <Skeleton lines={5} label="the top list" />}
      {query.isError && (
        <ProblemNotice
          problem={asProblem(query.error)}
          onRetry={() => void query.refetch()}
          lastGoodAtMs={query.dataUpdatedAt}
        />
      )}
      {shown?.threads.length === 0 && (
        <EmptyState title="Nothing yet">
          Analytics has no event of this course. Read or comment on a thread to begin.
        </EmptyState>
      )}
      {shown !== undefined && shown.threads.length > 0 && (
        <RankedList {...props} threads={shown.threads} />
      )}
    </section>
  )
}

function RankedList(props: {
  readonly threads: readonly RankedThread[]
  readonly currentId?: string
  readonly titles?: ReadonlyMap<string, string>
}) {
  const most = Math.max(1, ...props.threads.map((thread) => thread.engagementScore))
  return (
    <ol>
      {props.threads.map((thread) => (
        <li key={thread.threadId} aria-current={thread.threadId === props.currentId || undefined}>
          <span className="rank figure">{thread.rank}</span>
          <Link
            to="/discussions/$threadId"
            params={{ threadId: thread.threadId }}
            title={[
              count(thread.viewCount, 'view'),
              count(thread.commentCount, 'comment'),
              count(thread.upvotes, 'up vote'),
              count(thread.downvotes, 'down vote'),
            ].join(', ')}
          >
            {thread.title ?? props.titles?.get(thread.threadId) ?? thread.threadId}
          </Link>
          <span className="figure">{integer(thread.engagementScore)}</span>
          <span
            className="rank-bar"
            aria-hidden="true"
            style={{ inlineSize: `${(thread.engagementScore / most) * 100}%` }}
          />
        </li>
      ))}
    </ol>
  )
}
