import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Icon } from '../../ui/icon.tsx'
import { Time } from '../../ui/time.tsx'
import { getAlerts } from './api.ts'

const pollMs = 5_000

/** What the tracking service has raised and not yet seen recover; each leads to its own journey. */
export function AlertsNotice() {
  const alerts = useQuery({
    queryKey: ['event-log', 'alerts'],
    queryFn: ({ signal }) => getAlerts(signal),
    refetchInterval: pollMs,
  })
  const raised = alerts.data?.filter((alert) => alert.isRaised) ?? []
  if (raised.length === 0) return null
  return (
    <div className="notice" data-tone="bad" role="status">
      <h2>
        <Icon name="alert" /> {raised.length === 1 ? 'One alert' : `${raised.length} alerts`} raised
      </h2>
      <ul>
        {raised.map((alert) => (
          <li key={alert.alertId}>
            {alert.message} Since <Time atMs={alert.raisedAtMs} />,{' '}
            <Link to="/journeys/$id" params={{ id: alert.correlationId }}>
              journey of the alert
            </Link>
            .
          </li>
        ))}
      </ul>
    </div>
  )
}
