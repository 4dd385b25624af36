import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { duration, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useNow } from '../../lib/use-now.ts'
import { Button } from '../../ui/button.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { usePlan } from '../operations/use-plan.ts'
import { getFailedPayload } from './api.ts'
import { EditForm } from './edit-form.tsx'
import { canRedrive } from './failed-event-table.tsx'
import { ownFrame, toMarkdown } from './mappers.ts'
import type { FailedEvent } from './model.ts'
import { Origin } from './origin.tsx'
import { PayloadView } from './payload-view.tsx'

/** One failed event: what went wrong, where it came from, what it holds, and how to mend it. */
export function FailedEventPanel(props: {
  readonly failed: FailedEvent
  readonly onClose: () => void
}) {
  const { failed } = props
  const { event, consumption } = failed
  const [isEditing, setIsEditing] = useState(false)
  const plan = usePlan()
  const payload = useQuery({
    queryKey: ['failures', 'payload', failed.key, consumption.updatedAtMs],
    queryFn: ({ signal }) => getFailedPayload(event.eventId, consumption.group, signal),
    staleTime: 60_000,
  })
  const panel = useRef<HTMLElement | null>(null)
  // On a narrow screen it stands below the list, where nobody would see it open.
  useEffect(() => {
    if (matchMedia('(max-width: 63.99rem)').matches) panel.current?.scrollIntoView()
  }, [])
  const isMasked = payload.data?.payload.isMasked === true
  return (
    <aside ref={panel} className="plate event-panel" aria-label={`Event ${event.eventType}`}>
      <header>
        <h2>{event.eventType}</h2>
        <Button look="plain" icon="cross" aria-label="Close the event" onClick={props.onClose}>
          Close
        </Button>
      </header>
      <ErrorFacts failed={failed} />
      {canRedrive(failed) && !isEditing && (
        <div className="actions">
          <Button
            look="primary"
            icon="turn"
            disabled={plan.isPending}
            onClick={() =>
              plan.mutate({
                service: consumption.database,
                kind: 'redrive',
                group: consumption.group,
                eventIds: [event.eventId],
              })
            }
          >
            Redrive this event …
          </Button>
          {consumption.status === 'FAILED' && (
            <Button
              icon="pencil"
              disabled={payload.data == null || isMasked}
              onClick={() => setIsEditing(true)}
            >
              Edit it, then redrive
            </Button>
          )}
        </div>
      )}
      {isMasked && canRedrive(failed) && (
        <p className="eyebrow">
          It cannot be edited here: fields that its contract calls secret are hidden, and an edit
          would overwrite them.
        </p>
      )}
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      {isEditing && payload.data != null && (
        <EditForm failed={failed} payload={payload.data} onCancel={() => setIsEditing(false)} />
      )}
      <Origin
        event={event}
        record={`${event.topic}/${consumption.partition}@${consumption.offset}`}
        notes={payload.data?.notes ?? []}
      />
      {payload.isPending && <Skeleton lines={5} label="the payload" />}
      {payload.isError && (
        <ProblemNotice problem={asProblem(payload.error)} onRetry={() => void payload.refetch()} />
      )}
      {payload.data === null && <p className="eyebrow">The log keeps no payload of it.</p>}
      {payload.data != null && !isEditing && <PayloadView payload={payload.data} />}
    </aside>
  )
}

function ErrorFacts(props: { readonly failed: FailedEvent }) {
  const { consumption } = props.failed
  const { errorClass, errorMessage, stack, attempts, maxRetries, nextRetryAtMs, status } =
    consumption
  const nowMs = useNow(1_000)
  const frame = ownFrame(stack)
  return (
    <div className="failed-error">
      <p className="failure-line">
        <strong>{errorClass ?? 'Error'}</strong>
        {errorMessage !== null && `: ${errorMessage.split('\n')[0]}`}
      </p>
      {frame !== null && <p className="mono">{frame}</p>}
      <p className="eyebrow">
        attempt {integer(attempts)} of {integer(maxRetries + 1)} at {consumption.group}
        {status === 'FAILED' && ', given up'}
        {status === 'PROCESSED' && ', mended since'}
        {nextRetryAtMs !== null &&
          status !== 'FAILED' &&
          `, tried again ${nextRetryAtMs > nowMs ? `in ${duration(nextRetryAtMs - nowMs)}` : 'now'}`}{' '}
        <CopyId id={toMarkdown(props.failed)} label="copy as Markdown" />
      </p>
      {(stack !== null || (errorMessage?.includes('\n') ?? false)) && (
        <details>
          <summary>Whole message and stack</summary>
          <pre className="stack" tabIndex={0}>
            {stack ?? errorMessage}
          </pre>
        </details>
      )}
    </div>
  )
}
