import { count, rate } from '../../lib/format.ts'
import { FlowStop, PartLine } from './flow-stop.tsx'
import type { Overview } from './model.ts'

/** The map as a list: on a phone, for screen readers, and by choice. Same figures, same order. */
export function FlowList(props: { readonly overview: Overview }) {
  const { overview } = props
  const { rates, standing, totals } = overview
  return (
    <ol className="flow-list">
      <FlowStop title="Your browser" edge={`${rate(rates.requests)} requests`} />
      <FlowStop
        title="gateway"
        part="gateway"
        overview={overview}
        edge={`${rate(rates.created)} events asked for`}
      />
      <FlowStop
        title="discussions"
        part="discussions"
        overview={overview}
        edge={`${rate(rates.created)} events written`}
      />
      <FlowStop
        title="event_production_log"
        note={`${count(standing.pending, 'event')} pending`}
        edge={`${rate(rates.published)} taken by the relay`}
      />
      <FlowStop
        title="relay"
        {...(overview.relay === null ? {} : { relay: overview.relay })}
        edge={`${rate(rates.published)} published`}
      />
      <FlowStop
        title="discussion.events"
        note={`3 partitions, lag ${count(standing.lagRecords, 'record')}`}
        edge={`${rate(rates.processed)} read`}
      />
      <FlowStop
        title="discussion-analytics"
        part="discussion-analytics"
        overview={overview}
        edge={`${rate(rates.processed)} processed`}
      />
      <FlowStop
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
