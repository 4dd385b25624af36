import { count, duration } from '../../lib/format.ts'
import { useNow } from '../../lib/use-now.ts'
import { hopsOf } from './mappers.ts'
import { type Hop, type Journey, type SpanKind, spanKinds } from './model.ts'

const kinds = Object.keys(spanKinds) as readonly SpanKind[]

/** Waiting and work of each event on its way to each group, on one axis; the same as a table below. */
export function Timeline(props: {
  readonly journey: Journey
  readonly onOpen: (eventId: string) => void
}) {
  const { journey, onOpen } = props
  const nowMs = useNow(1_000)
  const hops = hopsOf(journey, nowMs)
  const ends = hops.flatMap((hop) => hop.spans.map((span) => span.endMs))
  const begin = Math.min(...hops.flatMap((hop) => hop.spans.map((span) => span.beginMs)))
  const lengthMs = Math.max(1, Math.max(...ends) - begin)
  return (
    <div className="timeline">
      <ul className="legend">
        {kinds.map((kind) => (
          <li key={kind}>
            <span className="swatch" data-span={kind} /> {spanKinds[kind].label}
          </li>
        ))}
      </ul>
      <p className="eyebrow">{summaryOf(hops)}</p>
      <ol className="hops">
        {hops.map((hop) => (
          <li key={hop.key}>
            <button
              type="button"
              className="hop-name"
              data-row=""
              onClick={() => onOpen(hop.eventId)}
            >
              {hop.label}
              {hop.group !== null && <small>to {hop.group}</small>}
            </button>
            <span className="hop-bar" aria-hidden="true">
              {hop.spans.map((span) => (
                <span
                  key={span.kind}
                  data-span={span.kind}
                  data-open={span.isOpen}
                  title={`${spanKinds[span.kind].label}: ${duration(span.endMs - span.beginMs)}`}
                  style={{
                    insetInlineStart: `${((span.beginMs - begin) / lengthMs) * 100}%`,
                    inlineSize: `${((span.endMs - span.beginMs) / lengthMs) * 100}%`,
                  }}
                />
              ))}
            </span>
            <span className="figure hop-total">{duration(hop.totalMs)}</span>
          </li>
        ))}
      </ol>
      <p className="axis figure" aria-hidden="true">
        <span>0</span>
        <span>{duration(lengthMs / 2)}</span>
        <span>{duration(lengthMs)}</span>
      </p>
      <details>
        <summary>As a table</summary>
        <SpanTable hops={hops} />
      </details>
    </div>
  )
}

function summaryOf(hops: readonly Hop[]): string {
  const sumOf = (kind: SpanKind): number =>
    hops
      .flatMap((hop) => hop.spans)
      .filter((span) => span.kind === kind && !span.isOpen)
      .reduce((sum, span) => sum + span.endMs - span.beginMs, 0)
  const work = sumOf('handler')
  const wait = sumOf('outbox') + sumOf('broker') + sumOf('retry')
  return `${count(hops.length, 'hop')}: ${duration(work)} of work, ${duration(wait)} of waiting in all.`
}

function SpanTable(props: { readonly hops: readonly Hop[] }) {
  return (
    <div className="scroll">
      <table className="event-table">
        <thead>
          <tr>
            <th scope="col">Event</th>
            <th scope="col">Group</th>
            {kinds.map((kind) => (
              <th key={kind} scope="col" className="number">
                {spanKinds[kind].label}
              </th>
            ))}
            <th scope="col" className="number">
              in all
            </th>
          </tr>
        </thead>
        <tbody>
          {props.hops.map((hop) => (
            <tr key={hop.key}>
              <td>{hop.label}</td>
              <td>{hop.group ?? 'none yet'}</td>
              {kinds.map((kind) => {
                const span = hop.spans.find((each) => each.kind === kind)
                return (
                  <td key={kind} className="number figure">
                    {span === undefined ? '–' : duration(span.endMs - span.beginMs)}
                    {span?.isOpen === true && ' so far'}
                  </td>
                )
              })}
              <td className="number figure">{duration(hop.totalMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
