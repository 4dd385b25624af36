import { count, duration, integer } from '../../lib/format.ts'
import { trendColumns } from './mappers.ts'
import type { Failures, TrendPoint } from './model.ts'

const columns = 48
const height = 24

/** When the failures happened, oldest at the left, with its summary for those who cannot see it. */
export function Trend(props: {
  readonly trend: readonly TrendPoint[]
  readonly range: Pick<Failures, 'fromMs' | 'toMs'>
}) {
  const { trend, range } = props
  const counts = trendColumns(trend, range, columns)
  const most = Math.max(1, ...counts)
  const columnMs = (range.toMs - range.fromMs) / columns
  const total = counts.reduce((sum, each) => sum + each, 0)
  const label = `${count(total, 'failure')} within ${duration(range.toMs - range.fromMs)}, at most ${integer(most)} within ${duration(columnMs)}`
  return (
    <svg
      className="trend"
      viewBox={`0 0 ${columns} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <path className="trend-base" d={`M0 ${height - 0.5}H${columns}`} />
      {counts.map((each, index) =>
        each === 0 ? null : (
          <rect
            // The place is the identity: bars do not move, their heights change.
            key={index}
            x={index + 0.1}
            width={0.8}
            y={height - Math.max(2, (each / most) * height)}
            height={Math.max(2, (each / most) * height)}
          />
        ),
      )}
    </svg>
  )
}
