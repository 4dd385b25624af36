import { errorCodes } from '@millrace/protocol'
import type { BrokerConfigsRecord, BrokerRecord } from './broker-records.ts'
import type { Journal } from './journal.ts'
import { limits } from './limits.ts'
import { configTypes, topicConfig, type ConfigType } from './topics/topic-configs.ts'

export interface BrokerConfigRow {
  readonly name: string
  readonly type: ConfigType
  /** As started, before any change. */
  readonly value: string
  readonly documentation: string
  /** The topic setting that this one is the default of; such settings can be changed while the broker runs. */
  readonly topicConfig?: string
}

const { BOOLEAN, INT, LONG, STRING } = configTypes

/** Broker settings that are defaults of topic settings (Kafka: ServerTopicConfigSynonyms). All are dynamic. */
const topicDefaults: readonly (readonly [name: string, topicConfig: string])[] = [
  ['compression.type', 'compression.type'],
  ['log.cleaner.delete.retention.ms', 'delete.retention.ms'],
  ['log.cleaner.max.compaction.lag.ms', 'max.compaction.lag.ms'],
  ['log.cleaner.min.cleanable.ratio', 'min.cleanable.dirty.ratio'],
  ['log.cleaner.min.compaction.lag.ms', 'min.compaction.lag.ms'],
  ['log.cleanup.policy', 'cleanup.policy'],
  ['log.message.timestamp.after.max.ms', 'message.timestamp.after.max.ms'],
  ['log.message.timestamp.before.max.ms', 'message.timestamp.before.max.ms'],
  ['log.message.timestamp.type', 'message.timestamp.type'],
  ['log.retention.bytes', 'retention.bytes'],
  ['log.retention.ms', 'retention.ms'],
  ['log.roll.ms', 'segment.ms'],
  ['log.segment.bytes', 'segment.bytes'],
  ['message.max.bytes', 'max.message.bytes'],
  ['min.insync.replicas', 'min.insync.replicas'],
]

const dynamicRows = new Map(
  topicDefaults.map(([name, topicName]): [string, BrokerConfigRow & { default: string }] => {
    const { type, default: value, documentation } = topicConfig(topicName)!
    return [
      name,
      {
        name,
        type,
        value,
        default: value,
        documentation: `Default of topics: ${documentation}`,
        topicConfig: topicName,
      },
    ]
  }),
)

/** What is told of a broker. */
export interface BrokerFacts {
  readonly nodeId: number
  readonly directory: string
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
  readonly consumerSessionTimeoutMs: number
  readonly consumerHeartbeatIntervalMs: number
}

export interface BrokerConfigsOptions {
  readonly broker: BrokerFacts
  /** Called late, because opening the journal needs the settings for its replay. */
  readonly journal: () => Journal<BrokerRecord>
  /** Told what topics get from now on where they set nothing themselves. */
  readonly onTopicDefaults: (defaults: ReadonlyMap<string, string>) => void
}

/** Settings fixed at the start, under Kafka's names, as tools and tests ask for them. */
function fixedRows(broker: BrokerFacts): readonly BrokerConfigRow[] {
  const row = (
    name: string,
    type: ConfigType,
    value: unknown,
    documentation: string,
  ): BrokerConfigRow => ({ name, type, value: String(value), documentation })
  return [
    row('auto.create.topics.enable', BOOLEAN, broker.autoCreateTopics, 'Create topics on demand.'),
    row('broker.id', INT, broker.nodeId, 'Id of this node.'),
    row('node.id', INT, broker.nodeId, 'Id of this node.'),
    row('log.dirs', STRING, broker.directory, 'Where records are kept.'),
    row('num.partitions', INT, broker.defaultPartitions, 'Partitions of topics made on demand.'),
    row('default.replication.factor', INT, 1, 'Replicas of a partition.'),
    row('offsets.topic.replication.factor', INT, 1, 'Replicas of the offsets.'),
    row('transaction.state.log.replication.factor', INT, 1, 'Replicas of transaction state.'),
    row('log.cleaner.enable', BOOLEAN, true, 'Whether compacted topics are compacted.'),
    row('log.cleaner.backoff.ms', LONG, limits.cleanerIntervalMs, 'Between looks for work.'),
    row('log.retention.check.interval.ms', LONG, limits.retentionIntervalMs, 'Between looks.'),
    row('socket.request.max.bytes', INT, limits.frameBytes, 'Largest request.'),
    row('fetch.max.bytes', INT, limits.fetchBytes, 'Largest fetch answer.'),
    row('connections.max.idle.ms', LONG, limits.connectionIdleMs, 'Idle connections are closed.'),
    row('offset.metadata.max.bytes', INT, limits.offsetMetadataBytes, 'Largest note of a commit.'),
    row('offsets.retention.minutes', INT, limits.offsetsRetentionMs / 60_000, 'Of unused offsets.'),
    row('group.min.session.timeout.ms', INT, limits.minSessionTimeoutMs, 'Shortest session.'),
    row('group.max.session.timeout.ms', INT, limits.maxSessionTimeoutMs, 'Longest session.'),
    row('group.max.size', INT, limits.groupMembers, 'Members of a group.'),
    row(
      'group.consumer.session.timeout.ms',
      INT,
      broker.consumerSessionTimeoutMs,
      'Of members of groups of the new protocol.',
    ),
    row(
      'group.consumer.heartbeat.interval.ms',
      INT,
      broker.consumerHeartbeatIntervalMs,
      'How often those are told to heartbeat.',
    ),
    row('group.consumer.max.size', INT, limits.groupMembers, 'Members of such a group.'),
    row('producer.id.expiration.ms', INT, limits.producerExpirationMs, 'Of idle producers.'),
    row('delete.topic.enable', BOOLEAN, true, 'Whether topics can be deleted.'),
  ]
}

