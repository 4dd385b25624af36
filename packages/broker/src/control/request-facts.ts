import type { Api } from '@millrace/protocol'
import { shapeOf, type Row } from './request-shapes.ts'

/** What a fault rule can ask of a request. */
export interface RequestFacts {
  readonly api: Api
  readonly version: number
  readonly clientId: string
  readonly node: number
  readonly sizeBytes: number
  readonly body: Row
  /** Partitions by topic; a topic without partitions has an empty list. */
  readonly partitions: ReadonlyMap<string, readonly number[]>
  readonly groups: readonly string[]
  readonly transactionalIds: readonly string[]
}

/** A fetch names topics by id from version 13 on, and in a session only those that changed. */
export type FetchedPartitions = (body: Row) => ReadonlyMap<string, readonly number[]>

const FETCH = 1

export function factsOf(
  request: Omit<RequestFacts, 'partitions' | 'groups' | 'transactionalIds'>,
  fetched: FetchedPartitions,
): RequestFacts {
  const { api, body } = request
  const shape = shapeOf(api.key)
  return {
    ...request,
    partitions: api.key === FETCH ? fetched(body) : partitionsOf(api.key, body),
    groups: shape.groups?.(body) ?? [],
    transactionalIds: (shape.transactionalIds?.(body) ?? []).filter((id) => id !== null),
  }
}

function partitionsOf(apiKey: number, body: Row): ReadonlyMap<string, readonly number[]> {
  const { partitions: shape, topics } = shapeOf(apiKey)
  const found = new Map<string, number[]>()
  for (const name of topics?.(body) ?? []) if (name !== null) found.set(name, [])
  if (shape === undefined) return found
  for (const topic of (body[shape.topics] ?? []) as Row[]) {
    const numbers = (topic[shape.partitions] as (Row | number)[]).map((partition) =>
      typeof partition === 'number' ? partition : (partition[shape.index ?? ''] as number),
    )
    const name = topic[shape.name] as string
    found.set(name, [...(found.get(name) ?? []), ...numbers])
  }
  return found
}
