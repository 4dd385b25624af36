import { count, rate } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import { type Overview, type PartName, partStates, type Relay, relayStates } from './model.ts'

/** The map as a list: on a phone, for screen readers, and by choice. Same figures, same order. */
export function FlowList(props: { readonly overview: Overview }) {
  const { overview } = props
  const { rates, standing, totals } = overview
  return (
    <ol className="flow-list">
      <Stop title="Your browser" edge={`${rate(rates.requests)} requests`} />
      <Stop
        title="gateway"
        part="gateway"
        overview={overview}
        edge={`${rate(rates.created)} events asked for`}
      />
      <Stop
        title="discussions"
        part="discussions"
        overview={overview}
        edge={`${rate(rates.created)} events written`}
      />
      <Stop
        title="event_production_log"
        note={`${count(standing.pending, 'event')} pending`}
        edge={`${rate(rates.published)} taken by the relay`}
      />
      <Stop
        title="relay"
        {...(overview.relay === null ? {} : { relay: overview.relay })}
        edge={`${rate(rates.published)} published`}
      />
      <Stop
        title="discussion.events"
        note={`3 partitions, lag ${count(standing.lagRecords, 'record')}`}
        edge={`${rate(rates.processed)} read`}
      />
      <Stop
        title="discussion-analytics"
        part="discussion-analytics"
        overview={overview}
        edge={`${rate(rates.processed)} processed`}
      />
      <Stop
        title="thread_aggregate"
        note={`${count(totals.processed, 'event')} taken in`}
        edge="pushed back to this page"
      />
      <li className="flow-ground">
        Beneath: <PartLine overview={overview} part="postgres" title="Postgres" />{' '}
        <PartLine overview={overview} part="broker" title="broker" />
      </li>
    </ol>
  )
}

function Stop(props: {
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

function PartLine(props: {
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
