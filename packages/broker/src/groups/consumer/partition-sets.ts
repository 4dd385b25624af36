/** Partition numbers by topic id; no topic without partitions. Never changed in place: members, targets and answers share them. */
export type PartitionSets = ReadonlyMap<string, ReadonlySet<number>>

/** As messages and the journal hold them. */
export type PartitionRows = readonly (readonly [topicId: string, partitions: readonly number[]])[]

export const noPartitions: PartitionSets = new Map()

export function partitionSets(rows: PartitionRows): PartitionSets {
  const sets = new Map<string, Set<number>>()
  for (const [topicId, partitions] of rows)
    for (const partition of partitions) addPartition(sets, topicId, partition)
  return sets
}

/** In order of partitions. */
export function partitionRows(sets: PartitionSets): PartitionRows {
  return [...sets].map(([topicId, partitions]) => [
    topicId,
    [...partitions].toSorted((a, b) => a - b),
  ])
}

export function addPartition(
  sets: Map<string, Set<number>>,
  topicId: string,
  partition: number,
): void {
  const partitions = sets.get(topicId)
  if (partitions === undefined) sets.set(topicId, new Set([partition]))
  else partitions.add(partition)
}

export function* eachPartition(
  sets: PartitionSets,
): Generator<readonly [topicId: string, partition: number]> {
  for (const [topicId, partitions] of sets)
    for (const partition of partitions) yield [topicId, partition]
}

export function hasPartition(sets: PartitionSets, topicId: string, partition: number): boolean {
  return sets.get(topicId)?.has(partition) === true
}

export function areSamePartitions(a: PartitionSets, b: PartitionSets): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) if (partitions.size !== b.get(topicId)?.size) return false
  return arePartOf(a, b)
}

export function arePartOf(part: PartitionSets, whole: PartitionSets): boolean {
  for (const [topicId, partition] of eachPartition(part))
    if (!hasPartition(whole, topicId, partition)) return false
  return true
}
