import type { Api } from './schema/api.ts'
import { produceApi } from './apis/00-produce.ts'
import { fetchApi } from './apis/01-fetch.ts'
import { listOffsetsApi } from './apis/02-list-offsets.ts'
import { metadataApi } from './apis/03-metadata.ts'
import { offsetCommitApi } from './apis/08-offset-commit.ts'
import { offsetFetchApi } from './apis/09-offset-fetch.ts'
import { findCoordinatorApi } from './apis/10-find-coordinator.ts'
import { joinGroupApi } from './apis/11-join-group.ts'
import { heartbeatApi } from './apis/12-heartbeat.ts'
import { leaveGroupApi } from './apis/13-leave-group.ts'
import { syncGroupApi } from './apis/14-sync-group.ts'
import { describeGroupsApi } from './apis/15-describe-groups.ts'
import { listGroupsApi } from './apis/16-list-groups.ts'
import { saslHandshakeApi } from './apis/17-sasl-handshake.ts'
import { apiVersionsApi } from './apis/18-api-versions.ts'
import { createTopicsApi } from './apis/19-create-topics.ts'
import { deleteTopicsApi } from './apis/20-delete-topics.ts'
import { deleteRecordsApi } from './apis/21-delete-records.ts'
import { initProducerIdApi } from './apis/22-init-producer-id.ts'
import { offsetForLeaderEpochApi } from './apis/23-offset-for-leader-epoch.ts'
import { addPartitionsToTxnApi } from './apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxnApi } from './apis/25-add-offsets-to-txn.ts'
import { endTxnApi } from './apis/26-end-txn.ts'
import { txnOffsetCommitApi } from './apis/28-txn-offset-commit.ts'
import { describeAclsApi } from './apis/29-describe-acls.ts'
import { createAclsApi } from './apis/30-create-acls.ts'
import { deleteAclsApi } from './apis/31-delete-acls.ts'
import { describeConfigsApi } from './apis/32-describe-configs.ts'
import { alterConfigsApi } from './apis/33-alter-configs.ts'
import { describeLogDirsApi } from './apis/35-describe-log-dirs.ts'
import { saslAuthenticateApi } from './apis/36-sasl-authenticate.ts'
import { createPartitionsApi } from './apis/37-create-partitions.ts'
import { deleteGroupsApi } from './apis/42-delete-groups.ts'
import { incrementalAlterConfigsApi } from './apis/44-incremental-alter-configs.ts'
import { offsetDeleteApi } from './apis/47-offset-delete.ts'
import { describeClientQuotasApi } from './apis/48-describe-client-quotas.ts'
import { alterClientQuotasApi } from './apis/49-alter-client-quotas.ts'
import { describeUserScramCredentialsApi } from './apis/50-describe-user-scram-credentials.ts'
import { alterUserScramCredentialsApi } from './apis/51-alter-user-scram-credentials.ts'
import { describeClusterApi } from './apis/60-describe-cluster.ts'
import { describeProducersApi } from './apis/61-describe-producers.ts'
import { describeTransactionsApi } from './apis/65-describe-transactions.ts'
import { listTransactionsApi } from './apis/66-list-transactions.ts'
import { consumerGroupHeartbeatApi } from './apis/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribeApi } from './apis/69-consumer-group-describe.ts'
import { describeTopicPartitionsApi } from './apis/75-describe-topic-partitions.ts'

/** Every API that is read and written here, in the order of keys. A new one is its file and a line here. */
export const apis: readonly Api[] = [
  produceApi,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  findCoordinatorApi,
  joinGroupApi,
  heartbeatApi,
  leaveGroupApi,
  syncGroupApi,
  describeGroupsApi,
  listGroupsApi,
  saslHandshakeApi,
  apiVersionsApi,
  createTopicsApi,
  deleteTopicsApi,
  deleteRecordsApi,
  initProducerIdApi,
  offsetForLeaderEpochApi,
  addPartitionsToTxnApi,
  addOffsetsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
  describeAclsApi,
  createAclsApi,
  deleteAclsApi,
  describeConfigsApi,
  alterConfigsApi,
  describeLogDirsApi,
  saslAuthenticateApi,
  createPartitionsApi,
  deleteGroupsApi,
  incrementalAlterConfigsApi,
  offsetDeleteApi,
  describeClientQuotasApi,
  alterClientQuotasApi,
  describeUserScramCredentialsApi,
  alterUserScramCredentialsApi,
  describeClusterApi,
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  consumerGroupHeartbeatApi,
  consumerGroupDescribeApi,
  describeTopicPartitionsApi,
]

/** The same by API key. */
export const apisByKey: ReadonlyMap<number, Api> = new Map(apis.map((api) => [api.key, api]))
