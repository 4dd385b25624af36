import { Link, useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { count } from '../../../lib/format.ts'
import { asProblem } from '../../../lib/problem.ts'
import { Button } from '../../../ui/button.tsx'
import { Dialog } from '../../../ui/dialog.tsx'
import { ProblemNotice } from '../../../ui/states.tsx'
import { TextField } from '../../../ui/text-field.tsx'
import { Time } from '../../../ui/time.tsx'
import { useMyId, usePersonName } from '../../identity/use-me.ts'
import { type Thread, textLimits } from '../model.ts'
import { useDeleteThread, useEditThread } from './use-acts.ts'
import { VoteButtons } from './vote-buttons.tsx'

/** The thread itself: title, text, votes, and what its author may do. */
export function ThreadPost(props: { readonly thread: Thread }) {
  const { thread } = props
  const [open, setOpen] = useState<'edit' | 'delete' | null>(null)
  const close = (): void => setOpen(null)
  const author = usePersonName()(thread.authorId)
  const isMine = useMyId() === thread.authorId && thread.authorId !== null
  return (
    <article className="thread-post">
      <p className="eyebrow">
        <Link to="/discussions">Discussions</Link> /{' '}
        <Link to="/discussions" search={{ course: thread.courseId }}>
          {thread.courseId}
        </Link>
      </p>
      <h1>{thread.title}</h1>
      <p className="eyebrow">
        {author}, <Time atMs={thread.createdAtMs} />
        {thread.editedAtMs !== null && ', edited'}, {count(thread.viewCount, 'view')}
      </p>
      <p className="prose">{thread.content}</p>
      <div className="actions">
        <VoteButtons
          threadId={thread.id}
          commentId={null}
          votes={thread.votes}
          subject="this thread"
        />
        {isMine && (
          <>
            <Button look="plain" icon="pencil" onClick={() => setOpen('edit')}>
              Edit
            </Button>
            <Button look="plain" icon="trash" onClick={() => setOpen('delete')}>
              Delete
            </Button>
          </>
        )}
      </div>
      <EditDialog
        key={`${thread.title}\n${thread.content}`}
        thread={thread}
        isOpen={open === 'edit'}
        onClose={close}
      />
      <DeleteDialog thread={thread} isOpen={open === 'delete'} onClose={close} />
    </article>
  )
}

interface DialogProps {
  readonly thread: Thread
  readonly isOpen: boolean
  readonly onClose: () => void
}

function EditDialog({ thread, isOpen, onClose }: DialogProps) {
  const [title, setTitle] = useState(thread.title)
  const [content, setContent] = useState(thread.content)
  const edit = useEditThread(thread.id)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    edit.mutate({ title, content }, { onSuccess: onClose })
  }
  return (
    <Dialog title="Edit thread" isOpen={isOpen} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <TextField
          label="Title"
          value={title}
          onChange={setTitle}
          maxLength={textLimits.title}
          isRequired
        />
        <TextField
          label="Text"
          value={content}
          onChange={setContent}
          maxLength={textLimits.content}
          isLong
          isRequired
        />
        {edit.error !== null && <ProblemNotice problem={asProblem(edit.error)} />}
        <div className="actions">
          <Button look="primary" type="submit" disabled={edit.isPending}>
            Save
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  )
}

function DeleteDialog({ thread, isOpen, onClose }: DialogProps) {
  const navigate = useNavigate()
  const remove = useDeleteThread(thread.id, () =>
    navigate({ to: '/discussions', search: { course: thread.courseId } }),
  )
  return (
    <Dialog title="Delete this thread?" isOpen={isOpen} onClose={onClose}>
      <p>
        The thread goes, with {count(thread.commentCount, 'comment')} and all votes, and leaves the
        course’s figures. This cannot be undone.
      </p>
      {remove.error !== null && <ProblemNotice problem={asProblem(remove.error)} />}
      <div className="actions">
        <Button
          look="danger"
          icon="trash"
          disabled={remove.isPending}
          onClick={() => remove.mutate()}
        >
          Delete the thread
        </Button>
        <Button onClick={onClose}>Keep it</Button>
      </div>
    </Dialog>
  )
}
