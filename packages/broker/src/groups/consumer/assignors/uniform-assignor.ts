import { addPartition, eachPartition } from '../partition-sets.ts'
import type { AssignorMember, ServerAssignor } from './server-assignor.ts'

/** Rounds of levelling where members read different topics; members of the same topics need one. */
const MAX_ROUNDS = 16

/**
 * `uniform`: members who read the same topics get equal parts, give or take one partition, and what a member had moves only where that
 * asks for it (Kafka: UniformAssignor, whose two builders this replaces; which of equal partitions moves may differ). Where members read
 * different topics, topics with the same readers are levelled together, one set of readers after the other, until nothing moves.
 */
export const uniformAssignor: ServerAssignor = {
  name: 'uniform',
  assign: (members, counts) => {
    const topics = topicsOf(members, counts)
    const loads = members.map(() => 0)
    keepCurrent(members, topics, loads)
    const ordered = [...topics.values()].toSorted(byPartitionsPerReader)
    for (const topic of ordered) dealOut(topic, loads)
    const pools = poolsOf(ordered)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let moved = 0
      for (const pool of pools) moved += level(pool, loads)
      if (moved === 0) break
    }
    const shares = members.map(() => new Map<string, Set<number>>())
    for (const { id, owners } of ordered)
      for (const [partition, owner] of owners.entries()) addPartition(shares[owner]!, id, partition)
    return new Map(members.map(({ id }, index) => [id, shares[index]!]))
  },
}

interface Topic {
  readonly id: string
  /** Who reads it, as index of the member. */
  readonly readers: number[]
  /** By partition: index of the member, -1 for nobody yet. */
  readonly owners: Int32Array
}

function topicsOf(
  members: readonly AssignorMember[],
  counts: ReadonlyMap<string, number>,
): Map<string, Topic> {
  const topics = new Map<string, Topic>()
  for (const [index, member] of members.entries())
    for (const id of member.topics) {
      const topic = topics.get(id) ?? {
        id,
        readers: [],
        owners: new Int32Array(counts.get(id) ?? 0).fill(-1),
      }
      topics.set(id, topic)
      topic.readers.push(index)
    }
  return topics
}

function keepCurrent(
  members: readonly AssignorMember[],
  topics: ReadonlyMap<string, Topic>,
  loads: number[],
): void {
  for (const [index, member] of members.entries())
    for (const [id, partition] of eachPartition(member.current)) {
      if (!member.topics.has(id)) continue
      const { owners } = topics.get(id)!
      if (owners[partition] !== -1) continue // Another had it as well, or it is there no more.
      owners[partition] = index
      loads[index]!++
    }
}

/** Topics with many partitions for few readers leave least choice: they come first. */
function byPartitionsPerReader(a: Topic, b: Topic): number {
  return (
    b.owners.length / b.readers.length - a.owners.length / a.readers.length ||
    a.readers.length - b.readers.length ||
    (a.id < b.id ? -1 : 1)
  )
}

/** Gives what nobody has to the reader with least. */
function dealOut({ readers, owners }: Topic, loads: number[]): void {
  for (const [partition, owner] of owners.entries()) {
    if (owner !== -1) continue
    const least = leastLoaded(readers, loads)
    owners[partition] = least
    loads[least]!++
  }
}

/**
 * Topics by who reads them. Levelled one by one, a topic would take from a reader what another topic's partitions of a fuller reader
 * could have given.
 */
function poolsOf(topics: readonly Topic[]): Topic[][] {
  return [...Map.groupBy(topics, ({ readers }) => readers.join()).values()]
}

/**
 * Moves partitions from the reader with most to the one with least while that makes them more equal; returns how many moved. Who gave
 * one gets none and who got one gives none, so nobody loses more than it had too many.
 */
function level(pool: readonly Topic[], loads: number[]): number {
  const { readers } = pool[0]!
  const partitionsOf = new Map<number, { owners: Int32Array; partition: number }[]>()
  for (const { owners } of pool)
    for (const [partition, owner] of owners.entries()) {
      const partitions = partitionsOf.get(owner)
      if (partitions === undefined) partitionsOf.set(owner, [{ owners, partition }])
      else partitions.push({ owners, partition })
    }
  let moved = 0
  for (;;) {
    const least = leastLoaded(readers, loads)
    let most = least
    for (const reader of readers)
      if (loads[reader]! > loads[most]! && (partitionsOf.get(reader)?.length ?? 0) > 0)
        most = reader
    if (loads[most]! - loads[least]! < 2) return moved
    const { owners, partition } = partitionsOf.get(most)!.pop()!
    owners[partition] = least
    loads[most]!--
    loads[least]!++
    moved++
  }
}

function leastLoaded(readers: readonly number[], loads: readonly number[]): number {
  let least = readers[0]!
  for (const reader of readers) if (loads[reader]! < loads[least]!) least = reader
  return least
}
