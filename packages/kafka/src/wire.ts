/**
 * The requests this client sends, each in one pinned version: the newest that Apache Kafka 2.8 to 4.x, and our own broker, all serve
 * and that names topics by name. `BrokerConnection.open` checks that the broker has those of `wire`; those of `optionalWire` are
 * checked when they are sent.
 *
 * - Produce 9, Fetch 12: last before topic ids. OffsetFetch 7: first with `requireStable` (KIP-447).
 * - InitProducerId 4: -1/-1 asks for a new id (KIP-360). JoinGroup 7 and SyncGroup 5: protocol type checked (KIP-559).
 */
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  apiVersionsApi,
  consumerGroupDescribeApi,
  consumerGroupHeartbeatApi,
  createPartitionsApi,
  createTopicsApi,
  deleteGroupsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeGroupsApi,
  describeTransactionsApi,
  endTxnApi,
  fetchApi,
  findCoordinatorApi,
  heartbeatApi,
  incrementalAlterConfigsApi,
  initProducerIdApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  listOffsetsApi,
  listTransactionsApi,
  metadataApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  produceApi,
  syncGroupApi,
  txnOffsetCommitApi,
  type Api,
  type Fields,
} from '@millrace/protocol'

/** One API in one version. */
export interface Pinned<Request extends Fields, Response extends Fields> {
  readonly api: Api<Request, Response>
  readonly version: number
}

function pin<Request extends Fields, Response extends Fields>(
  api: Api<Request, Response>,
  version: number,
): Pinned<Request, Response> {
  return { api, version }
}

export const wire = {
  produce: pin(produceApi, 9),
  fetch: pin(fetchApi, 12),
  listOffsets: pin(listOffsetsApi, 6),
  metadata: pin(metadataApi, 9),
  offsetCommit: pin(offsetCommitApi, 8),
  offsetFetch: pin(offsetFetchApi, 7),
  findCoordinator: pin(findCoordinatorApi, 3),
  joinGroup: pin(joinGroupApi, 7),
  heartbeat: pin(heartbeatApi, 4),
  leaveGroup: pin(leaveGroupApi, 4),
  syncGroup: pin(syncGroupApi, 5),
  apiVersions: pin(apiVersionsApi, 3),
  createTopics: pin(createTopicsApi, 5),
  deleteTopics: pin(deleteTopicsApi, 5),
  initProducerId: pin(initProducerIdApi, 4),
} as const

/**
 * What only some callers send. Administration: before the new group protocol and topic ids. Transactions in their first version (KIP-98, KIP-447): AddPartitionsToTxn 3 (4 is for brokers),
 * AddOffsetsToTxn 3, EndTxn 3, TxnOffsetCommit 3. In their second (KIP-890), where the cluster has finalized `transaction.version` 2:
 * Produce 12 and TxnOffsetCommit 5 add what they write to the transaction, EndTxn 5 gives the epoch of the next one.
 * The new group protocol (KIP-848): its heartbeat with a member id of the client's making, offsets by member epoch, topics by id.
 * JoinGroup 9 and LeaveGroup 5, of Kafka 3.2, say why (KIP-800), and let a static member that leads come back as leader (KIP-814).
 */
export const optionalWire = {
  describeCluster: pin(describeClusterApi, 0),
  describeConfigs: pin(describeConfigsApi, 4),
  incrementalAlterConfigs: pin(incrementalAlterConfigsApi, 1),
  createPartitions: pin(createPartitionsApi, 3),
  deleteRecords: pin(deleteRecordsApi, 2),
  listGroups: pin(listGroupsApi, 4),
  describeGroups: pin(describeGroupsApi, 5),
  deleteGroups: pin(deleteGroupsApi, 2),
  offsetDelete: pin(offsetDeleteApi, 0),
  listTransactions: pin(listTransactionsApi, 0),
  describeTransactions: pin(describeTransactionsApi, 0),
  addPartitionsToTxn: pin(addPartitionsToTxnApi, 3),
  addOffsetsToTxn: pin(addOffsetsToTxnApi, 3),
  endTxn: pin(endTxnApi, 3),
  txnOffsetCommit: pin(txnOffsetCommitApi, 3),
  produceInTransaction: pin(produceApi, 12),
  endTxnWithBump: pin(endTxnApi, 5),
  txnOffsetCommitInTransaction: pin(txnOffsetCommitApi, 5),
  joinGroupWithReason: pin(joinGroupApi, 9),
  leaveGroupWithReason: pin(leaveGroupApi, 5),
  consumerGroupHeartbeat: pin(consumerGroupHeartbeatApi, 1),
  consumerGroupDescribe: pin(consumerGroupDescribeApi, 0),
  offsetCommitInEpoch: pin(offsetCommitApi, 9),
  metadataById: pin(metadataApi, 12),
} as const
