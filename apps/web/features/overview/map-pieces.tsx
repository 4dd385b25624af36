import type { ReactNode } from 'react'
import { rate } from '../../lib/format.ts'
import { IconShape } from '../../ui/icon.tsx'
import { toneIcons } from '../../ui/tone.ts'
import { Drops } from './drops.tsx'
import type { Box, Race } from './flow-geometry.ts'
import { type Part, partStates } from './model.ts'

/** Water between two plates: its rate, its pace, a drop for each event that moved since the sample before. */
export function MapRace(props: {
  readonly race: Race
  readonly perSecond: number | null
  /** What moved since the sample before. */
  readonly moved: number | null
  readonly atMs: number
}) {
  const { race, perSecond } = props
  // An import writes many events with one request: never more drops than what the rate says moved.
  const drops = Math.min(props.moved ?? 0, Math.ceil(perSecond ?? 0))
  const isMoving = perSecond !== null && perSecond > 0
  return (
    <g className="flow-edge" data-moving={isMoving} data-edge={race.key}>
      <title>{race.means}</title>
      <path className="race-bank" d={race.path} />
      <path className="race-bed" d={race.path} />
      <path className="race-water" d={race.path} style={{ animationDuration: paceOf(perSecond) }} />
      <Drops edge={race} count={drops} atMs={props.atMs} />
      <text x={race.label.x} y={race.label.y} textAnchor={race.label.anchor}>
        {rate(perSecond)}
      </text>
    </g>
  )
}

/** Faster water for more events, within what the eye can follow. */
function paceOf(perSecond: number | null): string {
  return `${Math.max(0.35, 2.2 - 0.35 * Math.log2(1 + (perSecond ?? 0))).toFixed(2)}s`
}

/** Something that stands: a process, a table, a topic, or what others stand on. */
export function MapPlate(props: {
  readonly box: Box
  readonly title: string
  readonly part?: Part | undefined
  readonly note?: string
  readonly kind?: 'table' | 'topic' | 'ground'
  readonly children?: ReactNode
}) {
  const { box } = props
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

/** A line of a plate. */
export function MapFact(props: { readonly text: string; readonly isOdd?: boolean }) {
  return (
    <text className="plate-note" data-tone={props.isOdd === true ? 'attention' : undefined}>
      {props.text}
    </text>
  )
}
