/** Every bound of the broker that is not a topic setting. Sizes in bytes, times in ms. Names in brackets are Kafka's. */
export const limits = {
  /** Largest request [socket.request.max.bytes]; a longer one closes the connection before its bytes are read. */
  frameBytes: 100 * 1024 * 1024,
  /** Open connections; one more is closed at once. */
  connections: 10_000,
  /** Largest request of a client that is not authenticated [sasl.server.max.receive.size], and how long it has for authentication. */
  unauthenticatedFrameBytes: 524_288,
  authenticationMs: 30_000,
  /** A connection that failed to authenticate closes after so long [connection.failed.authentication.delay.ms]. */
  failedAuthenticationMs: 100,
  /** TLS handshakes under way at once; one more is closed. Each has so long. */
  tlsHandshakes: 1000,
  tlsHandshakeMs: 10_000,
  /** Access rules, users with SCRAM credentials, and entities with quotas. */
  acls: 10_000,
  scramUsers: 10_000,
  quotas: 10_000,
  /** A connection without a request for so long is closed [connections.max.idle.ms]. */
  connectionIdleMs: 600_000,
  /** Produce requests of one connection that may wait for the disk at once. */
  pipelinedProduces: 16,
  /** Most record bytes in one fetch answer [fetch.max.bytes]. */
  fetchBytes: 55 * 1024 * 1024,
  /** Fetch sessions [max.incremental.fetch.session.cache.slots], and the partitions that all of them may remember. */
  fetchSessions: 1000,
  fetchSessionPartitions: 1_000_000,
  /** A session that is younger, or was used since, makes no room for another [min.incremental.fetch.session.eviction.ms]. */
  fetchSessionEvictionMs: 120_000,
  /** Longest wait of a fetch that the broker accepts, whatever the client asks for. */
  fetchWaitMs: 300_000,
  /** [offset.metadata.max.bytes] */
  offsetMetadataBytes: 4096,
  /** Partitions of one topic, and of the broker. */
  partitionsPerTopic: 10_000,
  /** Partitions on one page of DescribeTopicPartitions [max.request.partition.size.limit]. */
  describedPartitions: 2_000,
  partitions: 100_000,
  topicNameLength: 249,
  groupIdBytes: 32_767,
  /** [group.min.session.timeout.ms] */
  minSessionTimeoutMs: 6_000,
  /** [group.max.session.timeout.ms] */
  maxSessionTimeoutMs: 1_800_000,
  /** How long a member that joins for the first time may wait in the join barrier (Kafka: NewMemberJoinTimeoutMs). */
  newMemberJoinTimeoutMs: 300_000,
  /** Members of one group [group.max.size]. */
  groupMembers: 10_000,
  /** Subscriptions that one member may hand in, and the assignment of one; bytes. Kafka: what fits a record of its offsets topic. */
  memberMetadataBytes: 1024 * 1024,
  /** Consumer groups. */
  groups: 100_000,
  /** Batches per producer and partition that a retry is recognised in (Kafka: ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
  producerWindowBatches: 5,
  /** An idle producer is forgotten after a day [producer.id.expiration.ms]. */
  producerExpirationMs: 86_400_000,
  /** Producers remembered per partition; the one idle longest makes room. */
  producersPerPartition: 100_000,
  /** Longest transaction time-out that a producer may ask for [transaction.max.timeout.ms]. */
  maxTransactionTimeoutMs: 900_000,
  /** Transactional ids. */
  transactionalIds: 100_000,
  /** A transactional id that nobody used for 7 days is forgotten [transactional.id.expiration.ms]. */
  transactionalIdExpirationMs: 7 * 86_400_000,
  transactionalIdExpiryIntervalMs: 3_600_000,
  /** What the disk refused of a decided or timed out transaction is tried again so much later. */
  transactionRetryMs: 1_000,
  /** A sparse index entry is made every so many bytes of log [index.interval.bytes]. */
  indexIntervalBytes: 4096,
  /** After so many bytes, or so long, a log is synced in the background and its recovery point moved up. */
  checkpointBytes: 32 * 1024 * 1024,
  checkpointIntervalMs: 5_000,
  /** How often logs are looked at for compaction [log.cleaner.backoff.ms]. */
  cleanerIntervalMs: 15_000,
  /** Different keys that one compaction of a log holds in memory; what they do not cover waits for the next. 24 to 64 bytes each. */
  cleanerKeys: 1_500_000,
  /** Bytes of a log read or written at once by compaction. */
  cleanerReadBytes: 256 * 1024,
  /** Bytes, packed and unpacked, that compaction works on before it lets others have the thread: about 3 ms. */
  cleanerSliceBytes: 256 * 1024,
  /** Index entries of a compacted segment stored at once. */
  cleanerIndexEntries: 10_000,
  /** [log.retention.check.interval.ms] */
  retentionIntervalMs: 300_000,
  /** [offsets.retention.minutes] as ms: 7 days. */
  offsetsRetentionMs: 7 * 86_400_000,
  /** [offsets.retention.check.interval.ms] */
  offsetsRetentionIntervalMs: 600_000,
  /** The journal is rewritten when it outgrows this, and four times what it would hold when rewritten. */
  journalCompactionBytes: 4 * 1024 * 1024,
  /** How often the journal is looked at for that. */
  journalCheckIntervalMs: 5_000,
  /** Producer ids reserved in the journal at a time. */
  producerIdBlock: 1000,
  /** `group` mode: appends within this time share one fdatasync. */
  groupSyncWindowMs: 1,
  /** Bytes of a log read at once while it is recovered. */
  recoveryReadBytes: 1024 * 1024,
} as const
