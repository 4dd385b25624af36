import type { Clock, Logger, Meter } from '@millrace/core'
import type { KafkaOptions } from '@millrace/kafka'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError } from '../errors.ts'

/** `exactly_once_v2`: outputs, state and offsets of a commit become visible together or not at all. */
export type ProcessingGuarantee = 'exactly_once_v2' | 'at_least_once'

/** What a stream thread is told; the same in this process and in a worker. */
export interface RuntimeSettings {
  /** Names the consumer group, and stands in front of internal topics and of transactional ids. */
  readonly applicationId: string
  readonly guarantee: ProcessingGuarantee
  /** Time between commits, ms. */
  readonly commitIntervalMs: number
  /** How long a task with an empty partition waits for it, ms; -1 never, 0 while records are known to be there (trap 3). */
  readonly maxTaskIdleMs: number
  /** Records fetched and not processed, over all partitions of a thread, above which no more are taken. */
  readonly bufferedRecords: number
  /** The same in bytes, counted as they lie in memory. */
  readonly bufferedBytes: number
  /** Changes of state that wait in memory for the next commit, bytes per thread; more bring the commit forward. */
  readonly stateBufferBytes: number
  /** Memory for updates of tables that are not sent yet, bytes; 0: each is sent. Java's `statestore.cache.max.bytes`. */
  readonly cacheMaxBytes: number
  /** How often committed records of repartition topics are deleted, ms. */
  readonly repartitionPurgeIntervalMs: number
  /** How long a thread may go on trying without one commit before it gives up, ms. */
  readonly taskTimeoutMs: number
  /** How long the group goes on without a sign of a thread, ms. */
  readonly sessionTimeoutMs: number
  /** Time between signs, ms. */
  readonly heartbeatIntervalMs: number
  /** How often the group looks for topics that have come to match a pattern, and for new partitions, ms. */
  readonly metadataMaxAgeMs: number
  /** How long a transaction may stay open before the brokers abort it, ms. */
  readonly transactionTimeoutMs: number
  /** Copies of each task's state on other processes, kept behind the changelogs. Java's `num.standby.replicas`. */
  readonly standbyReplicas: number
  /** Changelog records that a copy may lack for its process to be given the task. */
  readonly acceptableRecoveryLag: number
  /** Copies beyond the standbys that may be warming up at once, in the whole group, for processes that are to get tasks. */
  readonly maxWarmupReplicas: number
  /** How soon the group looks whether copies that were warming up have caught up, ms. Java's `probing.rebalance.interval.ms`. */
  readonly probingRebalanceIntervalMs: number
  /** Where an empty group begins to read sources that do not say it. */
  readonly offsetReset: 'earliest' | 'latest'
}

/** What a thread has of its own. */
export interface ThreadIdentity {
  readonly index: number
  /** Outlives restarts with the state directory. */
  readonly processId: string
  /** The instance's name in the group, of which each thread makes its own; undefined where threads are dynamic members. */
  readonly instanceId?: string | undefined
  /** `<stateDir>/<applicationId>` */
  readonly stateDirectory: string
  /** `host:port` at which other instances reach this one's query server; undefined where it has none. */
  readonly applicationServer?: string | undefined
}

/** What cannot be sent to a worker, and is made there anew or told back. */
export interface ThreadSurroundings {
  readonly kafka: KafkaOptions
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
  readonly errorHandling: ErrorHandling
}

const defaults = {
  maxTaskIdleMs: 0,
  bufferedRecords: 20_000,
  bufferedBytes: 2_097_152,
  stateBufferBytes: 67_108_864,
  cacheMaxBytes: 10_485_760,
  repartitionPurgeIntervalMs: 30_000,
  taskTimeoutMs: 300_000,
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 3_000,
  metadataMaxAgeMs: 30_000,
  transactionTimeoutMs: 10_000,
  standbyReplicas: 0,
  acceptableRecoveryLag: 10_000,
  maxWarmupReplicas: 2,
  probingRebalanceIntervalMs: 600_000,
  offsetReset: 'earliest',
} as const

const bounds = {
  commitIntervalMs: [1, 3_600_000],
  maxTaskIdleMs: [-1, 3_600_000],
  bufferedRecords: [1, 10_000_000],
  bufferedBytes: [1, 4_294_967_296],
  stateBufferBytes: [1, 4_294_967_296],
  cacheMaxBytes: [0, 4_294_967_296],
  repartitionPurgeIntervalMs: [1, 3_600_000],
  taskTimeoutMs: [0, 3_600_000],
  sessionTimeoutMs: [1_000, 1_800_000],
  heartbeatIntervalMs: [100, 600_000],
  metadataMaxAgeMs: [100, 2_147_483_647],
  transactionTimeoutMs: [1_000, 900_000],
  standbyReplicas: [0, 100],
  acceptableRecoveryLag: [0, Number.MAX_SAFE_INTEGER],
  maxWarmupReplicas: [1, 10_000],
  probingRebalanceIntervalMs: [100, 86_400_000],
} as const

export type SettingsGiven = Partial<RuntimeSettings> & Pick<RuntimeSettings, 'applicationId'>

/** Java's defaults (100 ms between commits under exactly-once, else 30 s). @throws StreamsError `MR_STREAMS_BAD_OPTION` */
export function runtimeSettings(given: SettingsGiven): RuntimeSettings {
  const guarantee = given.guarantee ?? 'at_least_once'
  if (guarantee !== 'exactly_once_v2' && guarantee !== 'at_least_once')
    throw badOption('guarantee', guarantee, "must be 'exactly_once_v2' or 'at_least_once'")
  if (!/^[a-zA-Z0-9._-]{1,180}$/.test(given.applicationId))
    throw badOption(
      'applicationId',
      given.applicationId,
      'must be 1 to 180 letters, digits, dots, dashes or underscores: topics and directories are named after it',
    )
  const commitIntervalMs = guarantee === 'exactly_once_v2' ? 100 : 30_000
  const settings: RuntimeSettings = {
    ...defaults,
    commitIntervalMs,
    ...onlyDefined(given),
    applicationId: given.applicationId,
    guarantee,
  }
  for (const [name, [min, max]] of Object.entries(bounds)) {
    const value = settings[name as keyof typeof bounds]
    if (!Number.isInteger(value) || value < min || value > max)
      throw badOption(name, value, `must be an integer from ${min} to ${max}`)
  }
  if (guarantee === 'exactly_once_v2' && settings.commitIntervalMs >= settings.transactionTimeoutMs)
    throw badOption(
      'commitIntervalMs',
      settings.commitIntervalMs,
      `must be less than transactionTimeoutMs (${settings.transactionTimeoutMs}), or transactions end before their commit`,
    )
  return settings
}

function onlyDefined(given: SettingsGiven): Partial<RuntimeSettings> {
  const known = [...Object.keys(defaults), 'commitIntervalMs']
  return Object.fromEntries(
    Object.entries(given).filter(([name, value]) => known.includes(name) && value !== undefined),
  )
}

export function badOption(name: string, value: unknown, rule: string): StreamsError {
  return new StreamsError('MR_STREAMS_BAD_OPTION', `${name} is ${String(value)}; it ${rule}.`, {
    option: name,
    value,
  })
}
