/** What a Fetch asks for: rows of partitions, and their form on the wire. */
import type { AssignedPartition } from './assigned-partition.ts'
import type { SessionRow } from './fetch-session.ts'

export interface Asked extends SessionRow {
  readonly owner: AssignedPartition
  readonly ticket: number
  readonly fetchOffset: number
}

export function askFor(owner: AssignedPartition, fetchOffset: number): Asked {
  const { topic, partition, ticket } = owner
  return { owner, topic, partition, ticket, fetchOffset }
}

/** True when what is under way asks for the same, so that its answer serves. */
export function isAskedIn(underWay: readonly Asked[], { owner, ticket }: Asked): boolean {
  return underWay.some((row) => row.owner === owner && row.ticket === ticket)
}

/** @param partitionMaxBytes most bytes of one partition in one answer; a larger first batch comes whole all the same */
export function topicsOf(rows: readonly SessionRow[], partitionMaxBytes: number) {
  return [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition, fetchOffset }) => ({
      partition,
      fetchOffset: BigInt(fetchOffset),
      partitionMaxBytes,
    })),
  }))
}

export function forgottenOf(rows: readonly SessionRow[]) {
  return [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition }) => partition),
  }))
}
