export { partitionForKey } from '@millrace/protocol'
export { createConsumer } from './consumer.ts'
export { isRetryable, KafkaError, kafkaErrors, type KafkaErrorCode } from './errors.ts'
export { createAdmin } from './admin.ts'
export { createProducer } from './producer.ts'
export { createTransactionalProducer } from './transactional-producer.ts'
export type { Consumer, ConsumerBatch, ConsumerOptions, ConsumerRecord } from './consumer-types.ts'
export type {
  Admin,
  BrokerAddress,
  Compression,
  GroupMetadata,
  KafkaOptions,
  PartitionLag,
  Producer,
  ProducerOptions,
  ProducerRecord,
  RecordHeader,
  RecordMetadata,
  TopicPartition,
  TopicPartitionOffset,
  TopicSpecification,
  TransactionalProducer,
  TransactionalProducerOptions,
} from './types.ts'
