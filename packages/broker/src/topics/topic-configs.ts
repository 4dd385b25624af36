import type { LogSettings } from '../log/partition-log.ts'
import { compressionCodecs } from '@millrace/protocol'
import type { ProduceSettings } from '../log/batch-checks.ts'
import type { CleanerSettings } from '../log/log-cleaner.ts'

/** Numbers of `ConfigDef.Type` as DescribeConfigs v3+ sends them. */
export const configTypes = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
} as const
export type ConfigType = (typeof configTypes)[keyof typeof configTypes]

export interface ConfigRow {
  readonly name: string
  readonly type: ConfigType
  readonly default: string
  readonly documentation: string
  /** Sentence about what is wrong with the value; undefined when it is right. */
  readonly fault: (value: string) => string | undefined
}

/** The largest value of Java's long, Kafka's way to say "never". */
const NEVER = '9223372036854775807'

/**
 * Every topic setting of Kafka 4.1 with its default. All can be set and are listed; those that a single node has no use for are kept and
 * change nothing (`GAPS.md` names them).
 */
export const topicConfigs: readonly ConfigRow[] = [
  list('cleanup.policy', 'delete', ['delete', 'compact'], 'What happens to old segments.'),
  whole('compression.gzip.level', 'INT', '-1', -1, 9, 'Level of gzip.'),
  whole('compression.lz4.level', 'INT', '9', 1, 17, 'Level of lz4.'),
  choice(
    'compression.type',
    'producer',
    ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd', 'producer'],
    'Codec that batches are stored in; "producer" keeps what the producer chose.',
  ),
  whole('compression.zstd.level', 'INT', '3', -131_072, 22, 'Level of zstd.'),
  whole('delete.retention.ms', 'LONG', '86400000', 0, Infinity, 'How long tombstones are kept.'),
  whole('file.delete.delay.ms', 'LONG', '60000', 0, Infinity, 'Wait before a file is removed.'),
  whole('flush.messages', 'LONG', NEVER, 1, Infinity, 'Records between two syncs.'),
  whole('flush.ms', 'LONG', NEVER, 0, Infinity, 'Time between two syncs.'),
  free('follower.replication.throttled.replicas', '', 'Replicas whose replication is throttled.'),
  whole('index.interval.bytes', 'INT', '4096', 0, Infinity, 'Log bytes per index entry.'),
  free('leader.replication.throttled.replicas', '', 'Replicas whose replication is throttled.'),
  whole('local.retention.bytes', 'LONG', '-2', -2, Infinity, 'Bytes kept beside tiered storage.'),
  whole('local.retention.ms', 'LONG', '-2', -2, Infinity, 'Time kept beside tiered storage.'),
  whole('max.compaction.lag.ms', 'LONG', NEVER, 1, Infinity, 'Longest wait for compaction.'),
  whole('max.message.bytes', 'INT', '1048588', 0, Infinity, 'Largest record batch.'),
  whole(
    'message.timestamp.after.max.ms',
    'LONG',
    '3600000',
    0,
    Infinity,
    'How far in the future a record may lie.',
  ),
  whole(
    'message.timestamp.before.max.ms',
    'LONG',
    NEVER,
    0,
    Infinity,
    'How far in the past a record may lie.',
  ),
  choice(
    'message.timestamp.type',
    'CreateTime',
    ['CreateTime', 'LogAppendTime'],
    'Who stamps records: the producer or the broker.',
  ),
  {
    name: 'min.cleanable.dirty.ratio',
    type: configTypes.DOUBLE,
    default: '0.5',
    documentation: 'Share of uncompacted log that starts a compaction.',
    fault: (value) =>
      value !== '' && Number(value) >= 0 && Number(value) <= 1
        ? undefined
        : 'must be a number from 0 to 1',
  },
  whole('min.compaction.lag.ms', 'LONG', '0', 0, Infinity, 'Shortest wait for compaction.'),
  whole('min.insync.replicas', 'INT', '1', 1, Infinity, 'Replicas that acks=all waits for.'),
  flag('preallocate', 'false', 'Reserve the file space of a new segment.'),
  flag('remote.log.copy.disable', 'false', 'Stop copying to tiered storage.'),
  flag('remote.log.delete.on.disable', 'false', 'Drop tiered data when tiering ends.'),
  flag('remote.storage.enable', 'false', 'Use tiered storage.'),
  whole('retention.bytes', 'LONG', '-1', -1, Infinity, 'Bytes kept per partition; -1 all.'),
  whole(
    'retention.ms',
    'LONG',
    '604800000',
    -1,
    Infinity,
    'How long records are kept; -1 for ever.',
  ),
  // Kafka 4 refuses less than 1 MiB; smaller ones make retention testable.
  whole('segment.bytes', 'INT', '1073741824', 1024, Infinity, 'Size of a segment file.'),
  whole('segment.index.bytes', 'INT', '10485760', 4, Infinity, 'Size of an index file.'),
  whole('segment.jitter.ms', 'LONG', '0', 0, Infinity, 'Random part of segment.ms.'),
  whole('segment.ms', 'LONG', '604800000', 1, Infinity, 'Age at which a segment is closed.'),
  flag('unclean.leader.election.enable', 'false', 'Let a replica that is behind take over.'),
]

