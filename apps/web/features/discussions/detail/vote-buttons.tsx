import { asProblem } from '../../../lib/problem.ts'
import { Icon } from '../../../ui/icon.tsx'
import type { VoteTally } from '../model.ts'
import { useVote } from './use-acts.ts'

/** Up and down with their counts; the reader's own vote is pressed, and pressing it again takes it back. */
export function VoteButtons(props: {
  readonly threadId: string
  readonly commentId: string | null
  readonly votes: VoteTally
  /** For screen readers: what is voted on. */
  readonly subject: string
}) {
  const vote = useVote(props.threadId)
  const { votes } = props
  const cast = (value: 1 | -1): void =>
    vote.mutate({ commentId: props.commentId, value: votes.mine === value ? 0 : value })
  return (
    <div className="votes" role="group" aria-label={`Votes on ${props.subject}`}>
      <button
        type="button"
        aria-pressed={votes.mine === 1}
        aria-label={`Up vote ${props.subject}, ${votes.upvotes} so far`}
        data-vote={props.commentId === null ? 'thread-up' : undefined}
        onClick={() => cast(1)}
      >
        <Icon name="arrowUp" /> <span className="figure">{votes.upvotes}</span>
      </button>
      <button
        type="button"
        aria-pressed={votes.mine === -1}
        aria-label={`Down vote ${props.subject}, ${votes.downvotes} so far`}
        onClick={() => cast(-1)}
      >
        <Icon name="arrowDown" /> <span className="figure">{votes.downvotes}</span>
      </button>
      {vote.error !== null && (
        <span className="vote-fault" role="alert">
          {asProblem(vote.error).message} <code>{asProblem(vote.error).facts.code}</code>
        </span>
      )}
    </div>
  )
}
