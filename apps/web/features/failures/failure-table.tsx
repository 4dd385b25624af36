import { Link } from '@tanstack/react-router'
import { integer } from '../../lib/format.ts'
import { Time } from '../../ui/time.tsx'
import type { FailureGroup, Failures } from './model.ts'
import { Trend } from './trend.tsx'

/** Failures, each with the way to its page. @param props.caption for those who cannot see what stands above it */
export function FailureTable(props: {
  readonly caption: string
  readonly items: readonly FailureGroup[]
  readonly failures: Failures
  readonly isStale: boolean
}) {
  return (
    <table className="event-table failure-table" aria-busy={props.isStale}>
      <caption className="visually-hidden">{props.caption}, the largest first</caption>
      <thead>
        <tr>
          <th scope="col">What went wrong</th>
          <th scope="col">Where</th>
          <th scope="col">Trend</th>
          <th scope="col">Last</th>
          <th scope="col" className="number">
            Events
          </th>
        </tr>
      </thead>
      <tbody>
        {props.items.map((group) => (
          <tr key={`${group.database} ${group.fingerprint}`}>
            <td>
              <Link
                to="/failures/$fingerprint"
                params={{ fingerprint: group.fingerprint }}
                data-row=""
                className="event-type"
              >
                {group.errorClass}
              </Link>
              <small className="failure-line">{group.firstLine}</small>
            </td>
            <td>
              {group.side === 'production' ? group.database : group.consumerGroups.join(', ')}
              <small>
                {group.topics.join(', ')}: {group.eventTypes.join(', ')}
              </small>
            </td>
            <td>
              <Trend trend={group.trend} range={props.failures} />
            </td>
            <td className="event-time">
              <Time atMs={group.lastSeenAtMs} />
              <small>
                first <Time atMs={group.firstSeenAtMs} />
              </small>
            </td>
            <td className="number figure">
              <strong>{integer(group.failed)}</strong>
              {group.retrying > 0 && <small>+ {integer(group.retrying)} tried again</small>}
              {(group.parked ?? 0) > 0 && <small>+ {integer(group.parked ?? 0)} behind them</small>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
