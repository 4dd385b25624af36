import { count } from '../../lib/format.ts'
import { MapFact, MapPlate, MapRace } from './map-pieces.tsx'
import type { Overview, ShopFlow } from './model.ts'
import { shopDrawing, shopEdges, shopFeeds, shopPlates, shopTopics } from './shop-geometry.ts'
import { topicLag } from './shop.ts'

/** The shop as a millrace: orders run out over payments and stock to the saga, whose verdicts come back along the middle. */
export function ShopMap(props: {
  readonly overview: Overview
  /** What went by since the sample before. */
  readonly moved: ShopFlow
  readonly summary: string
}) {
  const { overview, moved } = props
  return (
    <svg
      className="flow-map"
      viewBox={`0 0 ${shopDrawing.width} ${shopDrawing.height}`}
      role="img"
      aria-label={props.summary}
    >
      {shopFeeds.map((path) => (
        <path key={path} className="ground-line" d={path} />
      ))}
      {shopEdges.map((edge) => (
        <MapRace
          key={edge.key}
          race={edge}
          perSecond={overview.shop.rates[edge.flow]}
          moved={moved[edge.flow]}
          atMs={overview.atMs}
        />
      ))}
      {shopPlates.map(({ part, box }) => (
        <MapPlate
          key={part}
          box={box}
          title={part}
          part={overview.parts.find(({ name }) => name === part)}
        />
      ))}
      {shopTopics.map(({ name, box }) => {
        const lag = topicLag(overview, name)
        return (
          <MapPlate key={name} box={box} title={name} kind="topic">
            <MapFact text={`topic, lag ${count(lag, 'record')}`} isOdd={(lag ?? 0) > 100} />
          </MapPlate>
        )
      })}
    </svg>
  )
}
