import { Link } from '@tanstack/react-router'
import type { TrackedEvent } from './model.ts'

/** The way from an event that a group gave up to where it is mended. */
export function MendLinks(props: { readonly event: TrackedEvent }) {
  const { eventId, consumptions } = props.event
  return consumptions.map(({ database, group, status, fingerprint }) =>
    status === 'FAILED' && fingerprint !== null ? (
      <small key={`${database} ${group}`}>
        <Link
          to="/failures/$fingerprint"
          params={{ fingerprint }}
          search={{ event: `${eventId} ${group}` }}
        >
          Mend it at {group}
        </Link>
      </small>
    ) : null,
  )
}
