import { createTransactionalProducer, type Consumer, type KafkaOptions } from '@millrace/kafka'

export async function copy(kafka: KafkaOptions, consumer: Consumer, to: string): Promise<void> {
  const options = { ...kafka, transactionalId: 'copier-0' }
  await using producer = await createTransactionalProducer(options)
  for await (const batch of consumer) {
    const { topic, partition, nextOffset: offset } = batch
    await producer.begin()
    void producer.send(batch.records.map(({ key, value }) => ({ topic: to, key, value })))
    void producer.sendOffsets([{ topic, partition, offset }], consumer.groupMetadata())
    await producer.commit()
  }
}
