import { Link } from '@tanstack/react-router'
import type { TrackedEvent } from './model.ts'

/** The way from an event that the broker refused to all that it refused so. */
export function RefusedLink(props: { readonly event: TrackedEvent }) {
  const { eventId, production } = props.event
  if (production?.status !== 'FAILED' || production.fingerprint === null) return null
  return (
    <small className="mend">
      <Link
        to="/failures/$fingerprint"
        params={{ fingerprint: production.fingerprint }}
        search={{ event: eventId }}
      >
        Why, and others like it
      </Link>
    </small>
  )
}

/** The way from an event that a group gave up to where it is mended. */
export function MendLinks(props: { readonly event: TrackedEvent }) {
  const { eventId, consumptions } = props.event
  return consumptions.map(({ database, group, status, fingerprint }) =>
    status === 'FAILED' && fingerprint !== null ? (
      <small key={`${database} ${group}`} className="mend">
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
