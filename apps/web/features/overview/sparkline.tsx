const width = 60
const height = 18

/** A minute of amounts per second, newest at the right; gaps where nothing is known. */
export function Sparkline(props: {
  readonly label: string
  readonly values: readonly (number | null)[]
}) {
  const known = props.values.filter((value) => value !== null)
  const most = Math.max(1, ...known)
  const offset = width - props.values.length
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${props.label}: at most ${known.length === 0 ? 'not known' : Math.max(...known)} in a second`}
    >
      <path className="sparkline-base" d={`M0 ${height - 0.5}H${width}`} />
      {props.values.map((value, index) =>
        value === null || value === 0 ? null : (
          <rect
            // The place is the identity: bars do not move, their heights change.
            key={offset + index}
            x={offset + index + 0.1}
            width={0.8}
            y={height - (value / most) * height}
            height={(value / most) * height}
          />
        ),
      )}
    </svg>
  )
}
