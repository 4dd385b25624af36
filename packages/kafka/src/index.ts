export { partitionForKey } from '@millrace/protocol'
export { createConsumer } from './consumer.ts'
export { isRetryable, KafkaError, kafkaErrors, type KafkaErrorCode } from './errors.ts'
export { createAdmin } from './admin.ts'
export { createProducer } from './producer.ts'
export type { Consumer, ConsumerBatch, ConsumerOptions, ConsumerRecord } from './consumer-types.ts'
export type {
  Admin,
  BrokerAddress,
  Compression,
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
