import { integer, rate } from '../../lib/format.ts'
import { lagByTopic } from './mappers.ts'
import type { StreamRates, StreamTask, TopologyNode } from './model.ts'
import { layoutOf, type PlacedNode } from './topology-layout.ts'

const width = 168
const height = 46
const gapX = 76
const gapY = 18
const pad = 8

/** The topology as a graph from left to right: sources, processors with their stores, sinks; edges to and from topics say how much passes, and what waits. */
export function TopologyGraph(props: {
  readonly nodes: readonly TopologyNode[]
  readonly tasks: readonly StreamTask[]
  readonly rates: StreamRates
}) {
  const { nodes, edges, columns, rows } = layoutOf(props.nodes)
  const lags = lagByTopic(props.tasks)
  return (
    <div className="topology" tabIndex={0} role="group" aria-label="Topology, scrolls sideways">
      <svg
        width={columns * (width + gapX) - gapX + 2 * pad}
        height={rows * (height + gapY) - gapY + 2 * pad}
        role="img"
        aria-label={`Topology of ${props.nodes.length} nodes; its description as text is below`}
      >
        {edges.map(({ from, to }) => (
          <Edge
            key={`${from.node.name} ${to.node.name}`}
            from={from}
            to={to}
            lags={lags}
            rates={props.rates}
          />
        ))}
        {nodes.map((placed) => (
          <Node key={placed.node.name} placed={placed} />
        ))}
      </svg>
    </div>
  )
}

/** What passes, and of a source what waits on its topics. */
function Edge(props: {
  readonly from: PlacedNode
  readonly to: PlacedNode
  readonly lags: ReadonlyMap<string, number | null>
  readonly rates: StreamRates
}) {
  const { from, to, lags, rates } = props
  const isSource = from.node.kind === 'source'
  const isSink = to.node.kind === 'sink'
  const perSecond = isSource
    ? sumOf(from.node.topics.map((topic) => rates.topics.get(topic)?.consumed ?? null))
    : isSink
      ? sumOf(to.node.topics.map((topic) => rates.topics.get(topic)?.sent ?? null))
      : (rates.nodes.get(to.node.name) ?? null)
  // What a node with several parents was given cannot be told apart.
  const isTold = isSource || isSink || (perSecond !== null && to.node.parents.length === 1)
  const lag = isSource ? sumOf(from.node.topics.map((topic) => lags.get(topic) ?? null)) : null
  const { x, y } = isSource ? endOf(from) : startOf(to)
  const at = x + (isSource ? gapX / 2 : -gapX / 2)
  return (
    <g className="topology-flow" data-waits={lag !== null && lag > 0}>
      <path className="topology-edge" d={curve(from, to)} />
      {isTold && (
        <text x={at} y={isSource ? y - 17 : y - 5}>
          {rate(perSecond)}
        </text>
      )}
      {isSource && (
        <text x={at} y={y - 5}>
          lag {integer(lag)}
        </text>
      )}
    </g>
  )
}

/** Null where one is not known, or there is none. */
function sumOf(values: readonly (number | null)[]): number | null {
  let sum: number | null = values.length === 0 ? null : 0
  for (const value of values) sum = sum === null || value === null ? null : sum + value
  return sum
}

function Node(props: { readonly placed: PlacedNode }) {
  const { placed } = props
  const { node } = placed
  const { x, y } = placeOf(placed)
  const under = [...node.topics, ...node.stores.map((store) => `store ${store}`)].join(', ')
  return (
    <g className="topology-node" data-kind={node.kind} transform={`translate(${x} ${y})`}>
      <title>{under === '' ? node.name : `${node.name}: ${under}`}</title>
      <rect width={width} height={height} rx={node.kind === 'processor' ? 6 : 23} />
      <text x={width / 2} y={under === '' ? 28 : 20}>
        {cut(node.name, 22)}
      </text>
      {under !== '' && (
        <text x={width / 2} y={36} className="topology-under">
          {cut(under, 26)}
        </text>
      )}
    </g>
  )
}

function placeOf({ column, row }: PlacedNode): { readonly x: number; readonly y: number } {
  return { x: pad + column * (width + gapX), y: pad + row * (height + gapY) }
}

/** Where edges leave a node, and where they come to it. */
function endOf(placed: PlacedNode): { readonly x: number; readonly y: number } {
  const { x, y } = placeOf(placed)
  return { x: x + width, y: y + height / 2 }
}

function startOf(placed: PlacedNode): { readonly x: number; readonly y: number } {
  const { x, y } = placeOf(placed)
  return { x, y: y + height / 2 }
}

function curve(from: PlacedNode, to: PlacedNode): string {
  const { x: x1, y: y1 } = endOf(from)
  const { x: x2, y: y2 } = startOf(to)
  const bend = Math.min(60, (x2 - x1) / 2)
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
