import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { Answer } from '../../lib/http.ts'
import { asProblem } from '../../lib/problem.ts'
import { useStore } from '../../lib/store.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { addComment, createThread, getThread, listThreads } from '../discussions/api.ts'
import { createdIdOf } from '../discussions/mappers.ts'
import { setWalkDismissed, walkDismissedStore } from './dismissal.ts'
import { EventWalk } from './event-walk.tsx'
import { recordAct } from './own-acts.ts'

type Act = 'view' | 'comment' | 'thread'

const actLabels: Readonly<Record<Act, string>> = {
  view: 'Read the newest thread',
  comment: 'Comment on it',
  thread: 'Open a new thread',
}

/** Where threads of the walk go, so that they are easy to tell from real ones. */
const walkCourse = 'millrace/first-steps'

/** Does something real, then shows its event on the way, step by step. Can be put away; `?` brings it back. */
export function WalkCard(props: { readonly followedId: string | null }) {
  const isDismissed = useStore(walkDismissedStore)
  const navigate = useNavigate()
  const follow = (eventId: string | null): void =>
    void navigate({
      to: '/',
      search: (before) => {
        const { event: _event, ...rest } = before
        return eventId === null ? rest : { ...rest, event: eventId }
      },
      resetScroll: false,
    })
  const act = useMutation({
    mutationFn: perform,
    onSuccess: ({ eventId }) => follow(eventId),
  })
  if (isDismissed && props.followedId === null) return null
  return (
    <section className="plate walk-card" id="walk" aria-labelledby="walk-title">
      <header>
        <div>
          <h2 id="walk-title">Follow one event</h2>
          <p className="eyebrow">
            Do something real, and see its event come through, with the times that both logs kept.
          </p>
        </div>
        <Button
          look="plain"
          icon="cross"
          onClick={() => {
            setWalkDismissed(true)
            follow(null)
          }}
        >
          Put away
        </Button>
      </header>
      <div className="actions">
        {Object.entries(actLabels).map(([kind, label]) => (
          <Button
            key={kind}
            {...(kind === 'view' ? { look: 'primary' } : {})}
            disabled={act.isPending}
            onClick={() => act.mutate(kind as Act)}
          >
            {label}
          </Button>
        ))}
      </div>
      {act.error !== null && <ProblemNotice problem={asProblem(act.error)} />}
      {act.data?.eventId === null && (
        <p role="status">
          The act is done, but its answer named no event. It is in the log under its correlation id{' '}
          {act.data.correlationId ?? 'which is not known'}.
        </p>
      )}
      {props.followedId !== null && <EventWalk key={props.followedId} eventId={props.followedId} />}
    </section>
  )
}

/** The newest thread is used; where there is none yet, one is opened first. */
async function perform(act: Act): Promise<Answer> {
  if (act === 'thread') return openThread()
  const { items } = await listThreads({ courseId: null, cursor: null })
  const threadId = items[0]?.id ?? createdIdOf(await openThread())
  if (act === 'comment') {
    return recordAct({ label: 'Your comment', threadId }, () =>
      addComment(threadId, { content: 'Followed on its way by the walk.', parentId: null }),
    )
  }
  return recordAct(
    { label: 'Your view', threadId },
    async () => (await getThread(threadId, { track: true })).answer,
  )
}

function openThread(): Promise<Answer> {
  return recordAct({ label: 'Your new thread', threadId: createdIdOf }, () =>
    createThread({
      courseId: walkCourse,
      title: 'Where does my click go?',
      content: 'Opened by the walk on the Overview, to follow its event.',
    }),
  )
}
