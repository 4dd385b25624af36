import { Chip } from '../../ui/chip.tsx'
import { type Overview, type PartName, partStates, type Relay, relayStates } from './model.ts'

/** One stop of a map in its list form, and what goes on from it. */
export function FlowStop(props: {
  readonly title: string
  readonly part?: PartName
  readonly overview?: Overview
  readonly relay?: Relay
  readonly note?: string
  readonly edge: string
}) {
  return (
    <li>
      <div className="flow-stop">
        <strong>{props.title}</strong>
        {props.part !== undefined && props.overview !== undefined && (
          <PartLine overview={props.overview} part={props.part} />
        )}
        {props.relay !== undefined && (
          <Chip tone={relayStates[props.relay.state].tone} title={props.relay.reason ?? ''}>
            {relayStates[props.relay.state].word}
          </Chip>
        )}
        {props.note !== undefined && <span className="eyebrow figure">{props.note}</span>}
      </div>
      <div className="flow-step figure">{props.edge}</div>
    </li>
  )
}

/** A part's state. */
export function PartLine(props: {
  readonly overview: Overview
  readonly part: PartName
  readonly title?: string
}) {
  const part = props.overview.parts.find(({ name }) => name === props.part)
  if (part === undefined) return null
  const { word, tone } = partStates[part.state]
  return (
    <Chip tone={tone} {...(part.reason === null ? {} : { title: part.reason })}>
      {props.title} {word}
    </Chip>
  )
}
