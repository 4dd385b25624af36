import { createAdmin, createConsumer, createProducer } from '@millrace/kafka'

export async function example(brokers: readonly string[]): Promise<string> {
  const kafka = { brokers, clientId: 'greeter' }
  await using admin = await createAdmin(kafka)
  await admin.ensureTopics([{ name: 'greetings', partitions: 3 }])

  await using producer = await createProducer(kafka)
  await producer.send([{ topic: 'greetings', key: 'ada', value: 'hello' }])

  await using consumer = await createConsumer({
    ...kafka,
    groupId: 'readers',
    topics: ['greetings'],
  })
  for await (const { topic, partition, records } of consumer) {
    const last = records.at(-1)
    if (last) await consumer.commit([{ topic, partition, offset: last.offset + 1n }])
    return String(last?.value)
  }
  return 'the consumer was closed'
}
