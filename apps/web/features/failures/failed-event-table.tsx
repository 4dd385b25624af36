import { Link } from '@tanstack/react-router'
import { clockTime, exactTime } from '../../lib/format.ts'
import { Time } from '../../ui/time.tsx'
import { ConsumptionState } from '../event-log/event-states.tsx'
import type { FailedEvent } from './model.ts'
import { useTicks } from './use-ticks.ts'

/** Whether a redrive can take it. */
export function canRedrive({ consumption }: FailedEvent): boolean {
  return consumption.status === 'FAILED' || consumption.status === 'PARKED'
}

/** Events of one kind of failure, to tick and to open. */
export function FailedEventTable(props: {
  readonly events: readonly FailedEvent[]
  readonly ticked: ReadonlySet<string>
  readonly opened: string | undefined
  readonly onTick: (ticked: ReadonlySet<string>) => void
  readonly onOpen: (key: string) => void
}) {
  const { events, ticked } = props
  const open = events.filter(canRedrive).map((each) => each.key)
  const isOneGroup = new Set(events.map(({ consumption }) => consumption.group)).size === 1
  const { isAll, toggle, toggleAll } = useTicks(open, ticked, props.onTick)
  return (
    <table className="event-table failed-events">
      <caption className="visually-hidden">Events that failed so, newest first</caption>
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
          <th scope="col">Failed</th>
        </tr>
      </thead>
      <tbody>
        {events.map((failed) => (
          <FailedRow
            key={failed.key}
            failed={failed}
            isTicked={ticked.has(failed.key)}
            isOpen={failed.key === props.opened}
            hasGroup={!isOneGroup}
            onTick={() => toggle(failed.key)}
            onOpen={() => props.onOpen(failed.key)}
          />
        ))}
      </tbody>
    </table>
  )
}

function FailedRow(props: {
  readonly failed: FailedEvent
  readonly isTicked: boolean
  readonly isOpen: boolean
  readonly hasGroup: boolean
  readonly onTick: () => void
  readonly onOpen: () => void
}) {
  const { failed } = props
  const { event, consumption } = failed
  const about = event.aggregateId ?? event.key
  return (
    <tr data-key={failed.key} data-open={props.isOpen}>
      <td>
        <input
          type="checkbox"
          aria-label={`Tick ${event.eventType} ${event.eventId}`}
          checked={props.isTicked}
          disabled={!canRedrive(failed)}
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
          {event.topic}/<wbr />
          {consumption.partition}@{consumption.offset}
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
        <ConsumptionState consumption={consumption} hasGroup={props.hasGroup} />
      </td>
      <td className="event-time figure" title={exactTime(consumption.updatedAtMs)}>
        {clockTime(consumption.updatedAtMs)}
        <small>
          <Time atMs={consumption.updatedAtMs} />
        </small>
      </td>
    </tr>
  )
}
