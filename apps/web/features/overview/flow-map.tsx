import { count, integer } from '../../lib/format.ts'
import { IconShape } from '../../ui/icon.tsx'
import { toneIcons } from '../../ui/tone.ts'
import { drawing, edges, groundLines, plates, wheel } from './flow-geometry.ts'
import { MapFact, MapPlate, MapRace } from './map-pieces.tsx'
import {
  type Overview,
  type Part,
  type PartName,
  type Relay,
  relayStates,
  type Totals,
} from './model.ts'

/**
 * The house as a millrace: what the reader does runs along the upper channel into the log, over the
 * relay's wheel down to the topic, and back along the lower one through analytics to the page.
 */
export function FlowMap(props: {
  readonly overview: Overview
  /** What went by since the sample before. */
  readonly moved: Totals
  readonly summary: string
}) {
  const { overview, moved } = props
  const part = (name: PartName): Part | undefined =>
    overview.parts.find((candidate) => candidate.name === name)
  return (
    <svg
      className="flow-map"
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      role="img"
      aria-label={props.summary}
    >
      {groundLines.map((path) => (
        <path key={path} className="ground-line" d={path} />
      ))}
      {edges.map((edge) => (
        <MapRace
          key={edge.key}
          race={edge}
          perSecond={overview.rates[edge.rate]}
          moved={moved[edge.drops]}
          atMs={overview.atMs}
        />
      ))}
      <MapPlate box={plates.browser} title="Your browser" note="this page" />
      <MapPlate box={plates.gateway} title="gateway" part={part('gateway')} />
      <MapPlate box={plates.discussions} title="discussions" part={part('discussions')} />
      <MapPlate box={plates.log} title="event_production_log" kind="table">
        <MapFact
          text={`${count(overview.standing.pending, 'event')} pending`}
          isOdd={(overview.standing.pending ?? 0) > 100}
        />
      </MapPlate>
      <Wheel perSecond={overview.rates.published} relay={overview.relay} />
      <Topic overview={overview} />
      <MapPlate
        box={plates.analytics}
        title="discussion-analytics"
        part={part('discussion-analytics')}
      />
      <MapPlate box={plates.aggregate} title="thread_aggregate" kind="table">
        <MapFact text={`${count(overview.totals.processed, 'event')} taken in`} />
      </MapPlate>
      <MapPlate box={plates.postgres} title="Postgres" part={part('postgres')} kind="ground" />
      <MapPlate box={plates.broker} title="broker" part={part('broker')} kind="ground" />
    </svg>
  )
}

const paddles = [0, 45, 90, 135, 180, 225, 270, 315]

function Wheel(props: { readonly perSecond: number | null; readonly relay: Relay | null }) {
  const { x, y, radius } = wheel
  const moves = (props.perSecond ?? 0) > 0
  return (
    <g className="relay-wheel">
      <circle className="wheel-well" cx={x} cy={y} r={radius + 6} />
      <g
        className="wheel-turn"
        style={{
          transformOrigin: `${x}px ${y}px`,
          animationPlayState: moves ? 'running' : 'paused',
          animationDuration: `${Math.max(1, 7 - 1.5 * Math.log2(1 + (props.perSecond ?? 0)))}s`,
        }}
      >
        <circle cx={x} cy={y} r={radius - 12} />
        {paddles.map((angle) => (
          <path
            key={angle}
            d={`M${x} ${y - 26}V${y - radius}h7`}
            transform={`rotate(${angle} ${x} ${y})`}
          />
        ))}
      </g>
      <circle className="wheel-hub" cx={x} cy={y} r="25" />
      <text className="plate-title" x={x} y={y + 5} textAnchor="middle">
        relay
      </text>
      {props.relay !== null && <RelayWord relay={props.relay} />}
    </g>
  )
}

/** Left of the wheel, where there is room. */
function RelayWord(props: { readonly relay: Relay }) {
  const { word, tone } = relayStates[props.relay.state]
  const x = wheel.x - wheel.radius - 16
  return (
    <g className="plate-state" data-tone={tone} data-part="relay">
      <text x={x} y={wheel.y + 5} textAnchor="end">
        {word}
      </text>
      <g transform={`translate(${x - word.length * 6.6 - 21} ${wheel.y - 8}) scale(0.66)`}>
        <IconShape name={toneIcons[tone]} />
      </g>
      {props.relay.reason !== null && <title>{props.relay.reason}</title>}
    </g>
  )
}

const topicName = 'discussion.events'

function Topic(props: { readonly overview: Overview }) {
  const box = plates.topic
  const { topics, standing } = props.overview
  const { partitions } = topics.find(({ name }) => name === topicName) ?? { partitions: [] }
  const lanes = [0, 1, 2].map(
    (partition) =>
      partitions.find((load) => load.partition === partition) ?? {
        partition,
        endOffset: null,
        lagRecords: null,
      },
  )
  return (
    <g className="map-plate" data-kind="topic">
      <rect {...box} rx="4" />
      <text className="plate-title" x={box.x + 14} y={box.y + 28}>
        {topicName}
      </text>
      {lanes.map(({ partition, endOffset }, index) => (
        <g key={partition} transform={`translate(${box.x + 14} ${box.y + 40 + index * 22})`}>
          <rect className="lane" width={box.width - 28} height="17" rx="2" />
          <text className="lane-text" x="8" y="13">
            partition {partition}
          </text>
          <text className="lane-text" x={box.width - 36} y="13" textAnchor="end">
            {endOffset === null ? '' : `to offset ${integer(endOffset)}`}
          </text>
        </g>
      ))}
      <text className="plate-note" x={box.x + 14} y={box.y + 125}>
        lag {count(standing.lagRecords, 'record')}
      </text>
    </g>
  )
}
