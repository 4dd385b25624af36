/** Reads what committed readers see: to a mark that is written behind everything, because transaction markers hide where a log ends. */
import assert from 'node:assert/strict'
import { createAdmin, createConsumer, createProducer, type KafkaOptions } from '../src/index.ts'
import { uniqueName } from './fixtures.ts'

const limitMs = 60_000

/** Values on the topic, sorted. Waits for open transactions. */
export async function readCommitted(
  options: KafkaOptions,
  topic: string,
): Promise<readonly string[]> {
  const mark = uniqueName('mark')
  await using admin = await createAdmin(options)
  await using producer = await createProducer(options)
  const count = (await admin.describeTopics([topic])).get(topic) ?? 0
  const left = new Set(Array.from({ length: count }, (_, partition) => partition))
  await producer.send(
    [...left].map((partition) => ({ topic, partition, key: 'mark', value: mark })),
  )
  await using consumer = await createConsumer({
    ...options,
    groupId: uniqueName('reader'),
    topics: [topic],
    isolationLevel: 'read_committed',
  })
  const limit = setTimeout(() => void consumer.close(), limitMs)
  const values: string[] = []
  try {
    for await (const { partition, records } of consumer) {
      for (const { key, value } of records)
        if (key?.toString() !== 'mark') values.push(String(value))
        else if (String(value) === mark) left.delete(partition)
      if (left.size === 0) return values.toSorted()
    }
  } finally {
    clearTimeout(limit)
  }
  return assert.fail(`partitions ${[...left].join()} of "${topic}" were not read to their end`)
}
