import { useQuery } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { listGroups } from './api.ts'
import { isoOfLocal, localOf } from './mappers.ts'
import type { KnownGroup } from './model.ts'
import { usePlan } from './use-plan.ts'

/** Which part of the past a group is to handle once more. Ends in a plan, not in an act. */
export function ReplayDialog(props: { readonly isOpen: boolean; readonly onClose: () => void }) {
  const groups = useQuery({
    queryKey: ['operations', 'groups'],
    queryFn: ({ signal }) => listGroups(signal),
    enabled: props.isOpen,
  })
  return (
    <Dialog title="Replay a part of the past" isOpen={props.isOpen} onClose={props.onClose}>
      <p>
        Events that a group has handled go through its handler once more. First you see how many,
        and which.
      </p>
      {groups.isError && (
        <ProblemNotice problem={asProblem(groups.error)} onRetry={() => void groups.refetch()} />
      )}
      {groups.data?.length === 0 && <p>No group keeps a log yet: there is no past to replay.</p>}
      {groups.data !== undefined && groups.data.length > 0 && <ReplayForm groups={groups.data} />}
    </Dialog>
  )
}

const hourMs = 3_600_000

function ReplayForm(props: { readonly groups: readonly KnownGroup[] }) {
  const { groups } = props
  const [nowMs] = useState(() => Date.now())
  const [fields, setFields] = useState({
    group: keyOf(groups[0] as KnownGroup),
    source: '',
    topic: onlyTopicOf(groups[0]),
    from: localOf(nowMs - hourMs),
    to: localOf(nowMs),
    eventType: '',
    key: '',
    rate: '50',
    isForced: false,
  })
  const plan = usePlan()
  const set = (part: Partial<typeof fields>): void => setFields({ ...fields, ...part })
  const chosen = groups.find((each) => keyOf(each) === fields.group) ?? groups[0]
  const sources = groups.filter(
    (each) => each.service === chosen?.service && each.group !== chosen.group,
  )
  const from = isoOfLocal(fields.from)
  const to = isoOfLocal(fields.to)
  const ratePerSecond = Number(fields.rate)
  const timeFault =
    from === undefined || to === undefined
      ? 'Give both times.'
      : from >= to
        ? 'The end must lie after the beginning.'
        : undefined
  const isRate = ratePerSecond > 0 && ratePerSecond <= 10_000
  const isReady =
    chosen !== undefined && fields.topic.trim() !== '' && timeFault === undefined && isRate
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!isReady || plan.isPending) return
    plan.mutate({
      service: chosen.service,
      kind: 'replay',
      group: chosen.group,
      ...(fields.source !== '' && { sourceGroup: fields.source }),
      topic: fields.topic.trim(),
      from,
      to,
      ...(fields.eventType.trim() !== '' && { eventType: fields.eventType.trim() }),
      ...(fields.key.trim() !== '' && { key: fields.key.trim() }),
      ...(fields.isForced && { force: true }),
      ratePerSecond,
    })
  }
  return (
    <form className="operation-form" onSubmit={submit}>
      <label className="field">
        <strong>Group that handles them</strong>
        <select
          className="input"
          value={fields.group}
          onChange={(event) => {
            const next = groups.find((each) => keyOf(each) === event.target.value)
            set({ group: event.target.value, source: '', topic: onlyTopicOf(next) })
          }}
        >
          {groups.map((each) => (
            <option key={keyOf(each)} value={keyOf(each)}>
              {each.group} ({each.service}
              {each.isShadow ? ', a shadow' : ''})
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <strong>From the log of</strong>
        <select
          className="input"
          value={fields.source}
          onChange={(event) => set({ source: event.target.value })}
        >
          <option value="">the group itself</option>
          {sources.map((each) => (
            <option key={each.group} value={each.group}>
              {each.group}: fills {chosen?.group} as its shadow
            </option>
          ))}
        </select>
      </label>
      <TextField
        label="Topic"
        value={fields.topic}
        maxLength={249}
        isRequired
        suggestions={[...new Set([chosen, ...sources].flatMap((each) => each?.topics ?? []))]}
        onChange={(topic) => set({ topic })}
      />
      <div className="operation-times">
        <TimeField label="From" value={fields.from} onChange={(value) => set({ from: value })} />
        <TimeField
          label="To, not included"
          value={fields.to}
          onChange={(value) => set({ to: value })}
        />
      </div>
      <p className="eyebrow" role={timeFault === undefined ? undefined : 'alert'}>
        {timeFault ?? `Times are those of this machine (${zoneName()}).`}
      </p>
      <div className="operation-times">
        <TextField
          label="Only this type"
          value={fields.eventType}
          maxLength={100}
          onChange={(eventType) => set({ eventType })}
        />
        <TextField
          label="Only this key"
          value={fields.key}
          maxLength={255}
          onChange={(key) => set({ key })}
        />
      </div>
      <TextField
        label="Events per second"
        value={fields.rate}
        maxLength={6}
        hint="Reached step by step: 1, 2, 5, 10, …"
        fault={isRate ? undefined : 'More than 0, at most 10,000.'}
        onChange={(value) => set({ rate: value })}
      />
      <label className="switch-line">
        <input
          type="checkbox"
          checked={fields.isForced}
          onChange={(event) => set({ isForced: event.target.checked })}
        />
        Also when it repeats effects: mail is sent again, sums are added to once more
      </label>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      <div className="actions">
        <Button type="submit" look="primary" disabled={!isReady || plan.isPending}>
          {plan.isPending ? 'Counting' : 'See what it would do'}
        </Button>
      </div>
    </form>
  )
}

/** Chosen by itself where there is no other. */
function onlyTopicOf(group: KnownGroup | undefined): string {
  return group?.topics.length === 1 ? (group.topics[0] ?? '') : ''
}

function keyOf({ service, group }: KnownGroup): string {
  return `${service} ${group}`
}

function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

function TimeField(props: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}) {
  return (
    <label className="field">
      <strong>{props.label}</strong>
      <input
        className="input"
        type="datetime-local"
        step={1}
        required
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </label>
  )
}
