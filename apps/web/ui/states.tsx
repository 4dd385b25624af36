import type { ReactNode } from 'react'
import { age } from '../lib/format.ts'
import type { ApiProblem } from '../lib/problem.ts'
import { useNow } from '../lib/use-now.ts'
import { Button } from './button.tsx'
import { CopyId } from './copy-id.tsx'
import { Icon } from './icon.tsx'

/** Loading: the shape of what comes, shown only when it takes longer than 150 ms. */
export function Skeleton(props: { readonly lines: number; readonly label: string }) {
  const widths = ['92%', '70%', '84%', '56%']
  return (
    <div className="skeleton" role="status" aria-label={`Loading ${props.label}`}>
      {Array.from({ length: props.lines }, (_, line) => (
        <span key={line} style={{ width: widths[line % widths.length] }} />
      ))}
    </div>
  )
}

/** Nothing yet, or nothing matches: says which, and offers the act that changes it. */
export function EmptyState(props: {
  readonly title: string
  readonly children: ReactNode
  readonly action?: ReactNode
}) {
  return (
    <div className="state">
      <h3>{props.title}</h3>
      <p>{props.children}</p>
      {props.action}
    </div>
  )
}

/** A page whose address names nothing that is there: says so in the words of who was asked, and leads on. */
export function MissingPage(props: {
  readonly heading: string
  readonly title: string
  readonly problem: ApiProblem
  readonly action: ReactNode
}) {
  return (
    <div className="page">
      <h1>{props.heading}</h1>
      <EmptyState title={props.title} action={props.action}>
        {props.problem.facts.detail ?? 'The link may be cut off.'}
      </EmptyState>
    </div>
  )
}

/** Could not load, or not allowed: reason, code, age of what is still shown, and a retry. */
export function ProblemNotice(props: {
  readonly problem: ApiProblem
  readonly onRetry?: () => void
  /** When good data last came; it is still shown beside this notice. */
  readonly lastGoodAtMs?: number
}) {
  const { facts, isForbidden } = props.problem
  return (
    <div className="notice" data-tone={isForbidden ? 'attention' : 'bad'} role="alert">
      <h3>
        <Icon name="alert" /> {isForbidden ? `Not allowed: ${facts.title}` : facts.title}
      </h3>
      {facts.detail !== null && <p>{facts.detail}</p>}
      {isForbidden && <p>Act as someone else with the menu at the top, or go back.</p>}
      {facts.fields.length > 0 && (
        <ul>
          {facts.fields.map(({ field, reason }) => (
            <li key={`${field} ${reason}`}>
              {field !== '' && <strong>{field}</strong>} {reason}
            </li>
          ))}
        </ul>
      )}
      <p className="meta">
        Code <code>{facts.code}</code>
        {facts.correlationId !== null && (
          <>
            , correlation id <CopyId id={facts.correlationId} />
          </>
        )}
        {props.lastGoodAtMs !== undefined && props.lastGoodAtMs > 0 && (
          <>
            . Shown: what came <Ago atMs={props.lastGoodAtMs} />
          </>
        )}
      </p>
      {props.onRetry !== undefined && !isForbidden && (
        <Button icon="turn" onClick={props.onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** How long ago, ticking. */
export function Ago(props: { readonly atMs: number }) {
  const nowMs = useNow(250)
  return <span className="figure">{age(Math.max(0, nowMs - props.atMs))}</span>
}
