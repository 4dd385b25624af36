import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { Time } from '../../ui/time.tsx'
import { setPaused } from './api.ts'
import type { PauseAct, StreamApp } from './model.ts'

/** Pauses the app or has it go on, after a question and with a reason. */
export function PauseControl(props: { readonly app: StreamApp }) {
  const { applicationId: id, isPaused } = props.app
  // What was asked stays, also when an answer changes the app beneath the dialog.
  const [asked, setAsked] = useState<{
    readonly act: PauseAct['act']
    readonly isOpen: boolean
  }>({ act: 'pause', isOpen: false })
  const close = (): void => setAsked({ ...asked, isOpen: false })
  return (
    <>
      <Button
        icon={isPaused ? 'turn' : 'pause'}
        {...(isPaused ? { look: 'primary' as const } : {})}
        onClick={() => setAsked({ act: isPaused ? 'resume' : 'pause', isOpen: true })}
      >
        {isPaused ? 'Resume' : 'Pause'}
      </Button>
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
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['streams', id] })
      onClose()
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
          : 'This instance takes no record and ends no order until somebody resumes it: orders are taken and wait, what was reserved stays so, and time-outs wait too. It keeps its tasks, and its stores can be read.'}
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
      <div className="actions">
        <Button type="submit" look={act === 'pause' ? 'danger' : 'primary'} disabled={!isReady}>
          {act === 'pause' ? 'Pause the app' : 'Resume the app'}
        </Button>
        <Button onClick={onClose}>Leave it</Button>
      </div>
    </form>
  )
}

/** Who paused it, when and why, for as long as it is paused. */
export function PausedNotice(props: { readonly app: StreamApp }) {
  const { isPaused, pauseActs } = props.app
  const last = pauseActs[0]
  if (!isPaused || last === undefined) return null
  return (
    <div className="notice" data-tone="attention" role="status">
      <h3>Paused: nothing is decided</h3>
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
