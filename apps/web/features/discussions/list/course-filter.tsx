import { type RefObject, type SubmitEvent, useEffect, useState } from 'react'
import { Button } from '../../../ui/button.tsx'

/** The course whose threads are shown. Choosing or Enter applies it; the address keeps it. */
export function CourseFilter(props: {
  readonly field: RefObject<HTMLInputElement | null>
  readonly value: string | null
  readonly courses: readonly string[]
  readonly onChange: (course: string | null) => void
}) {
  const [draft, setDraft] = useState(props.value ?? '')
  useEffect(() => setDraft(props.value ?? ''), [props.value])
  const apply = (text: string): void => props.onChange(text.trim() === '' ? null : text.trim())
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    apply(draft)
  }
  return (
    <form className="course-filter" role="search" onSubmit={submit}>
      <label htmlFor="course">Course</label>
      <input
        id="course"
        ref={props.field}
        className="input"
        list="courses"
        value={draft}
        placeholder="All courses"
        autoComplete="off"
        onChange={(event) => {
          setDraft(event.target.value)
          if (props.courses.includes(event.target.value)) apply(event.target.value)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
      <datalist id="courses">
        {props.courses.map((course) => (
          <option key={course} value={course} />
        ))}
      </datalist>
      {props.value === null ? (
        <Button type="submit">Filter</Button>
      ) : (
        <Button icon="cross" onClick={() => props.onChange(null)}>
          All courses
        </Button>
      )}
    </form>
  )
}
