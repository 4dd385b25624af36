import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { duration } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useNow } from '../../lib/use-now.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { act, type OperationAct } from './api.ts'
import { inWords, planAgain } from './mappers.ts'
import type { Operation } from './model.ts'
import { usePlan } from './use-plan.ts'

function useAct(operation: Operation) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (wish: {
      readonly what: OperationAct
      readonly reason: string
      readonly ratePerSecond?: number
    }) => {
      const { what, ...body } = wish
      return act(operation.id, what, body)
    },
    onSettled: () =>
      Promise.all(
        ['operations', 'failures', 'event-log', 'journey'].map((key) =>
          client.invalidateQueries({ queryKey: [key] }),
        ),
      ),
  })
}

/** The last step of a plan: why, and the act in words on its button. */
export function ConfirmForm(props: { readonly operation: Operation }) {
  const { operation } = props
  const [reason, setReason] = useState('')
  const acting = useAct(operation)
  const plan = usePlan()
  const nowMs = useNow(1_000)
  const again = planAgain(operation)
  const isRefused = operation.count === 0 || operation.refusals.some((each) => each.isFinal)
  const isOver = operation.state === 'EXPIRED' || nowMs > operation.expiresAtMs
  const renew =
    again === null ? (
      <Link to="/failures" className="button">
        Edit it again
      </Link>
    ) : (
      <Button icon="turn" disabled={plan.isPending} onClick={() => plan.mutate(again)}>
        Plan anew
      </Button>
    )
  if (isRefused || isOver)
    return (
      <div className="actions">
        <p>
          {isOver
            ? 'This plan is too old to be confirmed: things may have changed.'
            : 'There is nothing that could be done.'}
        </p>
        {renew}
        {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      </div>
    )
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (reason.trim() !== '' && !acting.isPending)
      acting.mutate({ what: 'confirm', reason: reason.trim() })
  }
  return (
    <form className="operation-form" onSubmit={submit}>
      <TextField
        label="Why"
        value={reason}
        onChange={setReason}
        maxLength={1_000}
        isRequired
        autoFocus="in-place"
        hint="One sentence for whoever asks later. It stands in the audit, with your name."
      />
      {acting.isError && <ProblemNotice problem={asProblem(acting.error)} />}
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      <div className="actions">
        <Button type="submit" look="primary" disabled={reason.trim() === '' || acting.isPending}>
          {inWords(operation)}
        </Button>
        <Button
          disabled={acting.isPending}
          onClick={() => acting.mutate({ what: 'cancel', reason: reason.trim() || 'plan dropped' })}
        >
          Drop the plan
        </Button>
        {acting.isError && renew}
        <span className="eyebrow figure">
          To be confirmed within {duration(Math.max(0, operation.expiresAtMs - nowMs))}
        </span>
      </div>
    </form>
  )
}

/** Pause, resume, cancel, faster or slower: each with a reason. */
export function Controls(props: { readonly operation: Operation }) {
  const { operation } = props
  const [reason, setReason] = useState('')
  const [rate, setRate] = useState(String(operation.ratePerSecond))
  const acting = useAct(operation)
  const isRunning = operation.state === 'RUNNING' || operation.state === 'CONFIRMED'
  if (!isRunning && operation.state !== 'PAUSED') return null
  const why = reason.trim()
  const isRate = Number(rate) > 0 && Number(rate) <= 10_000
  const canAct = why !== '' && !acting.isPending
  return (
    <fieldset className="operation-form operation-controls">
      <legend>Change its course</legend>
      <TextField
        label="Why"
        value={reason}
        onChange={setReason}
        maxLength={1_000}
        hint="Needed for each of these; stands in the audit."
      />
      <div className="actions">
        {isRunning ? (
          <Button
            icon="pause"
            disabled={!canAct}
            onClick={() => acting.mutate({ what: 'pause', reason: why })}
          >
            Pause
          </Button>
        ) : (
          <Button
            look="primary"
            disabled={!canAct}
            onClick={() => acting.mutate({ what: 'resume', reason: why })}
          >
            Resume
          </Button>
        )}
        <Button
          look="danger"
          icon="cross"
          disabled={!canAct}
          onClick={() => acting.mutate({ what: 'cancel', reason: why })}
        >
          Cancel what has not begun
        </Button>
        <span className="operation-rate">
          <label>
            Events per second
            <input
              className="input"
              inputMode="decimal"
              maxLength={6}
              value={rate}
              aria-invalid={!isRate}
              onChange={(event) => setRate(event.target.value)}
            />
          </label>
          <Button
            disabled={!canAct || !isRate || Number(rate) === operation.ratePerSecond}
            onClick={() =>
              acting.mutate({ what: 'rate', reason: why, ratePerSecond: Number(rate) })
            }
          >
            Set the rate
          </Button>
        </span>
      </div>
      {acting.isError && <ProblemNotice problem={asProblem(acting.error)} />}
    </fieldset>
  )
}
