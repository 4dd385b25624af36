import { absent, count, duration, integer, rate } from '../../lib/format.ts'
import type { Tone } from '../../ui/tone.ts'
import { slowAfterMs } from './health.ts'
import { type Overview, pendingCountLimit, rateWindowMs } from './model.ts'
import { Sparkline } from './sparkline.tsx'

export interface Figure {
  readonly label: string
  readonly value: string
  readonly hint: string
  readonly tone?: Tone
  readonly series?: readonly (number | null)[]
}

/** The figures by which one sees whether all is well: what moves, what stands, what failed. */
export function FiguresStrip(props: {
  readonly overview: Overview
  readonly created: readonly (number | null)[]
  readonly processed: readonly (number | null)[]
}) {
  return <Strip figures={[...moving(props), ...standing(props.overview)]} />
}

export function Strip(props: { readonly figures: readonly Figure[] }) {
  return (
    <dl className="strip">
      {props.figures.map(({ label, value, hint, tone, series }) => (
        <div key={label} data-tone={tone} title={hint}>
          <dt>{label}</dt>
          <dd className="figure">
            {value}
            {series !== undefined && <Sparkline label={`${label}, last minute`} values={series} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function moving(props: {
  readonly overview: Overview
  readonly created: readonly (number | null)[]
  readonly processed: readonly (number | null)[]
}): readonly Figure[] {
  const window = `mean of the last ${rateWindowMs / 1000} s`
  return [
    {
      label: 'written',
      value: rate(props.overview.rates.created),
      hint: `Events written to the log, ${window}`,
      series: props.created,
    },
    {
      label: 'processed',
      value: rate(props.overview.rates.processed),
      hint: `Events taken into the aggregates, ${window}`,
      series: props.processed,
    },
  ]
}

function standing({ standing }: Overview): readonly Figure[] {
  const ageMs = standing.oldestPendingAgeMs
  return [
    {
      label: 'pending',
      value: pendingText(standing.pending),
      hint: 'Events written, not yet published',
      ...toneAbove(standing.pending, 100, 'attention'),
    },
    {
      label: 'oldest pending',
      value: standing.pending === 0 ? 'none' : duration(ageMs),
      hint: 'Age of the oldest event not yet published',
      ...toneAbove(ageMs, slowAfterMs, 'attention'),
    },
    {
      label: 'lag',
      value: standing.lagRecords === null ? absent : count(standing.lagRecords, 'record'),
      hint: 'Records published, not yet processed by analytics',
      ...toneAbove(standing.lagRecords, 100, 'attention'),
    },
    {
      label: 'failed',
      value: standing.failed === null ? absent : count(standing.failed, 'event'),
      hint: 'Events that could not be published or processed, now',
      ...toneAbove(standing.failed, 0, 'bad'),
    },
    {
      label: 'duplicates skipped',
      value:
        standing.duplicatesSkipped === null ? absent : count(standing.duplicatesSkipped, 'event'),
      hint: 'Deliveries recognised as already done, since the start',
    },
  ]
}

export function pendingText(pending: number | null): string {
  if (pending === null) return absent
  return pending >= pendingCountLimit ? `${integer(pending)} or more` : count(pending, 'event')
}

export function toneAbove(
  value: number | null,
  limit: number,
  tone: Tone,
): { readonly tone?: Tone } {
  return value !== null && value > limit ? { tone } : {}
}
