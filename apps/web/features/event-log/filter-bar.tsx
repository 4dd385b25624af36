import { type RefObject, type SubmitEvent, useEffect, useState } from 'react'
import { Button } from '../../ui/button.tsx'
import { type LogSearch, ranges } from './model.ts'

const statuses = [
  ['', 'Any status'],
  ['FAILED,PARKED', 'Failed or parked'],
  ['PENDING,PUBLISHING,RETRY', 'Not published yet'],
  ['RECEIVED,PROCESSING', 'Not handled yet'],
  ['PUBLISHED', 'Published'],
  ['PROCESSED', 'Processed'],
  ['SKIPPED', 'Skipped'],
] as const

/** What is looked for. Choosing applies at once, text with Enter; the address keeps all of it. */
export function FilterBar(props: {
  readonly field: RefObject<HTMLInputElement | null>
  readonly search: LogSearch
  readonly services: readonly string[]
  readonly onChange: (change: Partial<LogSearch>) => void
  readonly onClear: () => void
}) {
  const { search, onChange } = props
  const [draft, setDraft] = useState(search.q ?? '')
  useEffect(() => setDraft(search.q ?? ''), [search.q])
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    onChange({ q: draft.trim() })
  }
  const isFiltered = Object.values(search).some((value) => value !== undefined && value !== '')
  return (
    <form className="log-filter" role="search" onSubmit={submit}>
      <div className="log-find">
        <label htmlFor="log-q">Find</label>
        <input
          id="log-q"
          ref={props.field}
          className="input"
          type="search"
          value={draft}
          maxLength={200}
          placeholder="any id, or text of a payload or error"
          autoComplete="off"
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur()
          }}
        />
        <Button type="submit">Find</Button>
      </div>
      <Choice
        label="Status"
        value={search.status ?? ''}
        choices={withOwn(statuses, search.status)}
        onChange={(status) => onChange({ status })}
      />
      <Choice
        label="Service"
        value={search.service ?? ''}
        choices={withOwn(
          [['', 'Any service'] as const, ...props.services.map((name) => [name, name] as const)],
          search.service,
        )}
        onChange={(service) => onChange({ service })}
      />
      <Choice
        label="Written"
        value={search.range ?? ranges[0].value}
        choices={ranges.map(({ value, label }) => [value, label] as const)}
        onChange={(range) => onChange({ range: range === ranges[0].value ? '' : range })}
      />
      {isFiltered && (
        <Button icon="cross" onClick={props.onClear}>
          Clear
        </Button>
      )}
    </form>
  )
}

/** A value that came with a link and is none of the usual ones stays visible. */
function withOwn(
  choices: readonly (readonly [string, string])[],
  own: string | undefined,
): readonly (readonly [string, string])[] {
  return own === undefined || choices.some(([value]) => value === own)
    ? choices
    : [...choices, [own, own]]
}

function Choice(props: {
  readonly label: string
  readonly value: string
  readonly choices: readonly (readonly [string, string])[]
  readonly onChange: (value: string) => void
}) {
  return (
    <label className="choice">
      <span className="visually-hidden">{props.label}</span>
      <select
        className="input"
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      >
        {props.choices.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  )
}
