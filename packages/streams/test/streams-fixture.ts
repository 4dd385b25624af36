/** What the tests on a running broker share: topics of their own, an app on them, and what readers of committed records see. */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin, createConsumer, createProducer, type KafkaOptions } from '@millrace/kafka'
import { longSerde, StreamsBuilder, stringSerde, type Topology } from '../src/index.ts'

export const text = { key: stringSerde, value: stringSerde }

export function uniqueName(what: string): string {
  return `${what}-${randomUUID().slice(0, 8)}`
}

/** A directory for state that is removed at the end. */
export async function stateDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-streams-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export async function createTopics(
  kafka: KafkaOptions,
  partitions: number,
  ...names: readonly string[]
): Promise<void> {
  await using admin = await createAdmin(kafka)
  // Tests have times of their own, of years ago: Apache Kafka looks 30 s after its start for what it is to delete by them.
  const configs = { 'retention.ms': '-1' }
  await admin.ensureTopics(names.map((name) => ({ name, partitions, configs })))
}

/** Makes a file; of all threads and processes that want to, at once too, one is the first. */
export function isFirstToMake(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Lines in, words counted through a repartition topic, counts out. */
export function wordCount(
  input: string,
  output: string,
  type: 'memory' | 'persistent' = 'memory',
): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream(input, text)
    .flatMapValues((line) => line.toLowerCase().split(' '))
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: { name: 'counts', type } })
    .toStream()
    .to(output, { value: longSerde })
  return builder.build()
}

export async function write(
  kafka: KafkaOptions,
  topic: string,
  values: readonly string[],
): Promise<void> {
  await using producer = await createProducer(kafka)
  await producer.sendColumns({ topic, values, keys: values.map((_, index) => `k${index}`) })
}

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: Buffer | null
  readonly timestampMs: number
}

/** All committed records of a topic, in offset order per partition. */
export async function readCommitted(
  kafka: KafkaOptions,
  topic: string,
): Promise<readonly ReadRecord[]> {
  await using admin = await createAdmin(kafka)
  const count = (await admin.describeTopics([topic])).get(topic) ?? 0
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  const ends = new Map(
    (await admin.listOffsets(partitions, 'latest', 'read_committed')).map((row) => [
      row.partition,
      row.offset,
    ]),
  )
  await using consumer = await createConsumer({ ...kafka, maxWaitMs: 20 })
  consumer.assign(partitions.map((row) => ({ ...row, offset: 'earliest' as const })))
  const records: ReadRecord[] = []
  const reading = (async () => {
    for await (const batch of consumer)
      for (const { partition, offset, key, value, timestampMs } of batch.records)
        records.push({ partition, offset: Number(offset), key: String(key), value, timestampMs })
  })()
  // Markers behind the last record are passed without a batch.
  while (
    partitions.some((row) => (consumer.position(row) ?? -1n) < (ends.get(row.partition) ?? 0n))
  )
    await new Promise((resolve) => setTimeout(resolve, 10))
  await consumer.close()
  await reading
  return records
}

/** The last count of each word, and every count in its order. */
export function countsOf(records: readonly ReadRecord[]): ReadonlyMap<string, readonly number[]> {
  const counts = new Map<string, number[]>()
  for (const { key, value } of records)
    counts.set(key, [...(counts.get(key) ?? []), value ? longSerde.deserialize(value) : -1])
  return counts
}
