/** Offsets of partitions and of groups, asked from whoever has them. */
import { assert } from '@millrace/core'
import { brokerError, code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'
import { wire } from './wire.ts'

/** Special timestamps of ListOffsets. */
export const offsetAt = { earliest: -2n, latest: -1n } as const
export type OffsetAt = keyof typeof offsetAt

export const isolation = { read_uncommitted: 0, read_committed: 1 } as const
export type IsolationLevel = keyof typeof isolation

/**
 * One round of asking each leader; fresh metadata is the caller's to see to.
 * @throws KafkaError retryable where a leader is unknown, away or no longer leading
 */
export async function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: OffsetAt,
  isolationLevel: IsolationLevel,
): Promise<readonly TopicPartitionOffset[]> {
  const byLeader = Map.groupBy(partitions, ({ topic, partition }) => {
    const leader = cluster.leaderOf(topic, partition)
    if (leader === undefined)
      throw brokerError(
        `Looking for the leader of "${topic}" partition ${partition}`,
        code.LEADER_NOT_AVAILABLE,
        { topic, partition },
      )
    return leader
  })
  const answers = await Promise.all(
    [...byLeader].map(([leader, owned]) =>
      cluster.request(leader, 'data', wire.listOffsets, {
        replicaId: -1,
        isolationLevel: isolation[isolationLevel],
        topics: [...Map.groupBy(owned, ({ topic }) => topic)].map(([name, rows]) => ({
          name,
          partitions: rows.map(({ partition }) => ({
            partitionIndex: partition,
            timestamp: offsetAt[at],
          })),
        })),
      }),
    ),
  )
  return answers.flatMap(({ topics }) =>
    topics.flatMap(({ name: topic, partitions: rows }) =>
      rows.map(({ partitionIndex: partition, errorCode, offset }) => {
        expectNone(`Asking for offsets of "${topic}" partition ${partition}`, errorCode, {
          topic,
          partition,
        })
        return { topic, partition, offset }
      }),
    ),
  )
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
): Promise<ReadonlyMap<string, bigint | null>> {
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
  const offsets = new Map<string, bigint | null>()
  for (const { name: topic, partitions: rows } of answer.topics)
    for (const { partitionIndex: partition, errorCode, committedOffset } of rows) {
      expectNone(what, errorCode, { groupId, topic, partition })
      offsets.set(partitionKey({ topic, partition }), committedOffset < 0n ? null : committedOffset)
    }
  assert(
    partitions.every((row) => offsets.has(partitionKey(row))),
    'OffsetFetch answers for every partition that was asked for',
  )
  return offsets
}

/** A map key for one partition. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}\0${partition}`
}
