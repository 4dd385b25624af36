/** The options of a consumer, checked, with their defaults. */
import type { ConsumerOptions } from './consumer-types.ts'
import { assignorsOf } from './group-assignment.ts'
import type { IsolationLevel, OffsetAt } from './offsets.ts'
import { badOption, integerOption } from './options.ts'
import type { PartitionAssignor } from './partition-assignor.ts'

/** How long a batch may still be finished and committed when its partition is to be given up. */
const maxDrainMs = 3_000
/** An answer of more is refused (`maxFrameBytes`). */
const bytes = { min: 1_024, max: 67_108_864 }

export interface ConsumerLimits {
  readonly isolationLevel: IsolationLevel
  readonly autoOffsetReset: OffsetAt
  readonly groupProtocol: 'classic' | 'consumer'
  readonly assignors: readonly PartitionAssignor[]
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly metadataMaxAgeMs: number
  readonly drainMs: number
  readonly maxPollIntervalMs: number | undefined
  readonly maxWaitMs: number
  readonly maxBatchRecords: number
  readonly fetchMaxBytes: number
  readonly maxPartitionFetchBytes: number
}

/** @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function consumerLimits(options: ConsumerOptions): ConsumerLimits {
  checkGroup(options)
  checkProtocol(options)
  const sessionTimeoutMs = integerOption('sessionTimeoutMs', options.sessionTimeoutMs, {
    min: 1_000,
    max: 1_800_000,
    default: 10_000,
  })
  const rebalanceTimeoutMs = integerOption('rebalanceTimeoutMs', options.rebalanceTimeoutMs, {
    min: 100,
    max: 3_600_000,
    default: 60_000,
  })
  const heartbeatIntervalMs = integerOption('heartbeatIntervalMs', options.heartbeatIntervalMs, {
    min: 10,
    max: sessionTimeoutMs - 1,
    default: Math.min(3_000, Math.floor(sessionTimeoutMs / 3)),
  })
  return {
    isolationLevel: options.isolationLevel ?? 'read_committed',
    autoOffsetReset: options.autoOffsetReset ?? 'earliest',
    groupProtocol: options.groupProtocol ?? 'classic',
    assignors: assignorsOf(options.assignors ?? ['range']),
    sessionTimeoutMs,
    heartbeatIntervalMs,
    rebalanceTimeoutMs,
    metadataMaxAgeMs: integerOption('metadataMaxAgeMs', options.metadataMaxAgeMs, {
      min: 100,
      max: 2 ** 31 - 1,
      default: 30_000,
    }),
    drainMs: Math.min(maxDrainMs, rebalanceTimeoutMs / 2),
    maxPollIntervalMs:
      options.maxPollIntervalMs === undefined
        ? undefined
        : integerOption('maxPollIntervalMs', options.maxPollIntervalMs, {
            min: 1,
            max: 2 ** 31 - 1,
            default: 0,
          }),
    maxWaitMs: integerOption('maxWaitMs', options.maxWaitMs, { min: 1, max: 60_000, default: 500 }),
    maxBatchRecords: integerOption('maxBatchRecords', options.maxBatchRecords, {
      min: 1,
      max: 1_000_000,
      default: 500,
    }),
    fetchMaxBytes: integerOption('fetchMaxBytes', options.fetchMaxBytes, {
      ...bytes,
      default: 10_485_760,
    }),
    maxPartitionFetchBytes: integerOption(
      'maxPartitionFetchBytes',
      options.maxPartitionFetchBytes,
      { ...bytes, default: 1_048_576 },
    ),
  }
}

/** Options that belong to the other protocol would be ignored in silence. */
function checkProtocol(options: ConsumerOptions): void {
  const { groupProtocol = 'classic', serverAssignor } = options
  if (groupProtocol !== 'classic' && groupProtocol !== 'consumer')
    throw badOption('groupProtocol', groupProtocol, "must be 'classic' or 'consumer'")
  if (groupProtocol === 'classic') {
    if (serverAssignor === undefined) return
    throw badOption('serverAssignor', serverAssignor, "needs groupProtocol 'consumer'")
  }
  for (const name of ['assignors', 'sessionTimeoutMs', 'heartbeatIntervalMs'] as const)
    if (options[name] !== undefined)
      throw badOption(name, options[name], "is the broker's to say with groupProtocol 'consumer'")
}

function checkGroup({ groupId, topics }: ConsumerOptions): void {
  if (groupId === '') throw badOption('groupId', '', 'must not be empty')
  if (topics === undefined) return
  if (groupId === undefined) throw badOption('groupId', undefined, 'must be given with topics')
  if (Array.isArray(topics) && topics.length === 0)
    throw badOption('topics', [], 'must name at least one topic')
}
