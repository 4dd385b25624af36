import { Link } from '@tanstack/react-router'
import { useRef } from 'react'
import { clockTime, exactTime } from '../../lib/format.ts'
import { useKeys } from '../../lib/keys.ts'
import { Time } from '../../ui/time.tsx'
import { ConsumptionState } from '../event-log/event-states.tsx'
import type { FailedEvent } from './model.ts'

/** Whether a redrive can take it. */
export function canRedrive({ consumption }: FailedEvent): boolean {
  return consumption.status === 'FAILED' || consumption.status === 'PARKED'
}

/** Events of one kind of failure, to tick and to open. `x` ticks the row in focus, `Shift x` all up to it. */
export function FailedEventTable(props: {
  readonly events: readonly FailedEvent[]
  readonly ticked: ReadonlySet<string>
  readonly opened: string | undefined
  readonly onTick: (ticked: ReadonlySet<string>) => void
  readonly onOpen: (key: string) => void
}) {
  const { events, ticked, onTick } = props
  const lastTicked = useRef<string | null>(null)
  const open = events.filter(canRedrive)
  const isOneGroup = new Set(events.map(({ consumption }) => consumption.group)).size === 1
  const isAll = open.length > 0 && open.every((each) => ticked.has(each.key))
  const toggle = (key: string): void => {
    const next = new Set(ticked)
    if (!next.delete(key)) next.add(key)
    lastTicked.current = key
    onTick(next)
  }
  const tickUpTo = (key: string): void => {
    const keys = open.map((each) => each.key)
    const [a, b] = [keys.indexOf(lastTicked.current ?? key), keys.indexOf(key)].toSorted(
      (x, y) => x - y,
    )
    onTick(new Set([...ticked, ...keys.slice(Math.max(0, a ?? 0), (b ?? 0) + 1)]))
  }
  const focused = (): string | undefined =>
    document.activeElement?.closest<HTMLElement>('[data-key]')?.dataset['key']
  const onFocused = (act: (key: string) => void) => (): void => {
    const key = focused()
    if (key !== undefined && open.some((each) => each.key === key)) act(key)
  }
  useKeys({ x: onFocused(toggle), X: onFocused(tickUpTo) })
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
              onChange={() => onTick(new Set(isAll ? [] : open.map((each) => each.key)))}
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
