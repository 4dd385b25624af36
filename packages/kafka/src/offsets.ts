/** Offsets of partitions and of groups, asked from whoever has them. */
import { assert } from '@millrace/core'
import { brokerError, code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { OffsetAtTime, TopicPartitionTime } from './consumer-types.ts'
import { partitionKey } from './partition-key.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'
import { wire } from './wire.ts'

/** Special timestamps of ListOffsets. */
export const offsetAt = { earliest: -2n, latest: -1n } as const
export type OffsetAt = keyof typeof offsetAt

export const isolation = { read_uncommitted: 0, read_committed: 1 } as const
export type IsolationLevel = keyof typeof isolation

/**
 * Where the partitions begin or end; one round of asking each leader. Fresh metadata is the caller's to see to.
 * @throws KafkaError retryable where a leader is unknown, away or no longer leading
 */
export async function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: OffsetAt,
  isolationLevel: IsolationLevel,
): Promise<readonly TopicPartitionOffset[]> {
  const rows = await askLeaders(cluster, partitions, () => offsetAt[at], isolationLevel)
  return rows.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
}

/**
 * The first record of each partition that is not older than a time, `null` where all are. As `listOffsets` otherwise.
 * @throws KafkaError
 */
export async function offsetsAtTimes(
  cluster: Cluster,
  times: readonly TopicPartitionTime[],
  isolationLevel: IsolationLevel,
): Promise<readonly OffsetAtTime[]> {
  const timestampOf = ({ timestampMs }: TopicPartitionTime): bigint => BigInt(timestampMs)
  const rows = await askLeaders(cluster, times, timestampOf, isolationLevel)
  return rows.map(({ topic, partition, offset, timestamp }) =>
    offset < 0n
      ? { topic, partition, offset: null, timestampMs: null }
      : { topic, partition, offset, timestampMs: Number(timestamp) },
  )
}

async function askLeaders<Row extends TopicPartition>(
  cluster: Cluster,
  partitions: readonly Row[],
  timestampOf: (row: Row) => bigint,
  isolationLevel: IsolationLevel,
) {
  const byLeader = Map.groupBy(partitions, ({ topic, partition }) => {
    const leader = cluster.leaderOf(topic, partition)
    if (leader !== undefined) return leader
    const what = `Looking for the leader of "${topic}" partition ${partition}`
    throw brokerError(what, code.LEADER_NOT_AVAILABLE, { topic, partition })
  })
  const answers = await Promise.all(
    [...byLeader].map(([leader, owned]) =>
      cluster.request(leader, 'data', wire.listOffsets, {
        replicaId: -1,
        isolationLevel: isolation[isolationLevel],
        topics: [...Map.groupBy(owned, ({ topic }) => topic)].map(([name, rows]) => ({
          name,
          partitions: rows.map((row) => ({
            partitionIndex: row.partition,
            timestamp: timestampOf(row),
          })),
        })),
      }),
    ),
  )
  const found = new Map<string, { readonly offset: bigint; readonly timestamp: bigint }>()
  for (const { topics } of answers)
    for (const { name: topic, partitions: rows } of topics)
      for (const { partitionIndex: partition, errorCode, offset, timestamp } of rows) {
        const what = `Asking for offsets of "${topic}" partition ${partition}`
        expectNone(what, errorCode, { topic, partition })
        found.set(partitionKey({ topic, partition }), { offset, timestamp })
      }
  // Brokers answer in an order of their own.
  return partitions.map(({ topic, partition }) => {
    const row = found.get(partitionKey({ topic, partition }))
    assert(row, 'ListOffsets answers for every partition that was asked for')
    return { topic, partition, ...row }
  })
}

/** What a group has committed. */
export interface Committed {
  readonly offset: bigint
  readonly metadata: string | null
}

/**
 * What the group has committed, `null` where nothing. Offsets inside an open transaction are waited for (KIP-447): the error is
 * retryable then.
 * @throws KafkaError
 */
export async function committedOffsets(
  cluster: Cluster,
  coordinator: number,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, Committed | null>> {
  const answer = await cluster.request(coordinator, 'group', wire.offsetFetch, {
    groupId,
    topics: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, rows]) => ({
      name,
      partitionIndexes: rows.map(({ partition }) => partition),
    })),
    groups: [],
    requireStable: true,
  })
  const what = `Reading the committed offsets of group "${groupId}"`
  expectNone(what, answer.errorCode, { groupId })
  const offsets = new Map<string, Committed | null>()
  for (const { name: topic, partitions: rows } of answer.topics)
    for (const { partitionIndex: partition, errorCode, committedOffset, metadata } of rows) {
      expectNone(what, errorCode, { groupId, topic, partition })
      const committed = committedOffset < 0n ? null : { offset: committedOffset, metadata }
      offsets.set(partitionKey({ topic, partition }), committed)
    }
  assert(
    partitions.every((row) => offsets.has(partitionKey(row))),
    'OffsetFetch answers for every partition that was asked for',
  )
  return offsets
}
