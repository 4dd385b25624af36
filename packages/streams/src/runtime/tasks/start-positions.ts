/** Where the partitions of new tasks are read from, and the time they had. */
import type { Consumer, TopicPartition } from '@millrace/kafka'
import { StreamsError } from '../../errors.ts'
import { sourceMatching } from '../../topology/matched-topics.ts'
import type { OffsetReset, Topology } from '../../topology/topology.ts'
import { decodeCommitMetadata, type CommitMetadata } from './commit-metadata.ts'

export interface StartPosition extends TopicPartition {
  readonly offset: bigint
  /** Somebody has processed it so far; else it is where the source begins. */
  readonly isCommitted: boolean
  readonly committed: CommitMetadata
}

/**
 * What the group has committed (offsets of open transactions are waited for), else what the source says, else `fallback`.
 * @throws StreamsError `MR_STREAMS_NO_OFFSET` where a source wants none to be made up; KafkaError
 */
export async function startPositions(
  consumer: Pick<Consumer, 'committed' | 'beginningOffsets' | 'endOffsets' | 'offsetsForTimes'>,
  partitions: readonly TopicPartition[],
  resetOf: (topic: string) => OffsetReset,
  nowMs: number,
): Promise<readonly StartPosition[]> {
  const committed = await consumer.committed(partitions)
  const without = committed.filter(({ offset }) => offset === null)
  const refused = without.find(({ topic }) => resetOf(topic) === 'none')
  if (refused)
    throw new StreamsError(
      'MR_STREAMS_NO_OFFSET',
      `The group has no committed offset for ${refused.topic}/${refused.partition}, and its source has offsetReset "none". Commit one, or say where to begin.`,
      { topic: refused.topic, partition: refused.partition },
    )
  const earliest = without.filter(({ topic }) => resetOf(topic) === 'earliest')
  const latest = without.filter(({ topic }) => resetOf(topic) === 'latest')
  const [begins, recent] = await Promise.all([
    earliest.length > 0 ? consumer.beginningOffsets(earliest) : [],
    recentOffsets(consumer, without, resetOf, nowMs),
  ])
  // Where nothing is recent enough, what comes from now on is.
  const behind = [...latest, ...recent.filter(({ offset }) => offset === null)]
  const ends = behind.length > 0 ? await consumer.endOffsets(behind) : []
  const reset = new Map(
    [...recent, ...begins, ...ends].map((row) => [`${row.topic}/${row.partition}`, row.offset]),
  )
  return committed.map(({ topic, partition, offset, metadata }) => ({
    topic,
    partition,
    offset: offset ?? reset.get(`${topic}/${partition}`) ?? 0n,
    isCommitted: offset !== null,
    committed: decodeCommitMetadata(metadata),
  }))
}

/** The first record of each partition that is young enough for its source; null where none is. */
async function recentOffsets(
  consumer: Pick<Consumer, 'offsetsForTimes'>,
  partitions: readonly TopicPartition[],
  resetOf: (topic: string) => OffsetReset,
  nowMs: number,
): Promise<readonly (TopicPartition & { readonly offset: bigint | null })[]> {
  const times = partitions.flatMap(({ topic, partition }) => {
    const reset = resetOf(topic)
    if (typeof reset !== 'object') return []
    return [{ topic, partition, timestampMs: Math.max(0, nowMs - reset.byDurationMs) }]
  })
  return times.length > 0 ? consumer.offsetsForTimes(times) : []
}

/** What each source topic says, by its name on the cluster. */
export function resetsOf(
  topology: Topology,
  applicationId: string,
  fallback: OffsetReset,
): (topic: string) => OffsetReset {
  const resets = new Map<string, OffsetReset>()
  for (const node of topology.nodes.values())
    if (node.kind === 'source')
      for (const topic of node.topics)
        resets.set(
          node.isInternal ? `${applicationId}-${topic}` : topic,
          node.offsetReset ?? fallback,
        )
  return (topic) =>
    resets.get(topic) ?? sourceMatching(topology, applicationId, topic)?.offsetReset ?? fallback
}
