export { ByteReader, zeroUuid } from './byte-reader.ts'
export { ByteWriter } from './byte-writer.ts'
export {
  consumerAssignment,
  consumerSubscription,
  readVersioned,
  writeVersioned,
  type ConsumerAssignment,
  type ConsumerAssignmentInput,
  type ConsumerSubscription,
  type ConsumerSubscriptionInput,
} from './consumer-protocol.ts'
export {
  errorCodes,
  kafkaErrorCode,
  type KafkaErrorCode,
  type KafkaErrorName,
} from './error-codes.ts'
export { ProtocolError, protocolErrors, type ProtocolErrorCode } from './errors.ts'
export {
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
  type RequestHeader,
} from './headers.ts'
export { murmur2, partitionForKey } from './murmur2.ts'
export {
  batchAttributeBits,
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchChecksumFrom,
  batchCodec,
  batchCrc,
  batchHeaderBytes,
  batchLastOffset,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchMagic,
  batchMaxTimestamp,
  batchPrefixBytes,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
  isBatchControl,
  isBatchTransactional,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
} from './records/batch-header.ts'
export { nextBatch, wholeBatchBytes } from './records/batches.ts'
export {
  compress,
  compressionCodecs,
  decompress,
  maxDecompressedBytes,
  type CompressionName,
} from './records/compression.ts'
export { crc32c } from './records/crc32c.ts'
export { HeaderTemplate, type EncodedHeaders } from './records/header-template.ts'
export {
  RecordBatchBuilder,
  type BatchOptions,
  type RecordBytes,
  type RecordHeaderInput,
  type RecordHeadersInput,
} from './records/record-batch-builder.ts'
export { RecordColumns, type BytesReader, type RecordHeaderView } from './records/record-columns.ts'
export { putVarint, putVarlong, varintBytes, varintCursor, varlongBytes } from './records/varint.ts'
export { apis, apisByKey } from './registry.ts'
export {
  type Api,
  type MessageCodec,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from './schema/api.ts'
export {
  produceApi,
  type ProduceRequest,
  type ProduceRequestInput,
  type ProduceResponse,
  type ProduceResponseInput,
} from './apis/00-produce.ts'
export {
  fetchApi,
  type FetchRequest,
  type FetchRequestInput,
  type FetchResponse,
  type FetchResponseInput,
} from './apis/01-fetch.ts'
export {
  listOffsetsApi,
  type ListOffsetsRequest,
  type ListOffsetsRequestInput,
  type ListOffsetsResponse,
  type ListOffsetsResponseInput,
} from './apis/02-list-offsets.ts'
export {
  metadataApi,
  type MetadataRequest,
  type MetadataRequestInput,
  type MetadataResponse,
  type MetadataResponseInput,
} from './apis/03-metadata.ts'
export {
  offsetCommitApi,
  type OffsetCommitRequest,
  type OffsetCommitRequestInput,
  type OffsetCommitResponse,
  type OffsetCommitResponseInput,
} from './apis/08-offset-commit.ts'
export {
  offsetFetchApi,
  type OffsetFetchRequest,
  type OffsetFetchRequestInput,
  type OffsetFetchResponse,
  type OffsetFetchResponseInput,
} from './apis/09-offset-fetch.ts'
export {
  findCoordinatorApi,
  type FindCoordinatorRequest,
  type FindCoordinatorRequestInput,
  type FindCoordinatorResponse,
  type FindCoordinatorResponseInput,
} from './apis/10-find-coordinator.ts'
export {
  joinGroupApi,
  type JoinGroupRequest,
  type JoinGroupRequestInput,
  type JoinGroupResponse,
  type JoinGroupResponseInput,
} from './apis/11-join-group.ts'
export {
  heartbeatApi,
  type HeartbeatRequest,
  type HeartbeatRequestInput,
  type HeartbeatResponse,
  type HeartbeatResponseInput,
} from './apis/12-heartbeat.ts'
export {
  leaveGroupApi,
  type LeaveGroupRequest,
  type LeaveGroupRequestInput,
  type LeaveGroupResponse,
  type LeaveGroupResponseInput,
} from './apis/13-leave-group.ts'
export {
  syncGroupApi,
  type SyncGroupRequest,
  type SyncGroupRequestInput,
  type SyncGroupResponse,
  type SyncGroupResponseInput,
} from './apis/14-sync-group.ts'
export {
  describeGroupsApi,
  type DescribeGroupsRequest,
  type DescribeGroupsRequestInput,
  type DescribeGroupsResponse,
  type DescribeGroupsResponseInput,
} from './apis/15-describe-groups.ts'
export {
  listGroupsApi,
  type ListGroupsRequest,
  type ListGroupsRequestInput,
  type ListGroupsResponse,
  type ListGroupsResponseInput,
} from './apis/16-list-groups.ts'
export {
  saslHandshakeApi,
  type SaslHandshakeRequest,
  type SaslHandshakeRequestInput,
  type SaslHandshakeResponse,
  type SaslHandshakeResponseInput,
} from './apis/17-sasl-handshake.ts'
export {
  apiVersionsApi,
  type ApiVersionsRequest,
  type ApiVersionsRequestInput,
  type ApiVersionsResponse,
  type ApiVersionsResponseInput,
} from './apis/18-api-versions.ts'
export {
  createTopicsApi,
  type CreateTopicsRequest,
  type CreateTopicsRequestInput,
  type CreateTopicsResponse,
  type CreateTopicsResponseInput,
} from './apis/19-create-topics.ts'
export {
  deleteTopicsApi,
  type DeleteTopicsRequest,
  type DeleteTopicsRequestInput,
  type DeleteTopicsResponse,
  type DeleteTopicsResponseInput,
} from './apis/20-delete-topics.ts'
export {
  deleteRecordsApi,
  type DeleteRecordsRequest,
  type DeleteRecordsRequestInput,
  type DeleteRecordsResponse,
  type DeleteRecordsResponseInput,
} from './apis/21-delete-records.ts'
export {
  initProducerIdApi,
  type InitProducerIdRequest,
  type InitProducerIdRequestInput,
  type InitProducerIdResponse,
  type InitProducerIdResponseInput,
} from './apis/22-init-producer-id.ts'
export {
  offsetForLeaderEpochApi,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochRequestInput,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderEpochResponseInput,
} from './apis/23-offset-for-leader-epoch.ts'
export {
  addPartitionsToTxnApi,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnRequestInput,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnResponseInput,
} from './apis/24-add-partitions-to-txn.ts'
export {
  addOffsetsToTxnApi,
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnRequestInput,
  type AddOffsetsToTxnResponse,
  type AddOffsetsToTxnResponseInput,
} from './apis/25-add-offsets-to-txn.ts'
export {
  endTxnApi,
  type EndTxnRequest,
  type EndTxnRequestInput,
  type EndTxnResponse,
  type EndTxnResponseInput,
} from './apis/26-end-txn.ts'
export {
  txnOffsetCommitApi,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestInput,
  type TxnOffsetCommitResponse,
  type TxnOffsetCommitResponseInput,
} from './apis/28-txn-offset-commit.ts'
export {
  describeAclsApi,
  type DescribeAclsRequest,
  type DescribeAclsRequestInput,
  type DescribeAclsResponse,
  type DescribeAclsResponseInput,
} from './apis/29-describe-acls.ts'
export {
  createAclsApi,
  type CreateAclsRequest,
  type CreateAclsRequestInput,
  type CreateAclsResponse,
  type CreateAclsResponseInput,
} from './apis/30-create-acls.ts'
export {
  deleteAclsApi,
  type DeleteAclsRequest,
  type DeleteAclsRequestInput,
  type DeleteAclsResponse,
  type DeleteAclsResponseInput,
} from './apis/31-delete-acls.ts'
export {
  describeConfigsApi,
  type DescribeConfigsRequest,
  type DescribeConfigsRequestInput,
  type DescribeConfigsResponse,
  type DescribeConfigsResponseInput,
} from './apis/32-describe-configs.ts'
export {
  alterConfigsApi,
  type AlterConfigsRequest,
  type AlterConfigsRequestInput,
  type AlterConfigsResponse,
  type AlterConfigsResponseInput,
} from './apis/33-alter-configs.ts'
export {
  describeLogDirsApi,
  type DescribeLogDirsRequest,
  type DescribeLogDirsRequestInput,
  type DescribeLogDirsResponse,
  type DescribeLogDirsResponseInput,
} from './apis/35-describe-log-dirs.ts'
export {
  saslAuthenticateApi,
  type SaslAuthenticateRequest,
  type SaslAuthenticateRequestInput,
  type SaslAuthenticateResponse,
  type SaslAuthenticateResponseInput,
} from './apis/36-sasl-authenticate.ts'
export {
  createPartitionsApi,
  type CreatePartitionsRequest,
  type CreatePartitionsRequestInput,
  type CreatePartitionsResponse,
  type CreatePartitionsResponseInput,
} from './apis/37-create-partitions.ts'
export {
  deleteGroupsApi,
  type DeleteGroupsRequest,
  type DeleteGroupsRequestInput,
  type DeleteGroupsResponse,
  type DeleteGroupsResponseInput,
} from './apis/42-delete-groups.ts'
export {
  incrementalAlterConfigsApi,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsRequestInput,
  type IncrementalAlterConfigsResponse,
  type IncrementalAlterConfigsResponseInput,
} from './apis/44-incremental-alter-configs.ts'
export {
  offsetDeleteApi,
  type OffsetDeleteRequest,
  type OffsetDeleteRequestInput,
  type OffsetDeleteResponse,
  type OffsetDeleteResponseInput,
} from './apis/47-offset-delete.ts'
export {
  describeClientQuotasApi,
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasRequestInput,
  type DescribeClientQuotasResponse,
  type DescribeClientQuotasResponseInput,
} from './apis/48-describe-client-quotas.ts'
export {
  alterClientQuotasApi,
  type AlterClientQuotasRequest,
  type AlterClientQuotasRequestInput,
  type AlterClientQuotasResponse,
  type AlterClientQuotasResponseInput,
} from './apis/49-alter-client-quotas.ts'
export {
  describeUserScramCredentialsApi,
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsRequestInput,
  type DescribeUserScramCredentialsResponse,
  type DescribeUserScramCredentialsResponseInput,
} from './apis/50-describe-user-scram-credentials.ts'
export {
  alterUserScramCredentialsApi,
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsRequestInput,
  type AlterUserScramCredentialsResponse,
  type AlterUserScramCredentialsResponseInput,
} from './apis/51-alter-user-scram-credentials.ts'
export {
  describeClusterApi,
  type DescribeClusterRequest,
  type DescribeClusterRequestInput,
  type DescribeClusterResponse,
  type DescribeClusterResponseInput,
} from './apis/60-describe-cluster.ts'
export {
  describeProducersApi,
  type DescribeProducersRequest,
  type DescribeProducersRequestInput,
  type DescribeProducersResponse,
  type DescribeProducersResponseInput,
} from './apis/61-describe-producers.ts'
export {
  describeTransactionsApi,
  type DescribeTransactionsRequest,
  type DescribeTransactionsRequestInput,
  type DescribeTransactionsResponse,
  type DescribeTransactionsResponseInput,
} from './apis/65-describe-transactions.ts'
export {
  listTransactionsApi,
  type ListTransactionsRequest,
  type ListTransactionsRequestInput,
  type ListTransactionsResponse,
  type ListTransactionsResponseInput,
} from './apis/66-list-transactions.ts'
export {
  consumerGroupHeartbeatApi,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatRequestInput,
  type ConsumerGroupHeartbeatResponse,
  type ConsumerGroupHeartbeatResponseInput,
} from './apis/68-consumer-group-heartbeat.ts'
export {
  consumerGroupDescribeApi,
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeRequestInput,
  type ConsumerGroupDescribeResponse,
  type ConsumerGroupDescribeResponseInput,
} from './apis/69-consumer-group-describe.ts'
export {
  describeTopicPartitionsApi,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsRequestInput,
  type DescribeTopicPartitionsResponse,
  type DescribeTopicPartitionsResponseInput,
} from './apis/75-describe-topic-partitions.ts'
export { type Fields, type Message, type MessageInput } from './schema/fields.ts'