/** Every setting of the broker. */
export function brokerConfigs(broker: BrokerFacts): readonly BrokerConfigRow[] {
  return [...fixedRows(broker), ...dynamicRows.values()]
}

/** The broker setting that is the default of a topic's; undefined when there is none. */
export function brokerConfigOf(topicConfigName: string): string | undefined {
  return topicDefaults.find(([, name]) => name === topicConfigName)?.[0]
}

/**
 * What was changed of the broker's settings while it ran: for this node, and under the empty name for the whole cluster, which the node's
 * own come before (KIP-226). Changes are in the journal, and reach every topic that does not set the value itself at once.
 */
export class BrokerConfigs {
  readonly #options: BrokerConfigsOptions
  readonly #byNode = new Map<string, ReadonlyMap<string, string>>()

  constructor(options: BrokerConfigsOptions) {
    this.#options = options
  }

  /** @param node the node's id, or empty for the cluster */
  of(node: string): ReadonlyMap<string, string> {
    return this.#byNode.get(node) ?? new Map()
  }

  /** A setting that may be changed; undefined when there is none. */
  row(name: string): (BrokerConfigRow & { readonly default: string }) | undefined {
    return dynamicRows.get(name)
  }

  /** What the changed settings make of topics' defaults. */
  topicDefaults(): ReadonlyMap<string, string> {
    const changed = new Map([...this.of(''), ...this.of(String(this.#options.broker.nodeId))])
    return new Map([...changed].map(([name, value]) => [this.row(name)!.topicConfig!, value]))
  }

  /** @param changedNames what the request names, of which all must be there and dynamic */
  faultOf(
    changedNames: readonly string[],
    configs: ReadonlyMap<string, string>,
  ): { readonly errorCode: number; readonly text: string } | undefined {
    for (const name of changedNames) {
      if (dynamicRows.has(name)) continue
      if (fixedRows(this.#options.broker).some((row) => row.name === name)) {
        const text = `Cannot update these configs dynamically: ${name}`
        return { errorCode: errorCodes.INVALID_REQUEST, text }
      }
      return { errorCode: errorCodes.INVALID_CONFIG, text: `Unknown broker config name: ${name}` }
    }
    for (const [name, value] of configs) {
      const fault = topicConfig(this.row(name)!.topicConfig!)?.fault(value)
      if (fault === undefined) continue
      const text = `Invalid value ${value} for configuration ${name}: ${fault}`
      return { errorCode: errorCodes.INVALID_REQUEST, text }
    }
    return undefined
  }

  /** Puts settings that `faultOf` finds nothing wrong with in the place of all that were changed for `node`. */
  async alter(node: string, configs: ReadonlyMap<string, string>): Promise<void> {
    const journal = this.#options.journal()
    journal.append([{ type: 'brokerConfigs', node, configs: [...configs] }])
    this.#byNode.set(node, configs)
    this.#options.onTopicDefaults(this.topicDefaults())
    await journal.durable()
  }

  replay({ node, configs }: BrokerConfigsRecord): void {
    this.#byNode.set(node, new Map(configs))
  }

  *snapshot(): Generator<BrokerConfigsRecord> {
    for (const [node, configs] of this.#byNode)
      if (configs.size > 0) yield { type: 'brokerConfigs', node, configs: [...configs] }
  }
}
