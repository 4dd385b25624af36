import { Link } from '@tanstack/react-router'
import { clockTime, exactTime } from '../../lib/format.ts'
import { Time } from '../../ui/time.tsx'
import { ProductionState } from '../event-log/event-states.tsx'
import type { RefusedEvent } from './model.ts'
import { useTicks } from './use-ticks.ts'

/** Whether it can be published again by hand: what is tried again by itself cannot. */
export function canRepublish({ production }: RefusedEvent): boolean {
  return production.status === 'FAILED'
}

/** Events that the broker refused for one reason, to tick and to open. */
export function RefusedEventTable(props: {
  readonly events: readonly RefusedEvent[]
  readonly ticked: ReadonlySet<string>
  readonly opened: string | undefined
  readonly onTick: (ticked: ReadonlySet<string>) => void
  readonly onOpen: (key: string) => void
}) {
  const { events, ticked } = props
  const open = events.filter(canRepublish).map((each) => each.key)
  const { isAll, toggle, toggleAll } = useTicks(open, ticked, props.onTick)
  return (
    <table className="event-table failed-events">
      <caption className="visually-hidden">Events that were refused so, newest first</caption>
      <thead>
        <tr>
          <th scope="col">
            <input
              type="checkbox"
              aria-label="Tick all"
              checked={isAll}
              disabled={open.length === 0}
              onChange={toggleAll}
            />
          </th>
          <th scope="col">Event</th>
          <th scope="col">Tells of</th>
          <th scope="col">State</th>
          <th scope="col">Refused</th>
        </tr>
      </thead>
      <tbody>
        {events.map((refused) => (
          <RefusedRow
            key={refused.key}
            refused={refused}
            isTicked={ticked.has(refused.key)}
            isOpen={refused.key === props.opened}
            onTick={() => toggle(refused.key)}
            onOpen={() => props.onOpen(refused.key)}
          />
        ))}
      </tbody>
    </table>
  )
}

function RefusedRow(props: {
  readonly refused: RefusedEvent
  readonly isTicked: boolean
  readonly isOpen: boolean
  readonly onTick: () => void
  readonly onOpen: () => void
}) {
  const { refused } = props
  const { event, production } = refused
  const about = event.aggregateId ?? event.key
  return (
    <tr data-key={refused.key} data-open={props.isOpen}>
      <td>
        <input
          type="checkbox"
          aria-label={`Tick ${event.eventType} ${event.eventId}`}
          checked={props.isTicked}
          disabled={!canRepublish(refused)}
          onChange={props.onTick}
        />
      </td>
      <td>
        <button
          type="button"
          className="link event-type"
          data-row=""
          aria-expanded={props.isOpen}
          onClick={props.onOpen}
        >
          {event.eventType}
        </button>
        <small className="mono">
          to {event.topic}
          {event.key !== null && ` key ${event.key}`}
        </small>
      </td>
      <td>
        {about === null ? (
          '–'
        ) : (
          <Link to="/journeys/$id" params={{ id: about }} className="mono about">
            {about}
          </Link>
        )}
      </td>
      <td>
        <ProductionState production={production} />
      </td>
      <td className="event-time figure" title={exactTime(production.updatedAtMs)}>
        {clockTime(production.updatedAtMs)}
        <small>
          <Time atMs={production.updatedAtMs} />
        </small>
      </td>
    </tr>
  )
}
