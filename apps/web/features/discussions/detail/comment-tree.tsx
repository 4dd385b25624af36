import { useState } from 'react'
import { asProblem } from '../../../lib/problem.ts'
import { Button } from '../../../ui/button.tsx'
import { Icon } from '../../../ui/icon.tsx'
import { ProblemNotice } from '../../../ui/states.tsx'
import { Time } from '../../../ui/time.tsx'
import { PersonMark } from '../../identity/person-mark.tsx'
import { useMyId, usePersonName } from '../../identity/use-me.ts'
import type { Comment, CommentNode } from '../model.ts'
import { CommentForm } from './comment-form.tsx'
import { useAddComment, useDeleteComment, useEditComment } from './use-acts.ts'
import { VoteButtons } from './vote-buttons.tsx'

/** Deeper replies are not indented further, so that they stay readable on a phone. */
const maxIndentedDepth = 4

export function CommentTree(props: {
  readonly threadId: string
  readonly nodes: readonly CommentNode[]
  readonly depth?: number
}) {
  const depth = props.depth ?? 0
  return (
    <ul className="comments" data-indented={depth > 0 && depth <= maxIndentedDepth}>
      {props.nodes.map(({ comment, replies }) => (
        <li key={comment.id}>
          {comment.isDeleted ? (
            <p className="eyebrow comment">This comment was deleted.</p>
          ) : (
            <CommentCard threadId={props.threadId} comment={comment} />
          )}
          {replies.length > 0 && (
            <CommentTree threadId={props.threadId} nodes={replies} depth={depth + 1} />
          )}
        </li>
      ))}
    </ul>
  )
}

type Mode = 'read' | 'reply' | 'edit' | 'delete'

function CommentCard(props: { readonly threadId: string; readonly comment: Comment }) {
  const { threadId, comment } = props
  const [mode, setMode] = useState<Mode>('read')
  const close = (): void => setMode('read')
  const author = usePersonName()(comment.authorId)
  const isMine = useMyId() === comment.authorId && comment.authorId !== null
  return (
    <article className="comment" aria-label={`${comment.kind} by ${author}`}>
      <header>
        <PersonMark name={author} />
        <strong>{author}</strong>
        {comment.kind === 'answer' && <span className="kind">answer</span>}
        {comment.isAccepted && (
          <span className="kind accepted">
            <Icon name="check" /> accepted
          </span>
        )}
        <span className="eyebrow">
          <Time atMs={comment.createdAtMs} />
          {comment.editedAtMs !== null && ', edited'}
        </span>
      </header>
      {mode === 'edit' ? (
        <EditForm threadId={threadId} comment={comment} onClose={close} />
      ) : (
        <p className="prose">{comment.content}</p>
      )}
      <div className="actions">
        <VoteButtons
          threadId={threadId}
          commentId={comment.id}
          votes={comment.votes}
          subject={`the ${comment.kind} by ${author}`}
        />
        <Button look="plain" icon="reply" onClick={() => setMode('reply')}>
          Reply
        </Button>
        {isMine && (
          <>
            <Button look="plain" icon="pencil" onClick={() => setMode('edit')}>
              Edit
            </Button>
            <Button look="plain" icon="trash" onClick={() => setMode('delete')}>
              Delete
            </Button>
          </>
        )}
      </div>
      {mode === 'reply' && (
        <ReplyForm threadId={threadId} parentId={comment.id} author={author} onClose={close} />
      )}
      {mode === 'delete' && (
        <ConfirmDelete threadId={threadId} commentId={comment.id} onClose={close} />
      )}
    </article>
  )
}

function ReplyForm(props: {
  readonly threadId: string
  readonly parentId: string
  readonly author: string
  readonly onClose: () => void
}) {
  const add = useAddComment(props.threadId)
  return (
    <CommentForm
      label={`Reply to ${props.author}`}
      submitLabel="Post reply"
      isPending={add.isPending}
      problem={add.error === null ? null : asProblem(add.error)}
      onSubmit={(content) =>
        add.mutate({ content, parentId: props.parentId }, { onSuccess: props.onClose })
      }
      onCancel={props.onClose}
      autoFocus
    />
  )
}

function EditForm(props: {
  readonly threadId: string
  readonly comment: Comment
  readonly onClose: () => void
}) {
  const edit = useEditComment(props.threadId)
  const { id, content } = props.comment
  return (
    <CommentForm
      label="Edit comment"
      submitLabel="Save"
      initial={content}
      isPending={edit.isPending}
      problem={edit.error === null ? null : asProblem(edit.error)}
      onSubmit={(content) => edit.mutate({ commentId: id, content }, { onSuccess: props.onClose })}
      onCancel={props.onClose}
      autoFocus
    />
  )
}

function ConfirmDelete(props: {
  readonly threadId: string
  readonly commentId: string
  readonly onClose: () => void
}) {
  const remove = useDeleteComment(props.threadId)
  return (
    <div className="notice" data-tone="bad">
      <p>The comment and its votes go; replies stay. This cannot be undone.</p>
      {remove.error !== null && <ProblemNotice problem={asProblem(remove.error)} />}
      <div className="actions">
        <Button
          look="danger"
          icon="trash"
          disabled={remove.isPending}
          onClick={() => remove.mutate(props.commentId, { onSuccess: props.onClose })}
        >
          Delete this comment
        </Button>
        <Button onClick={props.onClose} autoFocus>
          Keep it
        </Button>
      </div>
    </div>
  )
}
