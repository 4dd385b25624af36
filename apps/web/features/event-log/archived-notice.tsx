import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { count } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { Icon } from '../../ui/icon.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { restoreDay } from './api.ts'
import type { ArchivedDays } from './model.ts'
import '../operations/operations.css'

const shownRanges = 6

/** Says which days could not be looked at since they are in files, and brings one back. */
export function ArchivedNotice(props: { readonly archived: readonly ArchivedDays[] }) {
  const { archived } = props
  if (archived.length === 0) return null
  return (
    <div className="notice" role="status">
      <h2>
        <Icon name="alert" /> Archived days were not looked at
      </h2>
      <ul>
        {archived.slice(0, shownRanges).map((days) => (
          <li key={`${days.service} ${days.side} ${days.firstDay}`}>
            <strong>{daysText(days)}</strong>: {days.side} log of {days.service},{' '}
            {count(days.events, 'event')}
          </li>
        ))}
        {archived.length > shownRanges && (
          <li>and {count(archived.length - shownRanges, 'further range')} of days</li>
        )}
      </ul>
      <details>
        <summary>Bring a day back</summary>
        <RestoreForm archived={archived} />
      </details>
    </div>
  )
}

function daysText({ firstDay, lastDay }: ArchivedDays): string {
  return firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
}

function RestoreForm(props: { readonly archived: readonly ArchivedDays[] }) {
  const { archived } = props
  const services = [...new Set(archived.map(({ service }) => service))]
  const [fields, setFields] = useState({
    service: services[0] ?? '',
    day: archived[0]?.lastDay ?? '',
    reason: '',
  })
  const client = useQueryClient()
  const restoring = useMutation({
    mutationFn: restoreDay,
    onSettled: () =>
      Promise.all(
        ['event-log', 'journey', 'archive'].map((key) =>
          client.invalidateQueries({ queryKey: [key] }),
        ),
      ),
  })
  const reason = fields.reason.trim()
  const isArchived = archived.some(
    ({ service, firstDay, lastDay }) =>
      service === fields.service && fields.day >= firstDay && fields.day <= lastDay,
  )
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (reason !== '' && isArchived && !restoring.isPending)
      restoring.mutate({ service: fields.service, day: fields.day, reason })
  }
  return (
    <form className="operation-form" onSubmit={submit}>
      <label>
        Service
        <select
          className="input"
          value={fields.service}
          onChange={(event) => setFields({ ...fields, service: event.target.value })}
        >
          {services.map((service) => (
            <option key={service}>{service}</option>
          ))}
        </select>
      </label>
      <label>
        Day (UTC)
        <input
          className="input"
          type="date"
          value={fields.day}
          aria-invalid={!isArchived}
          onChange={(event) => setFields({ ...fields, day: event.target.value })}
        />
      </label>
      <TextField
        label="Why"
        value={fields.reason}
        onChange={(text) => setFields({ ...fields, reason: text })}
        maxLength={1_000}
        isRequired
        hint="It stays for a week. Nothing of it is published or handled again."
      />
      <div className="actions">
        <Button
          type="submit"
          look="primary"
          disabled={reason === '' || !isArchived || restoring.isPending}
        >
          {restoring.isPending ? 'Bringing it back' : 'Bring the day back'}
        </Button>
        {restoring.isSuccess && <Chip tone="good">it is back</Chip>}
      </div>
      {restoring.isError && <ProblemNotice problem={asProblem(restoring.error)} />}
    </form>
  )
}
