import { createConsumer, type ClusterAdmin, type KafkaOptions } from '@millrace/kafka'
import { eventually } from '@millrace/core/testing'
import { shown } from '../types.ts'

/** A record as it is compared: everything but its offset, which markers of transactions move. */
export interface SeenRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  readonly headers: string
}

/** By topic; in offset order per partition. */
export type SeenTopics = ReadonlyMap<string, readonly SeenRecord[]>

/** All committed records of some topics. No transaction may be open on them, which has to be waited for. */
export async function readTopics(
  kafka: KafkaOptions,
  admin: ClusterAdmin,
  topics: readonly string[],
): Promise<SeenTopics> {
  const counts = await admin.describeTopics(topics)
  const partitions = [...counts].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
  const seen = new Map<string, SeenRecord[]>(topics.map((topic) => [topic, []]))
  if (partitions.length === 0) return seen
  const ends = await admin.listOffsets(partitions, 'latest', 'read_committed')
  await using consumer = await createConsumer({ ...kafka, maxWaitMs: 20 })
  consumer.assign(partitions.map((row) => ({ ...row, offset: 'earliest' as const })))
  const reading = (async () => {
    for await (const batch of consumer)
      for (const record of batch.records) seen.get(record.topic)?.push(seenRecord(record))
  })()
  // Markers behind the last record are passed without a batch.
  await eventually(
    'all is read',
    () => ends.every((row) => (consumer.position(row) ?? -1n) >= row.offset),
    { timeoutMs: 120_000, everyMs: 10 },
  )
  await consumer.close()
  await reading
  return seen
}

function seenRecord(record: {
  readonly partition: number
  readonly offset: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestampMs: number
  readonly headers: readonly (readonly [string, Buffer])[]
}): SeenRecord {
  const { partition, offset, timestampMs, headers } = record
  const [key, value] = [shown(record.key), shown(record.value)]
  return {
    partition,
    offset,
    key,
    value,
    timestampMs,
    headers: headers.map(([name, bytes]) => `${name}=${shown(bytes)}`).join(),
  }
}
