import { createAdmin, createConsumer } from '@millrace/kafka'

export interface TopicRecord {
  readonly eventId: string
  readonly key: string
  readonly version: number
  readonly partition: number
  readonly offset: bigint
}

/**
 * All committed records of a topic, partition by partition, up to its present end: Kafka answers a commit before its markers stand on every
 * partition, so the end for readers of committed records may still lag behind what is committed.
 */
export async function readCommitted(
  brokers: readonly string[],
  topic: string,
): Promise<readonly TopicRecord[]> {
  const kafka = { brokers, clientId: 'check' }
  await using admin = await createAdmin(kafka)
  const count = (await admin.describeTopics([topic])).get(topic) ?? 0
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  const ends = (await admin.listOffsets(partitions, 'latest', 'read_uncommitted')).filter(
    (end) => end.offset > 0n,
  )
  const records: TopicRecord[] = []
  if (ends.length === 0) return records
  await using consumer = await createConsumer({ ...kafka, isolationLevel: 'read_committed' })
  consumer.assign(ends.map(({ topic, partition }) => ({ topic, partition, offset: 'earliest' })))
  const isDone = (): boolean => ends.every((end) => (consumer.position(end) ?? -1n) >= end.offset)
  // Markers at the end of a partition make no batch.
  const timer = setInterval(() => {
    if (isDone()) void consumer.close()
  }, 20)
  try {
    for await (const batch of consumer)
      for (const record of batch.records) {
        const envelope = JSON.parse(String(record.value)) as {
          eventId: string
          aggregateVersion: number
        }
        const { partition, offset } = record
        const { eventId, aggregateVersion: version } = envelope
        records.push({ eventId, key: String(record.key), version, partition, offset })
      }
  } finally {
    clearInterval(timer)
  }
  return records
}

/** Throws unless each key's versions are 1, 2, 3 … in the order of the topic. */
export function assertGapless(records: readonly TopicRecord[]): void {
  const last = new Map<string, number>()
  for (const { key, version, partition, offset } of records) {
    const expected = (last.get(key) ?? 0) + 1
    if (version !== expected)
      throw new Error(
        `Key ${key} has version ${version} at ${partition}/${offset} where ${expected} should be`,
      )
    last.set(key, version)
  }
}
