import { longSerde, sessionWindows, StreamsBuilder, tumblingWindows } from '../src/index.ts'
import type { Topology } from '../src/index.ts'
import { text } from './streams-fixture.ts'

/**
 * Stores of every kind that can be queried, over topics whose names begin with `prefix`. As a module for worker threads it is given that
 * by its URL: `queried-topology.ts?prefix=a`.
 */
export function queriedTopology(
  prefix: string,
  type: 'memory' | 'persistent' = 'memory',
): Topology {
  const builder = new StreamsBuilder()
  builder.table(`${prefix}-rows`, text, { name: 'rows', type })
  builder
    .stream(`${prefix}-lines`, text)
    .flatMapValues((line) => line.split(' '))
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: { name: 'counts', type } })
  builder
    .stream(`${prefix}-moved`, text)
    .repartition({
      name: 'moved',
      ...text,
      partitioner: (_topic, key, _value, count) => Number(key) % count,
    })
    .groupByKey()
    .count({ store: { name: 'placed', type } })
  const clicks = builder.stream(`${prefix}-clicks`, text).groupByKey()
  clicks
    .windowedBy(tumblingWindows({ sizeMs: 60_000, graceMs: 600_000 }))
    .count({ store: { name: 'per-minute', type } })
  clicks
    .windowedBy(sessionWindows({ gapMs: 10_000, graceMs: 600_000 }))
    .count({ store: { name: 'visits', type } })
  builder.globalTable(`${prefix}-everywhere`, text, 'everywhere')
  return builder.build()
}

/** The store `rows` alone, so that every instance has a part of it. */
export function rowsTopology(prefix: string): Topology {
  const builder = new StreamsBuilder()
  builder.table(`${prefix}-rows`, text, { name: 'rows', type: 'memory' })
  return builder.build()
}

export const queriedTopics = (prefix: string): readonly string[] =>
  ['rows', 'lines', 'moved', 'clicks', 'everywhere'].map((name) => `${prefix}-${name}`)

export const counted = { key: text.key, value: longSerde }

export default (): Topology => {
  const { searchParams } = new URL(import.meta.url)
  const prefix = searchParams.get('prefix')
  if (!prefix) throw new Error('queried-topology.ts?prefix=…')
  return queriedTopology(prefix, 'persistent')
}
