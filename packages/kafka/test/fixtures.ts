/** What the broker-facing suites share: names of their own, and a plain way to read a topic back. */
import { randomUUID } from 'node:crypto'
import {
  createAdmin,
  createConsumer,
  type ConsumerRecord,
  type KafkaOptions,
} from '../src/index.ts'

/** A topic or group name that no other test has. */
export function uniqueName(what: string): string {
  return `${what}-${randomUUID().slice(0, 8)}`
}

export async function createTopic(
  options: KafkaOptions,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = uniqueName('topic')
  await using admin = await createAdmin(options)
  // Tests have times of their own, of years ago: Apache Kafka looks 30 s after its start for what it is to delete by them.
  const kept = { 'retention.ms': '-1', ...configs }
  await admin.ensureTopics([{ name, partitions, configs: kept }])
  return name
}

/** Everything on the topic, in offset order per partition. Its own reader: no group state of the test is touched. */
export async function readAll(
  options: KafkaOptions,
  topic: string,
): Promise<readonly (readonly ConsumerRecord[])[]> {
  await using admin = await createAdmin(options)
  const ends = await admin.endOffsets(topic)
  const left = new Map(
    ends.filter(({ offset }) => offset > 0n).map((row) => [row.partition, row.offset]),
  )
  const partitions: ConsumerRecord[][] = ends.map(() => [])
  if (left.size === 0) return partitions
  await using consumer = await createConsumer({
    ...options,
    groupId: uniqueName('reader'),
    topics: [topic],
    isolationLevel: 'read_uncommitted',
  })
  for await (const { partition, records } of consumer) {
    partitions[partition]?.push(...records)
    if ((records.at(-1)?.offset ?? -1n) + 1n >= (left.get(partition) ?? 0n)) left.delete(partition)
    if (left.size === 0) break
  }
  return partitions
}

export function textOf(record: ConsumerRecord): string {
  return record.value?.toString() ?? ''
}
