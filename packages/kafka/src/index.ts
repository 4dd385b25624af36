export { partitionForKey } from '@millrace/protocol'
export { createConsumer } from './consumer.ts'
export { isRetryable, KafkaError, kafkaErrors, type KafkaErrorCode } from './errors.ts'
export { createAdmin } from './admin.ts'
export { createProducer } from './producer.ts'
export type {
  Admin,
  BrokerAddress,
  Compression,
  Consumer,
  ConsumerBatch,
  ConsumerOptions,
  ConsumerRecord,
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
} from './types.ts'
