import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { moveRow, useKeys } from '../../../lib/keys.ts'
import { useTitle } from '../../../lib/use-title.ts'
import { asProblem } from '../../../lib/problem.ts'
import { Button } from '../../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../../ui/states.tsx'
import { coursesQuery } from '../../analytics/api.ts'
import type { Course } from '../../analytics/model.ts'
import { TopThreads } from '../../analytics/top-threads.tsx'
import { listThreads } from '../api.ts'
import type { ThreadSummary } from '../model.ts'
import { CourseFilter } from './course-filter.tsx'
import { CourseIndex } from './course-index.tsx'
import { NewThreadDialog } from './new-thread-dialog.tsx'
import { ThreadList } from './thread-list.tsx'
import { useLiveCourse } from './use-live-course.ts'
import '../discussions.css'

/** Threads, newest first, of all courses or one; beside them that course's top list. */
export function DiscussionsPage() {
  const { course = null } = useSearch({ from: '/discussions' })
  useTitle(course === null ? 'Discussions' : `Discussions in ${course}`)
  const navigate = useNavigate()
  const filterField = useRef<HTMLInputElement | null>(null)
  const [isComposing, setIsComposing] = useState(false)
  const compose = (): void => setIsComposing(true)
  const filter = (next: string | null): void =>
    void navigate({ to: '/discussions', search: next === null ? {} : { course: next } })
  useKeys({
    '/': () => filterField.current?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    c: compose,
  })
  const threads = useThreads(course)
  const items = threads.data?.pages.flatMap((page) => page.items)
  const courses = coursesOf(items ?? [], useQuery(coursesQuery).data ?? [])
  const changedAtMs = useLiveCourse(course)
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Discussions</h1>
          <p>Questions and answers by course. Every click here becomes an event you can follow.</p>
        </div>
        <Button look="primary" icon="plus" onClick={compose}>
          New thread
        </Button>
      </header>
      <div className="two-columns">
        <section aria-label="Threads" className="threads">
          <CourseFilter field={filterField} value={course} courses={courses} onChange={filter} />
          {threads.isError && (
            <ProblemNotice
              problem={asProblem(threads.error)}
              onRetry={() => void threads.refetch()}
              lastGoodAtMs={threads.dataUpdatedAt}
            />
          )}
          {threads.isPending && <Skeleton lines={9} label="threads" />}
          {items?.length === 0 && !threads.isPlaceholderData && (
            <NoThreads course={course} onCompose={compose} onClear={() => filter(null)} />
          )}
          {items !== undefined && items.length > 0 && (
            <ThreadList threads={items} onCourse={filter} isStale={threads.isPlaceholderData} />
          )}
          {threads.hasNextPage && (
            <Button
              disabled={threads.isFetchingNextPage}
              onClick={() => void threads.fetchNextPage()}
            >
              {threads.isFetchingNextPage ? 'Loading older threads' : 'Older threads'}
            </Button>
          )}
        </section>
        <aside>
          {course === null ? (
            <CourseIndex onChoose={filter} />
          ) : (
            <TopThreads
              key={course}
              courseId={course}
              titles={titlesOf(items ?? [])}
              changedAtMs={changedAtMs}
            />
          )}
        </aside>
      </div>
      <NewThreadDialog
        isOpen={isComposing}
        courses={courses}
        courseId={course ?? ''}
        onClose={() => setIsComposing(false)}
      />
    </div>
  )
}

function useThreads(course: string | null) {
  return useInfiniteQuery({
    queryKey: ['threads', course],
    queryFn: ({ pageParam, signal }) =>
      listThreads({ courseId: course, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    // Another course: the rows before stay, dimmed, until the new ones are there.
    placeholderData: keepPreviousData,
  })
}

function NoThreads(props: {
  readonly course: string | null
  readonly onCompose: () => void
  readonly onClear: () => void
}) {
  const compose = (
    <Button look="primary" icon="plus" onClick={props.onCompose}>
      Open the first thread
    </Button>
  )
  if (props.course === null) {
    return (
      <EmptyState title="No threads yet" action={compose}>
        A thread is a question or a note in a course. Opening one writes the first event.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      title="Nothing matches"
      action={
        <div className="actions">
          <Button onClick={props.onClear}>Show all courses</Button>
          {compose}
        </div>
      }
    >
      There is no thread in course <strong>{props.course}</strong>. Course names match exactly.
    </EmptyState>
  )
}

/** Names to suggest: what analytics knows, and what is shown and may be newer. */
function coursesOf(threads: readonly ThreadSummary[], known: readonly Course[]): readonly string[] {
  const names = new Set([...known.map(({ id }) => id), ...threads.map((thread) => thread.courseId)])
  return [...names].toSorted((a, b) => a.localeCompare(b))
}

function titlesOf(threads: readonly ThreadSummary[]): ReadonlyMap<string, string> {
  return new Map(threads.map(({ id, title }) => [id, title]))
}
