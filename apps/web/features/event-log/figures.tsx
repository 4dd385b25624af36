import { duration, integer } from '../../lib/format.ts'
import type { Tone } from '../../ui/tone.ts'
import type { Backlog, Counts, LogSearch } from './model.ts'

/** What waits and failed now, and what was done in the range; each figure is a filter. */
export function LogFigures(props: {
  readonly backlog: Backlog | undefined
  readonly counts: Counts | undefined
  readonly rangeLabel: string
  readonly active: string
  readonly onChoose: (change: Partial<LogSearch>) => void
}) {
  const { backlog, counts, rangeLabel, active, onChoose } = props
  const counted = (side: string, status: string): number | null =>
    counts === undefined
      ? null
      : counts.counts
          .filter((each) => each.side === side && each.status === status)
          .reduce((sum, each) => sum + each.count, 0)
  const note = counts?.isComplete === false ? `${rangeLabel}, the newest only` : rangeLabel
  const figures: readonly Figure[] = [
    { status: 'PUBLISHED', label: 'published', value: counted('production', 'PUBLISHED'), note },
    { status: 'PROCESSED', label: 'processed', value: counted('consumption', 'PROCESSED'), note },
    {
      status: 'PENDING,PUBLISHING,RETRY',
      label: 'wait for the relay',
      value: backlog?.pending ?? null,
      isCut: backlog?.isPendingCut ?? false,
      note:
        backlog === undefined || backlog.oldestPendingAgeMs === null
          ? 'now'
          : `now, the oldest for ${duration(backlog.oldestPendingAgeMs)}`,
      tone: 'attention',
    },
    {
      status: 'RECEIVED,PROCESSING',
      label: 'wait for a handler',
      value: backlog?.waiting ?? null,
      note: 'now',
      tone: 'attention',
    },
    {
      status: 'PARKED',
      label: 'parked',
      value: backlog?.parked ?? null,
      note: 'now',
      tone: 'attention',
    },
    { status: 'FAILED', label: 'failed', value: backlog?.failed ?? null, note: 'now', tone: 'bad' },
  ]
  return (
    <ul className="log-figures">
      {figures.map((figure) => (
        <li key={figure.label}>
          <button
            type="button"
            aria-pressed={active === figure.status}
            {...(figure.tone !== undefined && (figure.value ?? 0) > 0
              ? { 'data-tone': figure.tone }
              : {})}
            onClick={() => onChoose({ status: active === figure.status ? '' : figure.status })}
          >
            <strong className="figure">
              {integer(figure.value)}
              {figure.isCut === true && '+'}
            </strong>
            <span>{figure.label}</span>
            <small>{figure.note}</small>
          </button>
        </li>
      ))}
    </ul>
  )
}

interface Figure {
  readonly status: string
  readonly label: string
  readonly value: number | null
  readonly note: string
  readonly isCut?: boolean
  readonly tone?: Tone
}
