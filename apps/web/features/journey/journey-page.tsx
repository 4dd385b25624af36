import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { count, duration } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { getArchive } from '../event-log/api.ts'
import { ArchivedNotice } from '../event-log/archived-notice.tsx'
import { UnreachableNotice } from '../event-log/unreachable-notice.tsx'
import { getJourney } from './api.ts'
import { EventPanel } from './event-panel.tsx'
import { isQuiet, toMarkdown } from './mappers.ts'
import { type Journey, journeyStates } from './model.ts'
import { Sequence } from './sequence.tsx'
import { Story } from './story.tsx'
import { Timeline } from './timeline.tsx'
import './journey.css'

const liveMs = 1_000
/** What failed may be mended elsewhere, at any time. */
const quietFailureMs = 5_000

const views = [
  { value: 'story', label: 'Story' },
  { value: 'sequence', label: 'Sequence' },
  { value: 'timeline', label: 'Timeline' },
] as const

/** One story over all services: in sentences, as a sequence, as a timeline. */
export function JourneyPage() {
  const { id } = useParams({ from: '/journeys/$id' })
  return <JourneyView key={id} id={id} />
}

function JourneyView(props: { readonly id: string }) {
  const { id } = props
  useTitle(`Journey of ${id}`)
  const search = useSearch({ from: '/journeys/$id' })
  const navigate = useNavigate()
  const journey = useQuery({
    queryKey: ['journey', id],
    queryFn: ({ signal }) => getJourney(id, signal),
    // Until quiet: then nothing more is to be expected.
    refetchInterval: ({ state: { data } }) => {
      if (data === undefined || !isQuiet(data, Date.now())) return liveMs
      return data.state === 'failed' ? quietFailureMs : false
    },
  })
  const open = (event: string | null): void => {
    const { event: _before, ...rest } = search
    void navigate({
      to: '/journeys/$id',
      params: { id },
      search: event === null ? rest : { ...rest, event },
      resetScroll: false,
    })
  }
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), Escape: () => open(null) })
  const { data } = journey
  const view = views.find((each) => each.value === search.view)?.value ?? 'story'
  const opened = data?.steps.find((step) => step.eventId === (search.event ?? defaultEvent(data)))
  return (
    <div className="page">
      <JourneyHead id={id} journey={data} />
      {journey.isError && !asProblem(journey.error).isMissing && (
        <ProblemNotice
          problem={asProblem(journey.error)}
          onRetry={() => void journey.refetch()}
          lastGoodAtMs={journey.dataUpdatedAt}
        />
      )}
      {journey.isError && asProblem(journey.error).isMissing && <Unknown id={id} />}
      {journey.isPending && <Skeleton lines={9} label="the journey" />}
      {data !== undefined && (
        <>
          <UnreachableNotice unreachable={data.unreachable} />
          <ArchivedNotice archived={data.archived} />
          <nav aria-label="Views of the journey" className="views">
            {views.map(({ value, label }) => (
              <Link
                key={value}
                to="/journeys/$id"
                params={{ id }}
                search={{ ...search, view: value === 'story' ? '' : value }}
                resetScroll={false}
                aria-current={view === value ? 'page' : undefined}
              >
                {label}
              </Link>
            ))}
          </nav>
          <div className={opened === undefined ? 'journey' : 'journey journey-with-panel'}>
            <div className="journey-view">
              {view === 'story' && (
                <Story journey={data} opened={opened?.eventId ?? null} onOpen={open} />
              )}
              {view === 'sequence' && <Sequence journey={data} onOpen={open} />}
              {view === 'timeline' && <Timeline journey={data} onOpen={open} />}
            </div>
            {opened !== undefined && (
              <EventPanel
                key={opened.eventId}
                event={opened}
                {...(search.event === undefined ? {} : { onClose: () => open(null) })}
              />
            )}
          </div>
        </>
      )}
    </div>
  )
}

/** Who came by an event's id has that one open; a story of one event has no other. */
function defaultEvent(journey: Journey | undefined): string | undefined {
  if (journey?.kind === 'event') return journey.id
  return journey?.steps.length === 1 ? journey.steps[0]?.eventId : undefined
}

const kinds: Readonly<Record<Journey['kind'], string>> = {
  event: 'the request that this event came of',
  correlation: 'one request',
  business: 'everything about it',
}

function JourneyHead(props: { readonly id: string; readonly journey: Journey | undefined }) {
  const { id, journey } = props
  return (
    <header className="page-head">
      <div>
        <h1>Journey</h1>
        <p>
          <CopyId id={id} />
          {journey !== undefined && <> {kinds[journey.kind]}</>}
        </p>
        {journey !== undefined && (
          <p className="journey-facts figure">
            <Chip tone={journeyStates[journey.state].tone}>
              {journeyStates[journey.state].word}
            </Chip>{' '}
            {count(journey.steps.length, 'event')} over {count(journey.services.length, 'service')}
            {' in '}
            {duration(journey.durationMs)}, begun <Time atMs={journey.beganAtMs} />
            {journey.isCut && '. There are more events than are shown here'}
          </p>
        )}
        {journey?.isClockSkewed === true && (
          <p>
            <Chip tone="attention">The clocks of its services differ: spans are not exact</Chip>
          </p>
        )}
      </div>
      <div className="actions">
        {journey !== undefined && <CopyStory journey={journey} />}
        <Link to="/log" search={{ q: id }} className="button">
          In the event log
        </Link>
      </div>
    </header>
  )
}

function CopyStory(props: { readonly journey: Journey }) {
  const [isCopied, setIsCopied] = useState(false)
  return (
    <Button
      onBlur={() => setIsCopied(false)}
      onClick={() =>
        void navigator.clipboard?.writeText(toMarkdown(props.journey)).then(
          () => setIsCopied(true),
          () => setIsCopied(false),
        )
      }
    >
      {isCopied ? 'Copied' : 'Copy as Markdown'}
    </Button>
  )
}

function Unknown(props: { readonly id: string }) {
  const archive = useQuery({
    queryKey: ['archive'],
    queryFn: ({ signal }) => getArchive(signal),
  })
  return (
    <>
      <UnknownState id={props.id} />
      <ArchivedNotice archived={archive.data ?? []} />
    </>
  )
}

function UnknownState(props: { readonly id: string }) {
  return (
    <EmptyState
      title="No log knows this id"
      action={
        <Link to="/log" className="button" data-look="primary">
          To the event log
        </Link>
      }
    >
      <span className="mono">{props.id}</span> is neither an event, nor a request, nor anything that
      an event tells of. It may be too new, too old to be kept, or cut off.
    </EmptyState>
  )
}
