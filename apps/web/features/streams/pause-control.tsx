import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { count } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { Time } from '../../ui/time.tsx'
import { setPaused } from './api.ts'
import { pausedOf } from './mappers.ts'
import type { InstanceProblem, PauseAct, StreamApp } from './model.ts'
import { instanceName } from './task-table.tsx'

/** Pauses the app or has it go on, after a question and with a reason. */
export function PauseControl(props: { readonly app: StreamApp }) {
  const { applicationId: id } = props.app
  const paused = pausedOf(props.app)
  // What was asked stays, also when an answer changes the app beneath the dialog.
  const [asked, setAsked] = useState<{
    readonly act: PauseAct['act']
    readonly isOpen: boolean
  }>({ act: 'pause', isOpen: false })
  const close = (): void => setAsked({ ...asked, isOpen: false })
  return (
    <>
      {paused !== 'none' && (
        <Button
          icon="turn"
          look="primary"
          onClick={() => setAsked({ act: 'resume', isOpen: true })}
        >
          Resume
        </Button>
      )}
      {paused !== 'all' && (
        <Button icon="pause" onClick={() => setAsked({ act: 'pause', isOpen: true })}>
          Pause
        </Button>
      )}
      <Dialog
        title={asked.act === 'pause' ? `Pause ${id}?` : `Resume ${id}?`}
        isOpen={asked.isOpen}
        onClose={close}
      >
        <PauseForm id={id} act={asked.act} onClose={close} />
      </Dialog>
    </>
  )
}

function PauseForm(props: {
  readonly id: string
  readonly act: PauseAct['act']
  readonly onClose: () => void
}) {
  const { id, act, onClose } = props
  const [reason, setReason] = useState('')
  const client = useQueryClient()
  const acting = useMutation({
    mutationFn: () => setPaused(id, act === 'pause', reason.trim()),
    onSuccess: async (missed) => {
      await client.invalidateQueries({ queryKey: ['streams', id] })
      if (missed.length === 0) onClose()
    },
  })
  const isReady = reason.trim() !== '' && !acting.isPending
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (isReady) acting.mutate()
  }
  return (
    <form className="stream-form" onSubmit={submit}>
      <p>
        {act === 'resume'
          ? 'It takes up where it stopped: what waits on its topics is decided, and orders whose time is over end.'
          : 'No instance takes a record or ends an order until somebody resumes them: orders are taken and wait, what was reserved stays so, and time-outs wait too. They keep their tasks, and their stores can be read.'}
      </p>
      <TextField
        label="Why"
        value={reason}
        onChange={setReason}
        maxLength={200}
        isRequired
        autoFocus
        hint="One sentence for whoever asks later. The log has it, with your name."
      />
      {acting.isError && <ProblemNotice problem={asProblem(acting.error)} />}
      {acting.data !== undefined && acting.data.length > 0 && (
        <NotReached act={act} missed={acting.data} />
      )}
      <div className="actions">
        <Button type="submit" look={act === 'pause' ? 'danger' : 'primary'} disabled={!isReady}>
          {act === 'pause' ? 'Pause the app' : 'Resume the app'}
        </Button>
        <Button onClick={onClose}>Leave it</Button>
      </div>
    </form>
  )
}

/** Instances that go on as they were. */
function NotReached(props: {
  readonly act: PauseAct['act']
  readonly missed: readonly InstanceProblem[]
}) {
  const { act, missed } = props
  return (
    <div className="notice" data-tone="attention" role="alert">
      <h3>
        {count(missed.length, 'instance')} could not be{' '}
        {act === 'pause' ? 'paused: it goes on' : 'resumed: it stays as it was'}
      </h3>
      <ul>
        {missed.map(({ name, problem }) => (
          <li key={name}>
            <span className="mono">{name}</span> {problem}
          </li>
        ))}
      </ul>
      <p>The others did what was asked. Ask again to reach the rest.</p>
    </div>
  )
}

export function PausedChip(props: { readonly app: StreamApp }) {
  const paused = pausedOf(props.app)
  if (paused === 'none') return null
  return <Chip tone="attention">{paused === 'all' ? 'paused' : 'paused in part'}</Chip>
}

/** Who paused it, when and why, for as long as an instance is paused. */
export function PausedNotice(props: { readonly app: StreamApp }) {
  const { instances, pauseActs } = props.app
  const paused = pausedOf(props.app)
  const last = pauseActs.find(({ act }) => act === 'pause')
  if (paused === 'none' || last === undefined) return null
  const names = instances.filter(({ isPaused }) => isPaused === true).map(instanceName)
  return (
    <div className="notice" data-tone="attention" role="status">
      <h3>
        {paused === 'all'
          ? 'Paused: nothing is decided'
          : `Paused in part: ${names.join(', ')} ${names.length === 1 ? 'decides' : 'decide'} nothing, the others go on`}
      </h3>
      <p>
        By {last.by}, <Time atMs={last.atMs} />: {last.reason}
      </p>
    </div>
  )
}

export function PauseActs(props: { readonly acts: readonly PauseAct[] }) {
  if (props.acts.length === 0) return null
  return (
    <section aria-label="Pauses">
      <h3>Pauses</h3>
      <ul className="stream-list">
        {props.acts.map((each) => (
          <li key={`${each.act} ${each.atMs}`}>
            <span>
              {each.act === 'pause' ? 'Paused' : 'Resumed'} by {each.by}, <Time atMs={each.atMs} />
            </span>
            <small>{each.reason}</small>
          </li>
        ))}
      </ul>
    </section>
  )
}
