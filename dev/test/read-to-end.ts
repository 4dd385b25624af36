import { createAdmin, createConsumer, type ConsumerRecord } from '@millrace/kafka'

/**
 * Every committed record of a topic, from the beginning to where it ends now, whatever is written meanwhile. By position, not by offsets: markers of transactions may stand
 * last, and make no batch.
 */
export async function* readToEnd(
  brokers: readonly string[],
  topic: string,
): AsyncGenerator<ConsumerRecord> {
  const options = { brokers, clientId: 'read-to-end' }
  await using admin = await createAdmin(options)
  const ends = (await admin.endOffsets(topic)).filter((end) => end.offset > 0n)
  if (ends.length === 0) return
  await using consumer = await createConsumer(options)
  consumer.assign(ends.map((end) => ({ ...end, offset: 'earliest' })))
  const isRead = (): boolean => ends.every((end) => (consumer.position(end) ?? -1n) >= end.offset)
  const timer = setInterval(() => isRead() && void consumer.close(), 50)
  try {
    for await (const { partition, records } of consumer) {
      const end = ends.find((each) => each.partition === partition)?.offset ?? 0n
      yield* records.filter((record) => record.offset < end)
    }
  } finally {
    // Also when whoever reads gives up on a failed assertion: left running, it would keep the process alive.
    clearInterval(timer)
  }
}
