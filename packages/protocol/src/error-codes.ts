/** One error of the protocol. */
export interface KafkaErrorCode {
  readonly name: KafkaErrorName
  readonly code: number
  /** Whether Kafka's own clients try again: class `RetriableException`. */
  readonly retriable: boolean
  /** What it means, for people. */
  readonly text: string
}

export type KafkaErrorName = keyof typeof table

/**
 * Every error code of Apache Kafka 4.1 (class `Errors`) as [code, retriable, text]. The texts are ours. Ours to remember: REBALANCE_IN_PROGRESS,
 * MEMBER_ID_REQUIRED and STALE_MEMBER_EPOCH are not "retriable" because the same request would fail again; another one mends them.
 */
const table = {
  UNKNOWN_SERVER_ERROR: [
    -1,
    false,
    'The broker failed in a way it did not foresee; its log says how.',
  ],
  NONE: [0, false, 'No error.'],
  OFFSET_OUT_OF_RANGE: [1, false, "The offset lies outside the log's range."],
  CORRUPT_MESSAGE: [2, true, 'A record batch fails its checksum or is otherwise corrupt.'],
  UNKNOWN_TOPIC_OR_PARTITION: [3, true, 'This broker has no such topic or partition.'],
  INVALID_FETCH_SIZE: [4, false, 'The fetch size is not valid.'],
  LEADER_NOT_AVAILABLE: [5, true, 'The partition has no leader at the moment.'],
  NOT_LEADER_OR_FOLLOWER: [
    6,
    true,
    'This broker is not the leader (or no replica) of the partition; refresh the metadata.',
  ],
  REQUEST_TIMED_OUT: [7, true, 'The request was not finished in time.'],
  BROKER_NOT_AVAILABLE: [8, false, 'The broker is not available.'],
  REPLICA_NOT_AVAILABLE: [9, true, 'The replica is not available.'],
  MESSAGE_TOO_LARGE: [10, false, 'A record batch is larger than max.message.bytes.'],
  STALE_CONTROLLER_EPOCH: [11, false, 'The controller has moved to another broker.'],
  OFFSET_METADATA_TOO_LARGE: [
    12,
    false,
    'The metadata string of an offset commit is longer than offset.metadata.max.bytes.',
  ],
  NETWORK_EXCEPTION: [13, true, 'The broker disconnected before it answered.'],
  COORDINATOR_LOAD_IN_PROGRESS: [14, true, 'The coordinator is still loading its state.'],
  COORDINATOR_NOT_AVAILABLE: [15, true, 'No coordinator is available yet.'],
  NOT_COORDINATOR: [
    16,
    true,
    'This broker does not coordinate the group or transactional id; look the coordinator up again.',
  ],
  INVALID_TOPIC_EXCEPTION: [17, false, 'The topic name is not valid, or the topic is internal.'],
  RECORD_LIST_TOO_LARGE: [18, false, 'A record batch is larger than a log segment.'],
  NOT_ENOUGH_REPLICAS: [
    19,
    true,
    'Fewer replicas are in sync than min.insync.replicas asks for; nothing was written.',
  ],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: [
    20,
    true,
    'Written, but to fewer replicas in sync than min.insync.replicas asks for.',
  ],
  INVALID_REQUIRED_ACKS: [21, false, 'acks must be -1, 0 or 1.'],
  ILLEGAL_GENERATION: [22, false, 'The group has another generation; rejoin.'],
  INCONSISTENT_GROUP_PROTOCOL: [23, false, "The member's protocols do not fit those of the group."],
  INVALID_GROUP_ID: [24, false, 'The group id is not valid.'],
  UNKNOWN_MEMBER_ID: [25, false, 'The group has no such member; rejoin as a new one.'],
  INVALID_SESSION_TIMEOUT: [
    26,
    false,
    'The session timeout lies outside group.min.session.timeout.ms to group.max.session.timeout.ms.',
  ],
  REBALANCE_IN_PROGRESS: [27, false, 'The group is rebalancing; rejoin.'],
  INVALID_COMMIT_OFFSET_SIZE: [28, false, 'The offset commit is too large.'],
  TOPIC_AUTHORIZATION_FAILED: [29, false, 'Not authorized for the topic.'],
  GROUP_AUTHORIZATION_FAILED: [30, false, 'Not authorized for the group.'],
  CLUSTER_AUTHORIZATION_FAILED: [31, false, 'Not authorized for the cluster.'],
  INVALID_TIMESTAMP: [32, false, "A record's timestamp is out of the accepted range."],
  UNSUPPORTED_SASL_MECHANISM: [33, false, 'The broker does not offer this SASL mechanism.'],
  ILLEGAL_SASL_STATE: [34, false, 'Not allowed in the present state of SASL.'],
  UNSUPPORTED_VERSION: [35, false, 'The broker does not serve this version of the API.'],
  TOPIC_ALREADY_EXISTS: [36, false, 'A topic of this name exists.'],
  INVALID_PARTITIONS: [37, false, 'The number of partitions is not valid.'],
  INVALID_REPLICATION_FACTOR: [
    38,
    false,
    'The replication factor is below 1 or above the number of brokers.',
  ],
  INVALID_REPLICA_ASSIGNMENT: [39, false, 'The replica assignment is not valid.'],
  INVALID_CONFIG: [40, false, 'A setting is not valid.'],
  NOT_CONTROLLER: [41, true, 'This broker is not the controller.'],
  INVALID_REQUEST: [42, false, 'The request contradicts itself or does not fit this broker.'],
  UNSUPPORTED_FOR_MESSAGE_FORMAT: [43, false, 'The record format does not support the request.'],
  POLICY_VIOLATION: [44, false, 'A policy of the broker refuses the request.'],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [
    45,
    false,
    "A batch's sequence number is not the one expected; batches before it are missing.",
  ],
  DUPLICATE_SEQUENCE_NUMBER: [46, false, "A batch's sequence number was seen before."],
  INVALID_PRODUCER_EPOCH: [47, false, "The producer's epoch is older than the newest one known."],
  INVALID_TXN_STATE: [48, false, 'Not allowed in the present state of the transaction.'],
  INVALID_PRODUCER_ID_MAPPING: [
    49,
    false,
    'The producer id is not the one of the transactional id.',
  ],
  INVALID_TRANSACTION_TIMEOUT: [
    50,
    false,
    'The transaction timeout is above transaction.max.timeout.ms.',
  ],
  CONCURRENT_TRANSACTIONS: [
    51,
    true,
    'Another operation on the same transaction is still under way; try again.',
  ],
  TRANSACTION_COORDINATOR_FENCED: [52, false, 'A newer transaction coordinator has taken over.'],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [53, false, 'Not authorized for the transactional id.'],
  SECURITY_DISABLED: [54, false, 'The broker has no security configured.'],
  OPERATION_NOT_ATTEMPTED: [
    55,
    false,
    'Not attempted because another part of the same request failed.',
  ],
  KAFKA_STORAGE_ERROR: [56, true, "The broker's disk failed."],
  LOG_DIR_NOT_FOUND: [57, false, 'The broker has no such log directory.'],
  SASL_AUTHENTICATION_FAILED: [58, false, 'SASL authentication failed.'],
  UNKNOWN_PRODUCER_ID: [
    59,
    false,
    'The partition knows nothing of this producer id, perhaps because its records were deleted.',
  ],
  REASSIGNMENT_IN_PROGRESS: [60, false, 'A partition reassignment is under way.'],
  DELEGATION_TOKEN_AUTH_DISABLED: [61, false, 'Delegation tokens are switched off.'],
  DELEGATION_TOKEN_NOT_FOUND: [62, false, 'The delegation token is unknown.'],
  DELEGATION_TOKEN_OWNER_MISMATCH: [
    63,
    false,
    'The principal is neither owner nor renewer of the token.',
  ],
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: [
    64,
    false,
    'Delegation tokens are not given out over this kind of connection.',
  ],
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: [65, false, 'Not authorized for the delegation token.'],
  DELEGATION_TOKEN_EXPIRED: [66, false, 'The delegation token has expired.'],
  INVALID_PRINCIPAL_TYPE: [67, false, 'The principal type is not supported.'],
  NON_EMPTY_GROUP: [68, false, 'The group has members.'],
  GROUP_ID_NOT_FOUND: [69, false, 'There is no such group.'],
  FETCH_SESSION_ID_NOT_FOUND: [70, true, 'There is no such fetch session; begin a new one.'],
  INVALID_FETCH_SESSION_EPOCH: [
    71,
    true,
    "The fetch session's epoch is not the one expected; begin a new session.",
  ],
  LISTENER_NOT_FOUND: [72, true, 'The partition leader has no listener that matches.'],
  TOPIC_DELETION_DISABLED: [73, false, 'Deleting topics is switched off.'],
  FENCED_LEADER_EPOCH: [
    74,
    true,
    "The leader epoch sent is older than the broker's; refresh the metadata.",
  ],
  UNKNOWN_LEADER_EPOCH: [75, true, "The leader epoch sent is newer than the broker's."],
  UNSUPPORTED_COMPRESSION_TYPE: [
    76,
    false,
    'This version of the request cannot carry the compression codec.',
  ],
  STALE_BROKER_EPOCH: [77, false, 'The broker epoch has changed.'],
  OFFSET_NOT_AVAILABLE: [
    78,
    true,
    'The high watermark has not caught up since the last leader election.',
  ],
  MEMBER_ID_REQUIRED: [79, false, 'Join again with the member id that was given.'],
  PREFERRED_LEADER_NOT_AVAILABLE: [80, true, 'The preferred leader is not available.'],
  GROUP_MAX_SIZE_REACHED: [81, false, 'The group is full.'],
  FENCED_INSTANCE_ID: [82, false, 'Another member has taken over this group instance id.'],
  ELIGIBLE_LEADERS_NOT_AVAILABLE: [83, true, 'No leader is eligible.'],
  ELECTION_NOT_NEEDED: [84, true, 'No leader election is needed.'],
  NO_REASSIGNMENT_IN_PROGRESS: [85, false, 'No partition reassignment is under way.'],
  GROUP_SUBSCRIBED_TO_TOPIC: [
    86,
    false,
    'The group is subscribed to the topic, so its offsets stay.',
  ],
  INVALID_RECORD: [87, false, "A record is refused by the broker's checks."],
  UNSTABLE_OFFSET_COMMIT: [
    88,
    true,
    'A transaction is still open on the offset (KIP-447); try again.',
  ],
  THROTTLING_QUOTA_EXCEEDED: [89, true, 'A quota is used up; try again later.'],
  PRODUCER_FENCED: [90, false, 'A newer producer of the same transactional id has taken over.'],
  RESOURCE_NOT_FOUND: [91, false, 'There is no such resource.'],
  DUPLICATE_RESOURCE: [92, false, 'The request names a resource twice.'],
  UNACCEPTABLE_CREDENTIAL: [93, false, 'The credential does not meet the rules.'],
  INCONSISTENT_VOTER_SET: [94, false, 'A voter request from or to somebody who is no voter.'],
  INVALID_UPDATE_VERSION: [95, false, 'The update version is not valid.'],
  FEATURE_UPDATE_FAILED: [96, false, 'The features could not be updated.'],
  PRINCIPAL_DESERIALIZATION_FAILURE: [97, false, 'A forwarded principal could not be read.'],
  SNAPSHOT_NOT_FOUND: [98, false, 'There is no such snapshot.'],
  POSITION_OUT_OF_RANGE: [99, false, 'The position lies outside the snapshot.'],
  UNKNOWN_TOPIC_ID: [100, true, 'This broker has no topic of this id.'],
  DUPLICATE_BROKER_REGISTRATION: [101, false, 'The broker id is in use.'],
  BROKER_ID_NOT_REGISTERED: [102, false, 'The broker id is not registered.'],
  INCONSISTENT_TOPIC_ID: [103, true, 'The topic id is not the one of the log.'],
  INCONSISTENT_CLUSTER_ID: [104, false, "The cluster id is not this cluster's."],
  TRANSACTIONAL_ID_NOT_FOUND: [105, false, 'There is no such transactional id.'],
  FETCH_SESSION_TOPIC_ID_ERROR: [
    106,
    true,
    'The fetch session mixes topic names and ids; begin a new session.',
  ],
  INELIGIBLE_REPLICA: [107, false, 'A replica is not eligible for the in-sync set.'],
  NEW_LEADER_ELECTED: [
    108,
    false,
    'The in-sync set was changed, but the leader is another one now.',
  ],
  OFFSET_MOVED_TO_TIERED_STORAGE: [109, false, 'The offset has moved to tiered storage.'],
  FENCED_MEMBER_EPOCH: [
    110,
    false,
    "The member's epoch is fenced; give up all partitions and rejoin.",
  ],
  UNRELEASED_INSTANCE_ID: [111, false, 'Another member still holds the instance id.'],
  UNSUPPORTED_ASSIGNOR: [112, false, 'The group does not support the assignor.'],
  STALE_MEMBER_EPOCH: [113, false, "The member's epoch is out of date; heartbeat, then try again."],
  MISMATCHED_ENDPOINT_TYPE: [114, false, 'The endpoint is of another type.'],
  UNSUPPORTED_ENDPOINT_TYPE: [115, false, 'The endpoint type is not supported.'],
  UNKNOWN_CONTROLLER_ID: [116, false, 'The controller id is unknown.'],
  UNKNOWN_SUBSCRIPTION_ID: [117, false, 'The telemetry subscription is not valid.'],
  TELEMETRY_TOO_LARGE: [118, false, 'The telemetry is too large.'],
  INVALID_REGISTRATION: [119, false, "The controller refuses the broker's registration."],
  TRANSACTION_ABORTABLE: [
    120,
    false,
    'The transaction failed but may be aborted, and the producer be used again.',
  ],
  INVALID_RECORD_STATE: [121, false, 'The record is not in a state that can be acknowledged.'],
  SHARE_SESSION_NOT_FOUND: [122, true, 'There is no such share session.'],
  INVALID_SHARE_SESSION_EPOCH: [123, true, "The share session's epoch is not the one expected."],
  FENCED_STATE_EPOCH: [124, false, 'The share coordinator has another state epoch.'],
  INVALID_VOTER_KEY: [125, false, 'The voter key is another one.'],
  DUPLICATE_VOTER: [126, false, 'The voter exists already.'],
  VOTER_NOT_FOUND: [127, false, 'There is no such voter.'],
  INVALID_REGULAR_EXPRESSION: [128, false, 'The regular expression is not valid.'],
  REBOOTSTRAP_REQUIRED: [
    129,
    false,
    "The client's metadata is out of date; it has to bootstrap again.",
  ],
  STREAMS_INVALID_TOPOLOGY: [130, false, 'The topology is not valid.'],
  STREAMS_INVALID_TOPOLOGY_EPOCH: [131, false, 'The topology epoch is not valid.'],
  STREAMS_TOPOLOGY_FENCED: [132, false, 'The topology epoch is out of date.'],
  SHARE_SESSION_LIMIT_REACHED: [133, true, 'There are too many share sessions.'],
} as const satisfies Record<string, readonly [code: number, retriable: boolean, text: string]>

/** Code by name: `errorCodes.NOT_COORDINATOR` is 16. */
export const errorCodes = Object.fromEntries(
  Object.entries(table).map(([name, [code]]) => [name, code]),
) as { readonly [Name in KafkaErrorName]: (typeof table)[Name][0] }

const rowsByCode: ReadonlyMap<number, KafkaErrorCode> = new Map(
  Object.entries(table).map(([name, [code, retriable, text]]) => [
    code,
    { name: name as KafkaErrorName, code, retriable, text },
  ]),
)

/** What a code means; a code newer than this table reads as UNKNOWN_SERVER_ERROR, as in Kafka's clients, with the code kept. */
export function kafkaErrorCode(code: number): KafkaErrorCode {
  return (
    rowsByCode.get(code) ?? {
      name: 'UNKNOWN_SERVER_ERROR',
      code,
      retriable: false,
      text: `An error code that is not known here: ${code}.`,
    }
  )
}
