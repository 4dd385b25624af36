/** Where the input of an application is to be read from again. */
import type { ClusterAdmin, TopicPartition, TopicPartitionOffset } from '@millrace/kafka'
import { partitionName as nameOf } from '../runtime/partition-name.ts'

/**
 * - `'earliest'`, `'latest'`: the beginning or the end of each partition
 * - `offset`: the same for each partition
 * - `shiftBy`: so many records after (or before, if negative) what is committed; partitions without a committed offset stay without
 * - `timeMs`: the first record that is not older, ms since the epoch; the end where all are
 * - `offsets`: those of some partitions; the others stay
 */
export type ResetTarget =
  | 'earliest'
  | 'latest'
  | { readonly offset: bigint }
  | { readonly shiftBy: bigint }
  | { readonly timeMs: number }
  | { readonly offsets: readonly TopicPartitionOffset[] }

/** The offset of a partition before and after; null where nothing was committed. */
export interface InputReset extends TopicPartition {
  readonly from: bigint | null
  readonly to: bigint
}

/** What an offset is brought back into: Java moves what is outside to the nearer end. */
interface Bounds {
  readonly begin: bigint
  readonly end: bigint
}

/** @throws KafkaError */
export async function offsetResets(
  admin: ClusterAdmin,
  applicationId: string,
  partitions: readonly TopicPartition[],
  target: ResetTarget,
): Promise<readonly InputReset[]> {
  if (partitions.length === 0) return []
  const committed = await committedBy(admin, applicationId)
  const [begins, ends] = await Promise.all([
    admin.listOffsets(partitions, 'earliest'),
    admin.listOffsets(partitions, 'latest'),
  ])
  const boundsOf = new Map(
    begins.map((row): [string, Bounds] => [
      nameOf(row),
      { begin: row.offset, end: ends.find((end) => nameOf(end) === nameOf(row))?.offset ?? 0n },
    ]),
  )
  const wanted = await wantedOffsets(admin, partitions, target, committed, boundsOf)
  return partitions.flatMap(({ topic, partition }) => {
    const name = nameOf({ topic, partition })
    const offset = wanted.get(name)
    const bounds = boundsOf.get(name)
    if (offset === undefined || !bounds) return []
    return { topic, partition, from: committed.get(name) ?? null, to: within(bounds, offset) }
  })
}

async function wantedOffsets(
  admin: ClusterAdmin,
  partitions: readonly TopicPartition[],
  target: ResetTarget,
  committed: ReadonlyMap<string, bigint>,
  boundsOf: ReadonlyMap<string, Bounds>,
): Promise<ReadonlyMap<string, bigint>> {
  const each = (offsetOf: (name: string) => bigint | undefined) =>
    new Map(
      partitions.flatMap((row) => {
        const offset = offsetOf(nameOf(row))
        return offset === undefined ? [] : [[nameOf(row), offset] as const]
      }),
    )
  if (target === 'earliest') return each((name) => boundsOf.get(name)?.begin)
  if (target === 'latest') return each((name) => boundsOf.get(name)?.end)
  if ('offset' in target) return each(() => target.offset)
  if ('shiftBy' in target)
    return each((name) => {
      const offset = committed.get(name)
      return offset === undefined ? undefined : offset + target.shiftBy
    })
  if ('offsets' in target)
    return new Map(target.offsets.map((row) => [nameOf(row), row.offset] as const))
  const { timeMs } = target
  const found = await admin.offsetsAtTimes(
    partitions.map((row) => ({ ...row, timestampMs: timeMs })),
  )
  const byName = new Map(found.map((row) => [nameOf(row), row.offset]))
  return each((name) => byName.get(name) ?? boundsOf.get(name)?.end)
}

async function committedBy(
  admin: ClusterAdmin,
  applicationId: string,
): Promise<ReadonlyMap<string, bigint>> {
  const rows = await admin.groupOffsets(applicationId)
  return new Map(
    rows.flatMap((row) =>
      row.offset === null || row.offset < 0n ? [] : [[nameOf(row), row.offset] as const],
    ),
  )
}

function within({ begin, end }: Bounds, offset: bigint): bigint {
  if (offset < begin) return begin
  return offset > end ? end : offset
}
