import { clockTime } from '../../lib/format.ts'
import { arrowsOf } from './mappers.ts'
import type { Arrow, Journey } from './model.ts'

const columnWidth = 190
const rowHeight = 40
const headHeight = 46
const margin = 90

/** Who told whom what, from top to bottom; the same in words for those who cannot see it. */
export function Sequence(props: {
  readonly journey: Journey
  readonly onOpen: (eventId: string) => void
}) {
  const arrows = arrowsOf(props.journey)
  const actors = actorsOf(arrows)
  const xOf = (name: string): number => margin + actors.indexOf(name) * columnWidth
  const width = margin * 2 + Math.max(0, actors.length - 1) * columnWidth
  const height = headHeight + (arrows.length + 1) * rowHeight
  return (
    <figure className="sequence">
      <div className="scroll" tabIndex={0} role="region" aria-label="Sequence, scrolls sideways">
        <svg
          width={width}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          aria-hidden="true"
          focusable="false"
        >
          <defs>
            <marker
              id="arrow-head"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="8"
              markerHeight="8"
              orient="auto"
            >
              <path d="M0 0 8 4 0 8Z" fill="context-stroke" />
            </marker>
          </defs>
          {actors.map((name) => (
            <g key={name} className="actor">
              <line x1={xOf(name)} y1={headHeight - 8} x2={xOf(name)} y2={height} />
              <text x={xOf(name)} y={20} textAnchor="middle">
                {name.length > 24 ? `${name.slice(0, 23)}…` : name}
                <title>{name}</title>
              </text>
            </g>
          ))}
          {arrows.map((arrow, index) => (
            <SequenceArrow
              key={arrow.key}
              arrow={arrow}
              fromX={xOf(arrow.from)}
              toX={xOf(arrow.to)}
              y={headHeight + (index + 1) * rowHeight}
              onOpen={props.onOpen}
            />
          ))}
        </svg>
      </div>
      <figcaption>
        <details>
          <summary>In words</summary>
          <ol>
            {arrows.map((arrow) => (
              <li key={arrow.key}>
                <span className="figure">{clockTime(arrow.atMs)}</span>{' '}
                <button type="button" className="link" onClick={() => props.onOpen(arrow.eventId)}>
                  {arrow.sentence}
                </button>
              </li>
            ))}
          </ol>
        </details>
      </figcaption>
    </figure>
  )
}

function SequenceArrow(props: {
  readonly arrow: Arrow
  readonly fromX: number
  readonly toX: number
  readonly y: number
  readonly onOpen: (eventId: string) => void
}) {
  const { arrow, fromX, toX, y, onOpen } = props
  const end = toX + (toX > fromX ? -3 : 3)
  return (
    <g className="arrow" data-tone={arrow.tone} onClick={() => onOpen(arrow.eventId)}>
      <title>{`${arrow.sentence}, ${clockTime(arrow.atMs)}`}</title>
      <line x1={fromX} y1={y} x2={end} y2={y} markerEnd="url(#arrow-head)" />
      <text x={(fromX + toX) / 2} y={y - 7} textAnchor="middle">
        {arrow.label}
      </text>
    </g>
  )
}

/** Services, topics and groups from left to right, in the order in which they first take part. */
function actorsOf(arrows: readonly Arrow[]): readonly string[] {
  return [...new Set(arrows.flatMap((arrow) => [arrow.from, arrow.to]))]
}
