import { Link } from '@tanstack/react-router'
import { clockTime, exactTime } from '../../lib/format.ts'
import { CopyId } from '../../ui/copy-id.tsx'
import { Time } from '../../ui/time.tsx'
import { ConsumptionState, ProductionState, totalOf } from './event-states.tsx'
import { MendLinks, RefusedLink } from './mend-links.tsx'
import type { TrackedEvent } from './model.ts'
import { RetryEvent } from './retry-event.tsx'

/** Events with both sides of their lives; each row leads to its journey. */
export function EventTable(props: {
  readonly events: readonly TrackedEvent[]
  readonly isStale: boolean
}) {
  return (
    <table className="event-table" aria-busy={props.isStale}>
      <caption className="visually-hidden">Events, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Written</th>
          <th scope="col">Event</th>
          <th scope="col">Tells of</th>
          <th scope="col">Production</th>
          <th scope="col">Consumers</th>
          <th scope="col" className="number">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {props.events.map((event) => (
          <EventRow key={event.eventId} event={event} />
        ))}
      </tbody>
    </table>
  )
}

function EventRow(props: { readonly event: TrackedEvent }) {
  const { event } = props
  const { production, consumptions } = event
  const isSkewed = consumptions.some((each) => each.waits.isClockSkewed)
  return (
    <tr>
      <td className="event-time figure" title={exactTime(event.atMs)}>
        {clockTime(event.atMs)}
        <small>
          <Time atMs={event.atMs} />
        </small>
      </td>
      <td>
        <Link to="/journeys/$id" params={{ id: event.eventId }} data-row="" className="event-type">
          {event.eventType}
        </Link>
        <small>
          {production?.service ?? 'elsewhere'} → {event.topic}
          <Place event={event} /> <CopyId id={event.eventId} />
        </small>
      </td>
      <td>
        <AboutLink event={event} />
        {event.correlationId !== null && (
          <small>
            of{' '}
            <Link to="/journeys/$id" params={{ id: event.correlationId }} className="mono">
              request {event.correlationId.slice(0, 6)}
            </Link>
          </small>
        )}
      </td>
      <td>
        <ProductionState production={production} />
        {production?.status === 'FAILED' && <RetryEvent eventId={event.eventId} />}
        <RefusedLink event={event} />
      </td>
      <td>
        <div className="chips">
          {consumptions.length === 0 && <span className="eyebrow">no group yet</span>}
          {consumptions.map((each) => (
            <ConsumptionState key={`${each.database} ${each.group}`} consumption={each} />
          ))}
        </div>
        <MendLinks event={event} />
      </td>
      <td className="number figure">
        {totalOf(event)}
        {isSkewed && <small title="Two machines’ clocks disagree">clocks differ</small>}
      </td>
    </tr>
  )
}

function Place(props: { readonly event: TrackedEvent }) {
  const { production, consumptions } = props.event
  const partition = production?.partition ?? consumptions[0]?.partition ?? null
  const offset = production?.offset ?? consumptions[0]?.offset ?? null
  if (partition === null || offset === null) return null
  return (
    <span className="mono" title={`partition ${partition}, offset ${offset}`}>
      /{partition}@{offset}
    </span>
  )
}

/** What the event tells of, and the way to all that happened to it. */
function AboutLink(props: { readonly event: TrackedEvent }) {
  const { aggregateId, aggregateType, key } = props.event
  const id = aggregateId ?? key
  if (id === null) return <span className="eyebrow">–</span>
  return (
    <>
      {aggregateType !== null && <span className="eyebrow">{aggregateType} </span>}
      <Link to="/journeys/$id" params={{ id }} className="mono about" title={id}>
        {id}
      </Link>
    </>
  )
}
