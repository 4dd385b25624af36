import { useNavigate, useSearch } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/states.tsx'
import type { StoreFacts, StreamApp } from './model.ts'
import { findingsOf, storeReadOf, type Finding, type StoreSearch } from './store-read.ts'
import { StoreRows } from './store-rows.tsx'

const keyHints: Readonly<Record<string, string>> = {
  text: 'text, as it is',
  integer: 'a whole number',
  number: 'a number',
  base64url: 'bytes in base64url',
  json: 'JSON',
}

/** Looks into a store: the address has what is looked for, and the rows stand below. */
export function StoreBrowser(props: { readonly app: StreamApp }) {
  const { app } = props
  const search = useSearch({ from: '/streams' })
  const navigate = useNavigate()
  const readable = app.stores.filter(({ keyForm }) => keyForm !== null)
  const store = readable.find(({ name }) => name === search.store)
  const read = store && storeReadOf(search, store.kind, store.keyForm)
  const isUnknown = search.store !== undefined && store === undefined
  const look = (next: StoreSearch): void =>
    void navigate({ to: '/streams', search: next, resetScroll: false })
  return (
    <section className="store-browser" aria-labelledby={`stores-${app.applicationId}`}>
      <h3 id={`stores-${app.applicationId}`}>Look into a store</h3>
      {/* What was typed for one address is not meant for the next. */}
      <StoreForm
        key={JSON.stringify(search)}
        stores={readable}
        search={search}
        onLook={(next) => look(next)}
      />
      {isUnknown && (
        <EmptyState title={`There is no store ${search.store} that can be read`}>
          Those that can be: {readable.map(({ name }) => name).join(', ')}. What joins and timers
          keep for themselves cannot be read from outside.
        </EmptyState>
      )}
      {read != null && (
        <StoreRows
          id={app.applicationId}
          read={read}
          onKey={(key) => look({ store: read.store, find: 'key', key })}
        />
      )}
    </section>
  )
}

function StoreForm(props: {
  readonly stores: readonly StoreFacts[]
  readonly search: StoreSearch
  readonly onLook: (search: StoreSearch) => void
}) {
  const { stores, onLook } = props
  const [draft, setDraft] = useState<StoreSearch>(props.search)
  const store = stores.find(({ name }) => name === draft.store) ?? stores[0]
  if (store === undefined) return <p>This app has no store that can be read.</p>
  const findings = findingsOf(store.kind, store.keyForm)
  const finding = findings.find(({ find }) => find === draft.find) ?? findings[0]
  if (finding === undefined) return null
  const change = (part: Partial<StoreSearch>): void => setDraft({ ...draft, ...part })
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const given = finding.fields.flatMap((field) => {
      const text = draft[field]
      return text === undefined || text === '' ? [] : [[field, text] as const]
    })
    onLook({ store: store.name, find: finding.find, ...Object.fromEntries(given) })
  }
  const needsKey = finding.fields.includes('key') && (draft.key ?? '') === ''
  return (
    <form className="store-form" role="search" onSubmit={submit}>
      <Select
        label="Store"
        value={store.name}
        choices={stores.map(({ name }) => [name, name])}
        onChange={(name) => change({ store: name })}
      />
      <Select
        label="Find"
        value={finding.find}
        choices={findings.map(({ find, label }) => [find, label])}
        onChange={(find) => change({ find })}
      />
      {finding.fields.map((field) => (
        <Field
          key={field}
          field={field}
          keyHint={keyHints[store.keyForm ?? ''] ?? ''}
          value={draft[field] ?? ''}
          onChange={(value) => change({ [field]: value })}
        />
      ))}
      <Button type="submit" look="primary" disabled={needsKey}>
        Look
      </Button>
    </form>
  )
}

const labels: Readonly<Record<Finding['fields'][number], string>> = {
  key: 'Key',
  from: 'From key',
  to: 'To key',
  since: 'Since (UTC)',
  until: 'Until (UTC)',
  order: 'Order',
}

function Field(props: {
  readonly field: Finding['fields'][number]
  readonly keyHint: string
  readonly value: string
  readonly onChange: (value: string) => void
}) {
  const { field, keyHint, value, onChange } = props
  if (field === 'order')
    return (
      <Select
        label={labels.order}
        value={value === 'desc' ? 'desc' : 'asc'}
        choices={[
          ['asc', 'first to last'],
          ['desc', 'last to first'],
        ]}
        onChange={onChange}
      />
    )
  const isTime = field === 'since' || field === 'until'
  return (
    <label className="store-field">
      <span>{labels[field]}</span>
      <input
        className="input mono"
        type={isTime ? 'datetime-local' : 'text'}
        {...(isTime ? { step: 1 } : { maxLength: 4_000, placeholder: keyHint })}
        value={value}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}

function Select(props: {
  readonly label: string
  readonly value: string
  readonly choices: readonly (readonly [value: string, label: string])[]
  readonly onChange: (value: string) => void
}) {
  return (
    <label className="store-field">
      <span>{props.label}</span>
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
