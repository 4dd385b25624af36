import type { BrokerState } from './broker-state.ts'
import { limits } from './limits.ts'
import { configTypes, configValue, type ConfigType } from './topics/topic-configs.ts'

export interface BrokerConfigRow {
  readonly name: string
  readonly type: ConfigType
  readonly value: string
  readonly documentation: string
}

const { BOOLEAN, INT, LONG, STRING } = configTypes

/** The broker's settings under Kafka's names, as tools and tests ask for them. Fixed while it runs. */
export function brokerConfigs(broker: BrokerState): readonly BrokerConfigRow[] {
  const row = (
    name: string,
    type: ConfigType,
    value: unknown,
    documentation: string,
  ): BrokerConfigRow => ({ name, type, value: String(value), documentation })
  const topicDefault = (name: string): string => configValue(new Map(), name)
  return [
    row('auto.create.topics.enable', BOOLEAN, broker.autoCreateTopics, 'Create topics on demand.'),
    row('broker.id', INT, broker.nodeId, 'Id of this node.'),
    row('node.id', INT, broker.nodeId, 'Id of this node.'),
    row('log.dirs', STRING, broker.directory, 'Where records are kept.'),
    row('num.partitions', INT, broker.defaultPartitions, 'Partitions of topics made on demand.'),
    row('default.replication.factor', INT, 1, 'Replicas of a partition.'),
    row('offsets.topic.replication.factor', INT, 1, 'Replicas of the offsets.'),
    row('transaction.state.log.replication.factor', INT, 1, 'Replicas of transaction state.'),
    row('min.insync.replicas', INT, 1, 'Replicas that acks=all waits for.'),
    row('log.cleanup.policy', STRING, topicDefault('cleanup.policy'), 'Default of topics.'),
    row('log.retention.ms', LONG, topicDefault('retention.ms'), 'Default of topics.'),
    row('log.retention.bytes', LONG, topicDefault('retention.bytes'), 'Default of topics.'),
    row('log.segment.bytes', INT, topicDefault('segment.bytes'), 'Default of topics.'),
    row('log.roll.ms', LONG, topicDefault('segment.ms'), 'Default of topics.'),
    row('message.max.bytes', INT, topicDefault('max.message.bytes'), 'Default of topics.'),
    row('compression.type', STRING, topicDefault('compression.type'), 'Default of topics.'),
    row('log.message.timestamp.type', STRING, 'CreateTime', 'Default of topics.'),
    row('socket.request.max.bytes', INT, limits.frameBytes, 'Largest request.'),
    row('fetch.max.bytes', INT, limits.fetchBytes, 'Largest fetch answer.'),
    row('connections.max.idle.ms', LONG, limits.connectionIdleMs, 'Idle connections are closed.'),
    row('offset.metadata.max.bytes', INT, limits.offsetMetadataBytes, 'Largest note of a commit.'),
    row('offsets.retention.minutes', INT, limits.offsetsRetentionMs / 60_000, 'Of unused offsets.'),
    row('group.min.session.timeout.ms', INT, limits.minSessionTimeoutMs, 'Shortest session.'),
    row('group.max.session.timeout.ms', INT, limits.maxSessionTimeoutMs, 'Longest session.'),
    row('group.max.size', INT, limits.groupMembers, 'Members of a group.'),
    row('producer.id.expiration.ms', INT, limits.producerExpirationMs, 'Of idle producers.'),
    row('delete.topic.enable', BOOLEAN, true, 'Whether topics can be deleted.'),
  ]
}
