import { ordersTopic, paymentOrdersTopic, stockOrdersTopic } from '@millrace/contracts'
import {
  createConsumer,
  createProducer,
  type ConsumerRecord,
  type KafkaOptions,
} from '@millrace/kafka'

/** Records taken again from the end of each partition. */
const perPartition = 20
const readTimeoutMs = 10_000

/**
 * Sends the last records of the saga's topics once more, byte for byte, as a producer without idempotence would after a lost answer.
 * @returns how many were sent
 * @throws KafkaError when the broker cannot be reached
 */
export async function deliverTwice(kafka: KafkaOptions): Promise<number> {
  let sent = 0
  await using producer = await createProducer(kafka)
  for (const topic of [ordersTopic, paymentOrdersTopic, stockOrdersTopic]) {
    const records = await lastRecords(kafka, topic.name, topic.partitions)
    if (records.length === 0) continue
    await producer.send(
      records.map(({ partition, key, value, headers }) => ({
        topic: topic.name,
        partition,
        key,
        value,
        headers,
      })),
    )
    sent += records.length
  }
  return sent
}

/** Puts bytes that nobody can read on both answer topics. @returns how many records */
export async function sendPoison(kafka: KafkaOptions): Promise<number> {
  const key = Buffer.alloc(8)
  key.writeBigInt64BE(1n)
  const poison = [
    { key, value: Buffer.from('{"orderId": "1", "status": ') },
    { key, value: Buffer.from([0xff, 0xfe, 0x00, 0x80]) },
    { key: Buffer.from('not eight bytes long'), value: Buffer.from('{}') },
  ]
  await using producer = await createProducer(kafka)
  const topics = [paymentOrdersTopic.name, stockOrdersTopic.name]
  await producer.send(topics.flatMap((topic) => poison.map((record) => ({ topic, ...record }))))
  return topics.length * poison.length
}

async function lastRecords(
  kafka: KafkaOptions,
  topic: string,
  partitions: number,
): Promise<readonly ConsumerRecord[]> {
  await using consumer = await createConsumer({ ...kafka, isolationLevel: 'read_committed' })
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ends = await consumer.endOffsets(all)
  const open = new Map<number, bigint>()
  const places = ends.flatMap(({ partition, offset }) => {
    if (offset === 0n) return []
    open.set(partition, offset)
    const from = offset > BigInt(perPartition) ? offset - BigInt(perPartition) : 0n
    return [{ topic, partition, offset: from }]
  })
  if (places.length === 0) return []
  consumer.assign(places)
  // A partition that ends in markers alone gives no record, and so no end: after the time what came is enough.
  const timer = setTimeout(() => void consumer.close(), readTimeoutMs)
  const records: ConsumerRecord[] = []
  try {
    for await (const batch of consumer) {
      records.push(...batch.records)
      if (batch.nextOffset >= (open.get(batch.partition) ?? 0n)) open.delete(batch.partition)
      if (open.size === 0) break
    }
  } finally {
    clearTimeout(timer)
  }
  return records
}
