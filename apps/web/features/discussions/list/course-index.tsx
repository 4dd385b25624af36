import { useQuery } from '@tanstack/react-query'
import { count } from '../../../lib/format.ts'
import { asProblem } from '../../../lib/problem.ts'
import { EmptyState, ProblemNotice, Skeleton } from '../../../ui/states.tsx'
import { coursesQuery } from '../../analytics/api.ts'

/** Courses listed; the others are found by typing their name. */
const shownCourses = 24

/** Courses as analytics counts them; choosing one brings its threads and its top list. */
export function CourseIndex(props: { readonly onChoose: (course: string) => void }) {
  const courses = useQuery(coursesQuery)
  const all = courses.data ?? []
  const hidden = all.length - shownCourses
  return (
    <section className="plate course-index" aria-labelledby="courses-title">
      <h2 id="courses-title">Courses</h2>
      <p className="eyebrow">Choose one to see its top ten by engagement.</p>
      {courses.isPending && <Skeleton lines={5} label="courses" />}
      {courses.isError && (
        <ProblemNotice
          problem={asProblem(courses.error)}
          onRetry={() => void courses.refetch()}
          lastGoodAtMs={courses.dataUpdatedAt}
        />
      )}
      {courses.data?.length === 0 && (
        <EmptyState title="Nothing yet">Analytics has no event of any course.</EmptyState>
      )}
      <ul>
        {all.slice(0, shownCourses).map(({ id, threadCount }) => (
          <li key={id}>
            <button type="button" className="course-tag" onClick={() => props.onChoose(id)}>
              {id}
            </button>
            <span className="eyebrow figure">{count(threadCount, 'thread')}</span>
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <p className="eyebrow">and {count(hidden, 'more', 'more')}: type a name in the filter</p>
      )}
    </section>
  )
}
