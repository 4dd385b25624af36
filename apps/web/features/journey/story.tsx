import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { clockTime, exactTime } from '../../lib/format.ts'
import { Icon } from '../../ui/icon.tsx'
import { toneIcons } from '../../ui/tone.ts'
import { MendLinks } from '../event-log/mend-links.tsx'
import { RetryEvent } from '../event-log/retry-event.tsx'
import { storyOf } from './mappers.ts'
import type { Journey, JourneyStep, Sentence } from './model.ts'

/** Each event before what it caused, and what happened to it in sentences. */
export function Story(props: {
  readonly journey: Journey
  readonly opened: string | null
  readonly onOpen: (eventId: string) => void
}) {
  const list = useRef<HTMLOListElement | null>(null)
  // Who came by an event's id is shown that one, however long the story.
  useEffect(() => {
    list.current?.querySelector('[data-open=true]')?.scrollIntoView({ block: 'nearest' })
  }, [])
  return (
    <ol className="story" ref={list}>
      {props.journey.steps.map((step) => (
        <StoryEvent
          key={step.eventId}
          step={step}
          journeyId={props.journey.id}
          isOpen={step.eventId === props.opened}
          onOpen={props.onOpen}
        />
      ))}
    </ol>
  )
}

/** Deeper causes are not moved further in: the line would leave the page. */
const deepestIndent = 6

function StoryEvent(props: {
  readonly step: JourneyStep
  readonly journeyId: string
  readonly isOpen: boolean
  readonly onOpen: (eventId: string) => void
}) {
  const { step, isOpen, onOpen } = props
  const about = step.aggregateId
  return (
    <li
      data-open={isOpen}
      style={{ marginInlineStart: `${Math.min(step.depth, deepestIndent) * 1.5}rem` }}
    >
      <h2>
        <button
          type="button"
          data-row=""
          aria-expanded={isOpen}
          onClick={() => onOpen(step.eventId)}
        >
          {step.eventType}
        </button>
        {about !== null && about !== props.journeyId && (
          <Link to="/journeys/$id" params={{ id: about }} className="eyebrow mono">
            {about}
          </Link>
        )}
      </h2>
      <ol>
        {storyOf(step).map((sentence, index) => (
          <StorySentence key={`${index} ${sentence.text}`} sentence={sentence} />
        ))}
      </ol>
      {step.production?.status === 'FAILED' && <RetryEvent eventId={step.eventId} />}
      <MendLinks event={step} />
    </li>
  )
}

function StorySentence(props: { readonly sentence: Sentence }) {
  const { atMs, text, tone, detail } = props.sentence
  const [first = '', ...rest] = detail?.split('\n') ?? []
  return (
    <li data-tone={tone}>
      <span className="story-time figure" title={atMs === null ? undefined : exactTime(atMs)}>
        {atMs === null ? '' : clockTime(atMs)}
      </span>
      <Icon name={toneIcons[tone]} />
      <div>
        {text}
        {detail !== null &&
          (rest.length === 0 ? (
            <pre className="stack">{first}</pre>
          ) : (
            <details>
              <summary>{first}</summary>
              <pre className="stack">{rest.join('\n')}</pre>
            </details>
          ))}
      </div>
    </li>
  )
}
