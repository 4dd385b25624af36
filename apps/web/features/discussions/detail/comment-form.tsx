import { type SubmitEvent, useState } from 'react'
import type { ApiProblem } from '../../../lib/problem.ts'
import { Button } from '../../../ui/button.tsx'
import { ProblemNotice } from '../../../ui/states.tsx'
import { TextField } from '../../../ui/text-field.tsx'
import { textLimits } from '../model.ts'

/** A text and its button: new comment, reply, or edit. Keeps what was typed until it was accepted. */
export function CommentForm(props: {
  readonly label: string
  readonly submitLabel: string
  readonly initial?: string
  readonly isPending: boolean
  readonly problem: ApiProblem | null
  readonly onSubmit: (content: string, onDone: () => void) => void
  readonly onCancel?: () => void
  readonly autoFocus?: boolean
}) {
  const [content, setContent] = useState(props.initial ?? '')
  const submit = (event?: SubmitEvent): void => {
    event?.preventDefault()
    if (content.trim() === '' || props.isPending) return
    props.onSubmit(content, () => setContent(''))
  }
  const fault = props.problem?.facts.fields.find(({ field }) => field === 'content')?.reason
  return (
    <form className="form comment-form" onSubmit={submit}>
      <TextField
        label={props.label}
        value={content}
        onChange={setContent}
        maxLength={textLimits.content}
        fault={fault}
        hint="Ctrl Enter posts"
        onSubmitKey={submit}
        autoFocus={props.autoFocus ?? false}
        isLong
      />
      {props.problem !== null && <ProblemNotice problem={props.problem} />}
      <div className="actions">
        <Button look="primary" type="submit" disabled={props.isPending || content.trim() === ''}>
          {props.isPending ? 'Posting' : props.submitLabel}
        </Button>
        {props.onCancel !== undefined && <Button onClick={props.onCancel}>Cancel</Button>}
      </div>
    </form>
  )
}
