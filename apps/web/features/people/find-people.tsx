import { type RefObject, type SubmitEvent, useEffect, useState } from 'react'
import { Button } from '../../ui/button.tsx'

/** Part of a name, an address or an id; Enter applies it, the address of the page keeps it. */
export function FindPeople(props: {
  readonly field: RefObject<HTMLInputElement | null>
  readonly value: string
  readonly onFind: (text: string) => void
}) {
  const [draft, setDraft] = useState(props.value)
  useEffect(() => setDraft(props.value), [props.value])
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    props.onFind(draft.trim())
  }
  return (
    <form className="people-find" role="search" onSubmit={submit}>
      <label htmlFor="people-q">Find</label>
      <input
        id="people-q"
        ref={props.field}
        className="input"
        type="search"
        value={draft}
        maxLength={100}
        placeholder="part of a name, e-mail address or id"
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
      <Button type="submit">Find</Button>
      {props.value !== '' && (
        <Button icon="cross" onClick={() => props.onFind('')}>
          Show everybody
        </Button>
      )}
    </form>
  )
}
