import { Link } from '@tanstack/react-router'
import { count, integer } from '../../../lib/format.ts'
import { Icon } from '../../../ui/icon.tsx'
import { Time } from '../../../ui/time.tsx'
import { usePersonName } from '../../identity/use-me.ts'
import type { ThreadSummary } from '../model.ts'

export function ThreadList(props: {
  readonly threads: readonly ThreadSummary[]
  readonly onCourse: (courseId: string) => void
  readonly isStale: boolean
}) {
  return (
    <ul className="thread-list" aria-busy={props.isStale}>
      {props.threads.map((thread) => (
        <ThreadRow key={thread.id} thread={thread} onCourse={props.onCourse} />
      ))}
    </ul>
  )
}

function ThreadRow(props: {
  readonly thread: ThreadSummary
  readonly onCourse: (courseId: string) => void
}) {
  const { thread } = props
  const nameOf = usePersonName()
  const { upvotes, downvotes } = thread.votes
  return (
    <li>
      <div className="thread-row-text">
        <h2>
          <Link to="/discussions/$threadId" params={{ threadId: thread.id }} data-row="">
            {thread.title}
          </Link>
        </h2>
        <p className="excerpt">{thread.content}</p>
        <p className="eyebrow">
          <button
            type="button"
            className="course-tag"
            title={`Only threads of ${thread.courseId}`}
            onClick={() => props.onCourse(thread.courseId)}
          >
            {thread.courseId}
          </button>{' '}
          {nameOf(thread.authorId)}, <Time atMs={thread.createdAtMs} />
        </p>
      </div>
      <ul className="thread-row-figures figure">
        <li title={count(upvotes, 'up vote')}>
          <Icon name="arrowUp" />
          {integer(upvotes)}
          <span className="visually-hidden"> up votes</span>
        </li>
        <li title={count(downvotes, 'down vote')}>
          <Icon name="arrowDown" />
          {integer(downvotes)}
          <span className="visually-hidden"> down votes</span>
        </li>
        <li title={count(thread.commentCount, 'comment')}>
          <Icon name="comment" />
          {integer(thread.commentCount)}
          <span className="visually-hidden"> comments</span>
        </li>
        <li title={count(thread.viewCount, 'view')}>
          <Icon name="eye" />
          {integer(thread.viewCount)}
          <span className="visually-hidden"> views</span>
        </li>
      </ul>
    </li>
  )
}
