import { integer } from '../../lib/format.ts'
import type { StreamTask, TopologyNode } from './model.ts'
import { layoutOf, type PlacedNode } from './topology-layout.ts'

const width = 168
const height = 46
const gapX = 44
const gapY = 18
const pad = 8

/** The topology as a graph from left to right: sources with their lag, processors with their stores, sinks. */
export function TopologyGraph(props: {
  readonly nodes: readonly TopologyNode[]
  readonly tasks: readonly StreamTask[]
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
          <path
            key={`${from.node.name} ${to.node.name}`}
            className="topology-edge"
            d={curve(from, to)}
          />
        ))}
        {nodes.map((placed) => (
          <Node
            key={placed.node.name}
            placed={placed}
            lag={placed.node.topics
              .map((topic) => lags.get(topic))
              .find((lag) => lag !== undefined)}
          />
        ))}
      </svg>
    </div>
  )
}

function Node(props: { readonly placed: PlacedNode; readonly lag: number | null | undefined }) {
  const { placed, lag } = props
  const { node } = placed
  const { x, y } = placeOf(placed)
  const under = [
    ...node.topics,
    ...node.stores.map((store) => `store ${store}`),
    ...(node.kind === 'source' && lag !== undefined ? [`lag ${integer(lag)}`] : []),
  ].join(', ')
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

function lagByTopic(tasks: readonly StreamTask[]): ReadonlyMap<string, number | null> {
  const lags = new Map<string, number | null>()
  for (const { partitions } of tasks)
    for (const { topic, lagRecords } of partitions) {
      const sum = lags.get(topic)
      lags.set(topic, sum === null || lagRecords === null ? null : (sum ?? 0) + lagRecords)
    }
  return lags
}

function placeOf({ column, row }: PlacedNode): { readonly x: number; readonly y: number } {
  return { x: pad + column * (width + gapX), y: pad + row * (height + gapY) }
}

function curve(from: PlacedNode, to: PlacedNode): string {
  const start = placeOf(from)
  const end = placeOf(to)
  const [x1, y1] = [start.x + width, start.y + height / 2]
  const [x2, y2] = [end.x, end.y + height / 2]
  const bend = Math.min(60, (x2 - x1) / 2)
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
