import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { TextField } from '../../ui/text-field.tsx'
import { pretty } from '../journey/mappers.ts'
import { usePlan } from '../operations/use-plan.ts'
import type { FailedEvent, FailedPayload } from './model.ts'

/** Another payload for a failed event. The original is kept; the next step shows the plan. */
export function EditForm(props: {
  readonly failed: FailedEvent
  readonly payload: FailedPayload
  readonly onCancel: () => void
}) {
  const { event, consumption } = props.failed
  const [original] = useState(() => pretty(props.payload.payload.text))
  const [text, setText] = useState(original)
  const plan = usePlan()
  const fault = faultOf(text)
  const isReady = fault === undefined && text !== original && !plan.isPending
  const submit = (): void => {
    if (isReady)
      plan.mutate({
        service: consumption.database,
        kind: 'edit',
        group: consumption.group,
        eventId: event.eventId,
        payload: text,
      })
  }
  return (
    <form
      className="edit-form"
      onSubmit={(submitted: SubmitEvent) => {
        submitted.preventDefault()
        submit()
      }}
    >
      <TextField
        label="New payload"
        value={text}
        onChange={setText}
        maxLength={1_000_000}
        isLong
        autoFocus
        fault={fault}
        hint="eventId, eventType and correlationId stay as they are. The original is kept."
        onSubmitKey={submit}
      />
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      <div className="actions">
        <Button type="submit" look="primary" disabled={!isReady}>
          {plan.isPending ? 'Looking' : 'See what it would do'}
        </Button>
        <Button onClick={props.onCancel}>Leave it as it is</Button>
      </div>
    </form>
  )
}

function faultOf(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'An event is a JSON object.'
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}
