import { Link } from '@tanstack/react-router'
import { clockTime, duration } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { Icon, type IconName } from '../../ui/icon.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import type { Step, StepState, Walk } from './model.ts'
import { useWalk } from './use-walk.ts'
import './walk.css'

const stepIcons: Readonly<Record<StepState, IconName>> = {
  done: 'check',
  active: 'turn',
  ahead: 'dash',
  failed: 'cross',
}

const stepWords: Readonly<Record<StepState, string>> = {
  done: 'done',
  active: 'waiting here',
  ahead: 'still ahead',
  failed: 'failed',
}

/** One event's way from the click to the aggregate, with times, as both logs tell it. */
export function EventWalk(props: { readonly eventId: string }) {
  const { walk, act, problem, confirmedAtMs, retry } = useWalk(props.eventId)
  return (
    <div className="walk">
      <div className="walk-head">
        <WalkState walk={walk} />
        <span className="eyebrow">
          <Link to="/journeys/$id" params={{ id: props.eventId }}>
            Journey
          </Link>{' '}
          event <CopyId id={props.eventId} />
          {act?.correlationId != null && (
            <>
              {' '}
              correlation <CopyId id={act.correlationId} />
            </>
          )}
        </span>
      </div>
      {problem !== null && <ProblemNotice problem={problem} onRetry={retry} />}
      <ol className="walk-steps">
        {walk.steps.map((step) => (
          <WalkStep key={step.key} step={step} totalMs={walk.totalMs} />
        ))}
      </ol>
      {act !== null && confirmedAtMs !== null && (
        <p className="eyebrow">
          This page had the confirmation{' '}
          <span className="figure">{duration(Math.max(0, confirmedAtMs - act.clickedAtMs))}</span>{' '}
          after your click, by this browser’s clock.
        </p>
      )}
    </div>
  )
}

function WalkState(props: { readonly walk: Walk }) {
  const { walk } = props
  if (walk.hasFailed) return <Chip tone="bad">Stopped on the way</Chip>
  if (!walk.isFinished) return <Chip tone="busy">On its way</Chip>
  return <Chip tone="good">Arrived in {duration(walk.totalMs)}</Chip>
}

function WalkStep(props: { readonly step: Step; readonly totalMs: number | null }) {
  const { step, totalMs } = props
  const share =
    step.afterMs === null || totalMs === null || totalMs <= 0
      ? null
      : Math.min(1, Math.max(0, step.afterMs / totalMs))
  return (
    <li data-state={step.state}>
      <span className="walk-dot">
        <Icon
          name={stepIcons[step.state]}
          {...(step.state === 'active' ? { className: 'turning' } : {})}
        />
        <span className="visually-hidden">{stepWords[step.state]}</span>
      </span>
      <div className="walk-text">
        <strong>{step.title}</strong>
        <p>{step.detail}</p>
        {share !== null && (
          <span className="walk-bar" aria-hidden="true">
            <span style={{ inlineSize: `${share * 100}%` }} />
          </span>
        )}
      </div>
      <StepTime step={step} />
    </li>
  )
}

function StepTime(props: { readonly step: Step }) {
  const { atMs, afterMs, key } = props.step
  if (atMs === null) return <span className="walk-time" />
  return (
    <span className="walk-time figure">
      {afterMs === null || key === 'store' ? '' : `+${duration(Math.max(0, afterMs))}`}
      <small>{clockTime(atMs)}</small>
    </span>
  )
}
