import { Link } from '@tanstack/react-router'
import { CopyId } from '../../ui/copy-id.tsx'
import type { TrackedEvent } from '../event-log/model.ts'
import type { FailedPayload } from './model.ts'

/** Where an event comes from: its ids, each with its journey, its record, and what was noted of it. @param props.record its place, or where it should go */
export function Origin(props: {
  readonly event: TrackedEvent
  readonly record: string
  readonly notes: FailedPayload['notes']
}) {
  const { event } = props
  const ids = [
    ['event', event.eventId],
    ['request', event.correlationId],
    ['caused by', event.causationId],
    [event.aggregateType ?? 'tells of', event.aggregateId],
  ] as const
  return (
    <dl className="facts">
      {ids.map(([label, id]) =>
        id === null ? null : (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <Link to="/journeys/$id" params={{ id }} className="mono" title={id}>
                {id}
              </Link>{' '}
              <CopyId id={id} label="copy" />
            </dd>
          </div>
        ),
      )}
      <div>
        <dt>record</dt>
        <dd className="mono">
          {props.record}
          {event.key !== null && ` key ${event.key}`}
        </dd>
      </div>
      {props.notes.map(([name, value]) => (
        <div key={name}>
          <dt>{inWords(name)}</dt>
          <dd className="mono">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** `idDerivedFrom` as people write it. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
