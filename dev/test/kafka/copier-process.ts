/** Copies a topic exactly once, as a member of a group: what it read and what it wrote become true together. Ends in order at SIGTERM. */
import {
  createConsumer,
  createTransactionalProducer,
  KafkaError,
  type Consumer,
  type ConsumerBatch,
  type TransactionalProducer,
} from '@millrace/kafka'
import { membershipOf } from './group-readers.ts'

const [address = '', groupId = '', from = '', to = '', name = '', protocol = ''] =
  process.argv.slice(2)
const options = { brokers: [address], clientId: name }

function openProducer(): Promise<TransactionalProducer> {
  return createTransactionalProducer({
    ...options,
    transactionalId: name,
    // A killed copier's open transaction holds readers up for this long.
    transactionTimeoutMs: 5_000,
  })
}

async function copy(
  producer: TransactionalProducer,
  consumer: Consumer,
  batch: ConsumerBatch,
): Promise<void> {
  const { topic, partition, nextOffset } = batch
  const member = consumer.groupMetadata()
  await producer.begin()
  void producer
    .send(batch.records.map(({ key, value }) => ({ topic: to, partition, key, value })))
    .catch(() => {})
  const position = { topic, partition, offset: nextOffset }
  void producer.sendOffsets([position], member).catch(() => {})
  await producer.commit()
}

let producer = await openProducer()
const consumer = await createConsumer({
  ...options,
  groupId,
  topics: [from],
  ...membershipOf(protocol),
  maxBatchRecords: 50,
})
process.once('SIGTERM', () => void consumer.close())

for await (const batch of consumer) {
  if (batch.signal.aborted) continue
  try {
    await copy(producer, consumer, batch)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    // A commit whose end is unknown must not be followed by a second copy: a producer under the same id settles it, and the group's
    // offsets, which stand or fall with it, say where to go on.
    const isOurs = error.code === 'MR_KAFKA_TRANSACTION_FAILED' || error.retryable
    if (!isOurs || error.code === 'MR_KAFKA_COMMIT_UNKNOWN') process.exit(3)
    try {
      await producer.abort()
    } catch {
      await producer.close()
      producer = await openProducer()
    }
    const { topic, partition } = batch
    if (!batch.signal.aborted) consumer.seek({ topic, partition, offset: BigInt(batch.offset(0)) })
  }
}
await producer.close()
