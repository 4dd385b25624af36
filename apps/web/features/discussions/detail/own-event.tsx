import { useNavigate } from '@tanstack/react-router'
import { duration } from '../../../lib/format.ts'
import { Button } from '../../../ui/button.tsx'
import { Chip } from '../../../ui/chip.tsx'
import { EventWalk } from '../../follow/event-walk.tsx'
import type { WalkView } from '../../follow/use-walk.ts'

/** The reader's latest act on this thread: how far its event is, and the way to follow it. */
export function OwnEvent(props: {
  readonly threadId: string
  readonly latest: WalkView
  /** The event the address asks to follow. */
  readonly followedId: string | null
}) {
  const navigate = useNavigate()
  const { act, walk } = props.latest
  const follow = (eventId: string | null): void =>
    void navigate({
      to: '/discussions/$threadId',
      params: { threadId: props.threadId },
      search: eventId === null ? {} : { event: eventId },
      replace: props.followedId !== null,
      resetScroll: false,
    })
  if (props.followedId === null && act === null) return null
  return (
    <section className="plate own-event" aria-labelledby="own-event-title">
      <header>
        <h2 id="own-event-title">Your event</h2>
        {props.followedId !== null && (
          <Button look="plain" icon="cross" onClick={() => follow(null)}>
            Close
          </Button>
        )}
      </header>
      {act !== null && act.eventId !== props.followedId && (
        <>
          <p role="status">
            {act.label}:{' '}
            {walk.hasFailed ? (
              <Chip tone="bad">stopped on the way</Chip>
            ) : walk.isFinished ? (
              <Chip tone="good">in the aggregate after {duration(walk.totalMs)}</Chip>
            ) : (
              <Chip tone="busy">on its way</Chip>
            )}
          </p>
          <Button icon="follow" onClick={() => follow(act.eventId)}>
            Follow this event
          </Button>
        </>
      )}
      {props.followedId !== null && <EventWalk eventId={props.followedId} />}
    </section>
  )
}