const rowsByName = new Map(topicConfigs.map((row) => [row.name, row]))

/** The setting of a name; undefined when there is none. */
export function topicConfig(name: string): ConfigRow | undefined {
  return rowsByName.get(name)
}

/** Sentence about the first setting that is unknown or wrong; undefined when all are right. */
export function faultOfConfigs(configs: ReadonlyMap<string, string>): string | undefined {
  for (const [name, value] of configs) {
    const row = rowsByName.get(name)
    if (row === undefined) return `Unknown topic config name: ${name}`
    const fault = row.fault(value)
    if (fault !== undefined) return `Invalid value ${value} for configuration ${name}: ${fault}`
  }
  return undefined
}

/** The value in force. */
export function configValue(configs: ReadonlyMap<string, string>, name: string): string {
  const row = rowsByName.get(name)
  return configs.get(name) ?? row?.default ?? ''
}

/** Codec numbers of `compression.type`; `producer` has none. */
const storedCodecs = new Map<string, number>([
  ['uncompressed', compressionCodecs.none],
  ...Object.entries(compressionCodecs),
])

/** What the broker obeys of a topic's settings. */
export type TopicSettings = LogSettings & ProduceSettings & CleanerSettings

export function settingsOf(configs: ReadonlyMap<string, string>): TopicSettings {
  const number = (name: string): number => Number(configValue(configs, name))
  const policies = configValue(configs, 'cleanup.policy').split(',')
  const compacts = policies.includes('compact')
  return {
    segmentBytes: number('segment.bytes'),
    // A record that waits in the active segment is not compacted, so that one closes in time (Kafka: LogConfig.maxSegmentMs).
    segmentMs: compacts
      ? Math.min(number('segment.ms'), number('max.compaction.lag.ms'))
      : number('segment.ms'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    deletesOld: policies.includes('delete'),
    compacts,
    deleteRetentionMs: number('delete.retention.ms'),
    minDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    needsKeys: compacts,
    storedCodec: storedCodecs.get(configValue(configs, 'compression.type')),
    maxRecordBytes: number('max.message.bytes'),
    stampsOnAppend: configValue(configs, 'message.timestamp.type') === 'LogAppendTime',
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
  }
}

function whole(
  name: string,
  type: 'INT' | 'LONG',
  initial: string,
  min: number,
  max: number,
  documentation: string,
): ConfigRow {
  const limit = type === 'INT' ? Math.min(max, 0x7fff_ffff) : max
  return {
    name,
    type: configTypes[type],
    default: initial,
    documentation,
    fault: (value) =>
      /^-?\d{1,19}$/.test(value) && Number(value) >= min && Number(value) <= limit
        ? undefined
        : `must be a whole number from ${min}${limit === Infinity ? '' : ` to ${limit}`}`,
  }
}

function choice(
  name: string,
  initial: string,
  values: readonly string[],
  documentation: string,
): ConfigRow {
  return {
    name,
    type: configTypes.STRING,
    default: initial,
    documentation,
    fault: (value) => (values.includes(value) ? undefined : `must be one of ${values.join(', ')}`),
  }
}

function list(
  name: string,
  initial: string,
  values: readonly string[],
  documentation: string,
): ConfigRow {
  return {
    name,
    type: configTypes.LIST,
    default: initial,
    documentation,
    fault: (value) =>
      value.split(',').every((part) => values.includes(part))
        ? undefined
        : `must be a list of ${values.join(', ')}`,
  }
}

function flag(name: string, initial: string, documentation: string): ConfigRow {
  return {
    name,
    type: configTypes.BOOLEAN,
    default: initial,
    documentation,
    fault: (value) => (/^(true|false)$/i.test(value) ? undefined : 'must be true or false'),
  }
}

function free(name: string, initial: string, documentation: string): ConfigRow {
  return { name, type: configTypes.LIST, default: initial, documentation, fault: () => undefined }
}
