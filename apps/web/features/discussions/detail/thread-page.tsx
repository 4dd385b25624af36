import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { useKeys } from '../../../lib/keys.ts'
import { asProblem } from '../../../lib/problem.ts'
import { useStore } from '../../../lib/store.ts'
import { useTitle } from '../../../lib/use-title.ts'
import { useHold } from '../../../lib/use-held.ts'
import { Icon } from '../../../ui/icon.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../../ui/states.tsx'
import { topQuery } from '../../analytics/api.ts'
import { AggregatePanel } from '../../analytics/aggregate-panel.tsx'
import type { Aggregate } from '../../analytics/model.ts'
import { TopThreads } from '../../analytics/top-threads.tsx'
import { useLiveAggregate } from '../../analytics/use-live-aggregate.ts'
import { ownActsStore } from '../../follow/own-acts.ts'
import { useWalk } from '../../follow/use-walk.ts'
import { toCommentTree } from '../mappers.ts'
import type { Thread } from '../model.ts'
import { CommentForm } from './comment-form.tsx'
import { CommentTree } from './comment-tree.tsx'
import { OwnEvent } from './own-event.tsx'
import { ThreadPost } from './thread-post.tsx'
import { useAddComment } from './use-acts.ts'
import { useThread } from './use-thread.ts'
import '../discussions.css'

/** A thread to read, comment and vote on; beside it, live, what analytics makes of that. */
export function ThreadPage() {
  const { threadId } = useParams({ from: '/discussions/$threadId' })
  // A page of its own for each thread: nothing of the one before may linger.
  return <ThreadView key={threadId} threadId={threadId} />
}

function ThreadView(props: { readonly threadId: string }) {
  const { threadId } = props
  const { event: followedId = null } = useSearch({ from: '/discussions/$threadId' })
  const thread = useThread(threadId)
  useTitle(thread.data?.title ?? 'Thread')
  const comments = useHold()
  const [hasNews, setHasNews] = useState(false)
  const live = useLiveAggregate(threadId, {
    onChange: (next, before) => {
      if (changesThread(next, before)) setHasNews(true)
    },
    onDeleted: () => void thread.refetch(),
  })
  const courseId = thread.data?.courseId ?? null
  const top = useQuery({ ...topQuery(courseId ?? ''), enabled: courseId !== null })
  const showNews = useNews(hasNews, comments.isHeld, () => {
    setHasNews(false)
    void thread.refetch()
  })
  const ownAct = useStore(ownActsStore).findLast((act) => act.threadId === threadId)
  const latest = useWalk(ownAct?.eventId ?? null)
  useKeys({ u: clickUpVote })
  const isOnItsWay = ownAct !== undefined && !latest.walk.isFinished && !latest.walk.hasFailed
  return (
    <div className="page two-columns">
      <div className="thread-column">
        {thread.isPending && <Skeleton lines={8} label="the thread" />}
        {thread.isError && (
          <ProblemNotice
            problem={asProblem(thread.error)}
            onRetry={() => void thread.refetch()}
            lastGoodAtMs={thread.dataUpdatedAt}
          />
        )}
        {thread.isError && thread.data === undefined && (
          <Link to="/discussions">To all discussions</Link>
        )}
        {thread.data !== undefined && (
          <>
            <ThreadPost thread={thread.data} />
            <section
              ref={comments.ref}
              aria-labelledby="comments-title"
              className="comment-section"
            >
              <Comments thread={thread.data} onShowNews={hasNews ? showNews : null} />
            </section>
            <NewComment threadId={threadId} />
          </>
        )}
      </div>
      <aside className="side" aria-label="Analytics">
        <AggregatePanel
          live={live}
          onItsWay={isOnItsWay ? (ownAct?.label ?? null) : null}
          weights={top.data?.weights ?? null}
        />
        <OwnEvent threadId={threadId} latest={latest} followedId={followedId} />
        {thread.data !== undefined && (
          <TopThreads
            courseId={thread.data.courseId}
            currentId={threadId}
            titles={new Map([[threadId, thread.data.title]])}
            changedAtMs={live.aggregate?.updatedAtMs ?? null}
          />
        )}
      </aside>
    </div>
  )
}

/** Views alone change nothing that the thread's column shows row by row. */
function changesThread(next: Aggregate, before: Aggregate | null): boolean {
  return (
    before === null ||
    next.commentCount !== before.commentCount ||
    next.upvotes !== before.upvotes ||
    next.downvotes !== before.downvotes
  )
}

/** Takes news in at once, but never while the reader's pointer or focus is among the comments. */
function useNews(hasNews: boolean, isHeld: boolean, take: () => void): () => void {
  const takeNow = useRef(take)
  takeNow.current = take
  useEffect(() => {
    if (hasNews && !isHeld) takeNow.current()
  }, [hasNews, isHeld])
  useKeys(hasNews ? { l: take } : {})
  return take
}

function clickUpVote(): void {
  document.querySelector<HTMLButtonElement>('[data-vote="thread-up"]')?.click()
}

function Comments(props: { readonly thread: Thread; readonly onShowNews: (() => void) | null }) {
  const { thread } = props
  const tree = toCommentTree(thread.comments)
  const shown = thread.comments.filter(({ isDeleted }) => !isDeleted).length
  return (
    <>
      <header>
        <h2 id="comments-title">
          Comments <span className="figure eyebrow">{shown}</span>
        </h2>
        {props.onShowNews !== null && (
          <button type="button" className="chip" data-tone="attention" onClick={props.onShowNews}>
            <Icon name="pause" /> Held, show what is new
          </button>
        )}
      </header>
      {tree.length === 0 ? (
        <EmptyState title="No comments yet">
          Write the first one below; it counts five towards the engagement of this thread.
        </EmptyState>
      ) : (
        <CommentTree threadId={thread.id} nodes={tree} />
      )}
    </>
  )
}

function NewComment(props: { readonly threadId: string }) {
  const add = useAddComment(props.threadId)
  const box = useRef<HTMLDivElement | null>(null)
  useKeys({ c: () => box.current?.querySelector('textarea')?.focus() })
  return (
    <div ref={box}>
      <CommentForm
        label="Your comment"
        submitLabel="Post comment"
        isPending={add.isPending}
        problem={add.error === null ? null : asProblem(add.error)}
        onSubmit={(content, onDone) =>
          add.mutate({ content, parentId: null }, { onSuccess: onDone })
        }
      />
    </div>
  )
}
