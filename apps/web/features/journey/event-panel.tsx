import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { exactTime, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { getPayloads } from './api.ts'
import { diffOf, pretty } from './mappers.ts'
import type { JourneyStep, ShownPayload } from './model.ts'

/** One event of the journey: its ids, each of them a way on, and its payload at each hop. */
export function EventPanel(props: { readonly event: JourneyStep; readonly onClose?: () => void }) {
  const { event, onClose } = props
  const payloads = useQuery({
    queryKey: ['journey', 'payloads', event.eventId],
    queryFn: ({ signal }) => getPayloads(event.eventId, signal),
    // A payload never changes; only who has received it does.
    staleTime: 10_000,
  })
  const written = payloads.data?.production ?? null
  return (
    <aside className="plate event-panel" aria-label={`Event ${event.eventType}`}>
      <header>
        <h2>{event.eventType}</h2>
        {onClose !== undefined && (
          <Button look="plain" icon="cross" aria-label="Close the event" onClick={onClose}>
            Close
          </Button>
        )}
      </header>
      <Facts event={event} />
      {payloads.isPending && <Skeleton lines={5} label="the payload" />}
      {payloads.isError && (
        <ProblemNotice
          problem={asProblem(payloads.error)}
          onRetry={() => void payloads.refetch()}
        />
      )}
      {payloads.data !== undefined && (
        <>
          <Payload title="Payload as written" payload={written} />
          {payloads.data.consumptions.map(({ group, isSame, payload }) => (
            <div key={group} className="payload">
              <h3>At {group}</h3>
              {isSame ? (
                <p className="eyebrow">Byte for byte what was written.</p>
              ) : payload === null || written === null ? (
                <Payload title="" payload={payload} />
              ) : (
                <Diff before={written.text} after={payload.text} />
              )}
            </div>
          ))}
        </>
      )}
    </aside>
  )
}

function Facts(props: { readonly event: JourneyStep }) {
  const { event } = props
  const links = [
    ['event', event.eventId],
    ['request', event.correlationId],
    ['caused by', event.causationId],
    [event.aggregateType ?? 'tells of', event.aggregateId],
    ...(event.key !== null && event.key !== event.aggregateId ? [['key', event.key]] : []),
  ] as readonly (readonly [string, string | null])[]
  return (
    <dl className="facts">
      {links.map(([label, id]) =>
        id === null ? null : (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <Link to="/journeys/$id" params={{ id }} className="mono" title={id}>
                {id.length > 40 ? `${id.slice(0, 39)}…` : id}
              </Link>{' '}
              <CopyId id={id} label="copy" />
            </dd>
          </div>
        ),
      )}
      <div>
        <dt>topic</dt>
        <dd className="mono">
          {event.topic}
          {event.production?.partition != null &&
            `/${event.production.partition}@${event.production.offset ?? '–'}`}
        </dd>
      </div>
      {event.occurredAtMs !== null && (
        <div>
          <dt>happened</dt>
          <dd className="figure">{exactTime(event.occurredAtMs)}</dd>
        </div>
      )}
    </dl>
  )
}

function Payload(props: { readonly title: string; readonly payload: ShownPayload | null }) {
  const { title, payload } = props
  return (
    <div className="payload">
      {title !== '' && <h3>{title}</h3>}
      {payload === null ? (
        <p className="eyebrow">This log keeps no payload of it.</p>
      ) : (
        <>
          <p className="eyebrow">
            {integer(payload.sizeBytes)} bytes
            {payload.isMasked && '. Fields that the contract calls secret are hidden'}
          </p>
          <pre tabIndex={0}>{pretty(payload.text)}</pre>
        </>
      )}
    </div>
  )
}

function Diff(props: { readonly before: string; readonly after: string }) {
  const lines = diffOf(pretty(props.before), pretty(props.after))
  return (
    <pre className="diff" tabIndex={0}>
      {lines.map(({ mark, text }, index) => (
        <span key={index} data-mark={mark}>{`${mark} ${text}\n`}</span>
      ))}
    </pre>
  )
}
