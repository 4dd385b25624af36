export {
  HeaderTemplate,
  partitionForKey,
  type BytesReader,
  type EncodedHeaders,
} from '@millrace/protocol'
export { createConsumer } from './consumer.ts'
export { isRetryable, KafkaError, kafkaErrors, type KafkaErrorCode } from './errors.ts'
export { createAdmin } from './admin.ts'
export { ensureTopicsOnceReachable, type EnsureTopicsOptions } from './ensure-topics.ts'
export type {
  ClusterAdmin,
  ClusterBroker,
  ClusterDescription,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  GroupDescription,
  GroupListing,
  MemberDescription,
  TransactionDescription,
  TransactionListing,
} from './admin-types.ts'
export { createProducer } from './producer.ts'
export { createTransactionalProducer } from './transactional-producer.ts'
export type {
  CommittedOffset,
  Consumer,
  ConsumerBatch,
  ConsumerCloseOptions,
  ConsumerOptions,
  ConsumerRecord,
  OffsetAtTime,
  OffsetToCommit,
  PartitionToRead,
  TopicPartitionTime,
} from './consumer-types.ts'
export type {
  AssignorName,
  GroupMember,
  MemberShare,
  PartitionAssignor,
} from './partition-assignor.ts'
export type {
  Admin,
  BrokerAddress,
  ColumnarProducer,
  Compression,
  GroupMetadata,
  KafkaOptions,
  PartitionLag,
  Producer,
  ProducerColumns,
  ProducerOptions,
  ProducerRecord,
  RecordHeader,
  RecordMetadata,
  SaslOptions,
  SentColumns,
  TlsOptions,
  TopicPartition,
  TopicPartitionOffset,
  TopicSpecification,
  TransactionalProducer,
  TransactionalProducerOptions,
} from './types.ts'
