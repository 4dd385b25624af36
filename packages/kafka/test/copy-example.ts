import { createTransactionalProducer, type Consumer, type KafkaOptions } from '@millrace/kafka'

export async function copy(kafka: KafkaOptions, consumer: Consumer, to: string): Promise<void> {
  const options = { ...kafka, transactionalId: 'copier-0' }
  await using producer = await createTransactionalProducer(options)
  for await (const batch of consumer) {
    const { topic, partition, nextOffset: offset } = batch
    const member = consumer.groupMetadata() // as of now: whoever loses the partition meanwhile is refused
    await producer.begin()
    void producer.send(batch.records.map(({ key, value }) => ({ topic: to, key, value })))
    void producer.sendOffsets([{ topic, partition, offset }], member)
    await producer.commit()
  }
}
