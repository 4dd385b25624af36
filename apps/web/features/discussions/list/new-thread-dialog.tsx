import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useEffect, useState } from 'react'
import { type ApiProblem, asProblem } from '../../../lib/problem.ts'
import { Button } from '../../../ui/button.tsx'
import { Dialog } from '../../../ui/dialog.tsx'
import { ProblemNotice } from '../../../ui/states.tsx'
import { TextField } from '../../../ui/text-field.tsx'
import { recordAct } from '../../follow/own-acts.ts'
import { createThread } from '../api.ts'
import { createdIdOf } from '../mappers.ts'
import { textLimits } from '../model.ts'

/** Opens a thread, then shows it. What was typed stays until it was accepted. */
export function NewThreadDialog(props: {
  readonly isOpen: boolean
  readonly courses: readonly string[]
  readonly courseId: string
  readonly onClose: () => void
}) {
  const [courseId, setCourseId] = useState(props.courseId)
  const [title, setTitle] = useState('')
  const [content, setContent] = useState('')
  useEffect(() => {
    if (props.isOpen && props.courseId !== '') setCourseId(props.courseId)
  }, [props.isOpen, props.courseId])
  const create = useCreateThread(() => {
    setTitle('')
    setContent('')
    props.onClose()
  })
  const problem = create.error === null ? null : asProblem(create.error)
  const submit = (event?: SubmitEvent): void => {
    event?.preventDefault()
    if (!create.isPending) create.mutate({ courseId: courseId.trim(), title, content })
  }
  return (
    <Dialog title="New thread" isOpen={props.isOpen} onClose={props.onClose}>
      <form className="form" onSubmit={submit}>
        <TextField
          label="Course"
          value={courseId}
          onChange={setCourseId}
          maxLength={textLimits.courseId}
          suggestions={props.courses}
          hint="For example qc/quantum-gate"
          fault={reasonFor(problem, 'courseId')}
          isRequired
        />
        <TextField
          label="Title"
          value={title}
          onChange={setTitle}
          maxLength={textLimits.title}
          fault={reasonFor(problem, 'title')}
          isRequired
        />
        <TextField
          label="Text"
          value={content}
          onChange={setContent}
          maxLength={textLimits.content}
          fault={reasonFor(problem, 'content')}
          hint="Ctrl Enter posts"
          onSubmitKey={submit}
          isLong
          isRequired
        />
        {problem !== null && <ProblemNotice problem={problem} />}
        <div className="actions">
          <Button look="primary" type="submit" disabled={create.isPending}>
            {create.isPending ? 'Posting' : 'Post thread'}
          </Button>
          <Button onClick={props.onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  )
}

function useCreateThread(onDone: () => void) {
  const client = useQueryClient()
  const navigate = useNavigate()
  return useMutation({
    mutationFn: (input: Parameters<typeof createThread>[0]) =>
      recordAct({ label: 'Your new thread', threadId: createdIdOf }, () => createThread(input)),
    onSuccess: async (answer) => {
      onDone()
      void client.invalidateQueries({ queryKey: ['threads'] })
      await navigate({
        to: '/discussions/$threadId',
        params: { threadId: createdIdOf(answer) },
      })
    },
  })
}

/** What the service says against one field. */
export function reasonFor(problem: ApiProblem | null, field: string): string | undefined {
  return problem?.facts.fields.find((entry) => entry.field === field)?.reason
}
