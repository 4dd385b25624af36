import type { ReactNode } from 'react'
import { count, integer, rate } from '../../lib/format.ts'
import { IconShape } from '../../ui/icon.tsx'
import { toneIcons } from '../../ui/tone.ts'
import { Drops } from './drops.tsx'
import {
  type Box,
  drawing,
  type Edge,
  edges,
  groundLines,
  type PlateName,
  plates,
  wheel,
} from './flow-geometry.ts'
import {
  type Overview,
  type Part,
  type PartName,
  partStates,
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
        <FlowEdge key={edge.key} edge={edge} overview={overview} moved={moved} />
      ))}
      <Plate name="browser" title="Your browser" note="this page" />
      <Plate name="gateway" title="gateway" part={part('gateway')} />
      <Plate name="discussions" title="discussions" part={part('discussions')} />
      <Plate name="log" title="event_production_log" kind="table">
        <Fact
          text={`${count(overview.standing.pending, 'event')} pending`}
          isOdd={(overview.standing.pending ?? 0) > 100}
        />
      </Plate>
      <Wheel perSecond={overview.rates.published} relay={overview.relay} />
      <Topic overview={overview} />
      <Plate name="analytics" title="discussion-analytics" part={part('discussion-analytics')} />
      <Plate name="aggregate" title="thread_aggregate" kind="table">
        <Fact text={`${count(overview.totals.processed, 'event')} taken in`} />
      </Plate>
      <Plate name="postgres" title="Postgres" part={part('postgres')} kind="ground" />
      <Plate name="broker" title="broker" part={part('broker')} kind="ground" />
    </svg>
  )
}

function FlowEdge(props: {
  readonly edge: Edge
  readonly overview: Overview
  readonly moved: Totals
}) {
  const { edge, overview } = props
  const perSecond = overview.rates[edge.rate]
  // An import writes many events with one request: never more drops than what the rate says moved.
  const drops = Math.min(props.moved[edge.drops] ?? 0, Math.ceil(perSecond ?? 0))
  const isMoving = perSecond !== null && perSecond > 0
  return (
    <g className="flow-edge" data-moving={isMoving} data-edge={edge.key}>
      <title>{edge.means}</title>
      <path className="race-bank" d={edge.path} />
      <path className="race-bed" d={edge.path} />
      <path className="race-water" d={edge.path} style={{ animationDuration: paceOf(perSecond) }} />
      <Drops edge={edge} count={drops} atMs={overview.atMs} />
      <text x={edge.label.x} y={edge.label.y} textAnchor={edge.label.anchor}>
        {rate(perSecond)}
      </text>
    </g>
  )
}

/** Faster water for more events, within what the eye can follow. */
function paceOf(perSecond: number | null): string {
  return `${Math.max(0.35, 2.2 - 0.35 * Math.log2(1 + (perSecond ?? 0))).toFixed(2)}s`
}

function Plate(props: {
  readonly name: PlateName
  readonly title: string
  readonly part?: Part | undefined
  readonly note?: string
  readonly kind?: 'table' | 'ground'
  readonly children?: ReactNode
}) {
  const box = plates[props.name]
  return (
    <g className="map-plate" data-kind={props.kind ?? 'process'}>
      <rect {...box} rx="4" />
      {props.kind === 'table' && <path className="table-head" d={tableHead(box)} />}
      <text className="plate-title" x={box.x + 14} y={box.y + 31}>
        {props.title}
      </text>
      {props.part !== undefined && <PartWord part={props.part} box={box} />}
      {props.note !== undefined && (
        <text className="plate-note" x={box.x + 14} y={box.y + 55}>
          {props.note}
        </text>
      )}
      {props.children !== undefined && (
        <g transform={`translate(${box.x + 14} ${box.y + 55})`}>{props.children}</g>
      )}
    </g>
  )
}

function tableHead({ x, y, width }: Box): string {
  return `M${x} ${y + 7}h${width}`
}

function PartWord(props: { readonly part: Part; readonly box: Box }) {
  const { word, tone } = partStates[props.part.state]
  const { x, y } = props.box
  return (
    <g className="plate-state" data-tone={tone} data-part={props.part.name}>
      <g transform={`translate(${x + 14} ${y + 43}) scale(0.66)`}>
        <IconShape name={toneIcons[tone]} />
      </g>
      <text x={x + 34} y={y + 55}>
        {word}
      </text>
      {props.part.reason !== null && <title>{props.part.reason}</title>}
    </g>
  )
}

function Fact(props: { readonly text: string; readonly isOdd?: boolean }) {
  return (
    <text className="plate-note" data-tone={props.isOdd === true ? 'attention' : undefined}>
      {props.text}
    </text>
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

function Topic(props: { readonly overview: Overview }) {
  const box = plates.topic
  const { partitions, standing } = props.overview
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
        discussion.events
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
